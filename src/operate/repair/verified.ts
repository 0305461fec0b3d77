import type { Description, Manifest } from "../../core/description.ts";
import { blake3Hex } from "../../core/digest.ts";
import { ArchiverError } from "../../core/errors.ts";
import { macOk, parseManifest } from "../../core/manifest.ts";
import { type BatchKey, scopeText, type Scope } from "../../core/scope.ts";
import type { ArchivedRecord } from "../../core/record.ts";
import { holdsOf } from "../../sdk/holds.ts";
import type { ArchiveIdentity, SealedBatch, Sink } from "../../sdk/sink.ts";
import { manifestMacKey, type Seed } from "../../seal/keys.ts";
import { openContent, readRecords } from "../../seal/unseal.ts";

/** A sink by name, as commands and the daemon have them. */
export interface Named {
  readonly name: string;
  readonly sink: Sink;
}

export const keepsFiles = ({ sink }: Named): boolean => holdsOf(sink.capabilities) === "files";

/** Why a manifest may not count for this archive; null: nothing speaks against it. */
export function objection(
  m: Manifest,
  scope: Scope,
  archive: { readonly identity: ArchiveIdentity; readonly seeds: readonly Seed[] },
): string | null {
  const { archiveId, clusterId } = archive.identity;
  if (m.archiveId !== archiveId) return `it is of archive ${m.archiveId}`;
  if (m.clusterId !== clusterId) return `it is of cluster ${m.clusterId}`;
  if (scopeText(m) !== scopeText(scope)) return `it is of ${scopeText(m)}`;
  const { seeds } = archive;
  if (seeds.length === 0 || m.seal.encryption === "none") return null;
  const seed = seeds.find((s) => s.keyId === m.seal.keyId);
  if (seed === undefined)
    return `it was sealed with key ${m.seal.keyId}, which the seed file lacks`;
  return macOk(m, manifestMacKey(seed.secret)) ? null : "its MAC is not that of the seed";
}

/** A manifest as it was read under a key; a text says why it does not count. */
export function manifestOf(
  bytes: Uint8Array | undefined,
  key: BatchKey,
  archive: Parameters<typeof objection>[2],
): Manifest | string {
  if (bytes === undefined) return "its manifest was listed and is gone";
  try {
    const m = parseManifest(bytes);
    if (m.start !== key.start) return `it is the manifest of the batch at ${m.start}`;
    return objection(m, key, archive) ?? m;
  } catch (error) {
    if (error instanceof ArchiverError && error.code === "manifest-invalid") return error.message;
    throw error;
  }
}

/**
 * A stored file, whole and with the digest that its description says. One file is in memory.
 * @throws ArchiverError sealed-invalid; what the sink raises
 */
export async function readFile(
  named: Named,
  d: Description,
  signal: AbortSignal,
): Promise<Uint8Array> {
  const bytes = new Uint8Array(d.seal.size);
  let at = 0;
  for await (const piece of named.sink.read(d, { from: 0 }, signal)) {
    if (at + piece.length > bytes.length) {
      at = -1;
      break;
    }
    bytes.set(piece, at);
    at += piece.length;
  }
  if (at === bytes.length && blake3Hex(bytes) === d.seal.digest) return bytes;
  const text = `sink ${named.name}, ${d.seal.path}: its bytes are not what its description says`;
  throw new ArchiverError("sealed-invalid", text);
}

/** With its records for sinks that take records; those of an encrypted file need an identity. */
export function sealedBatch(
  d: Description,
  bytes: Uint8Array,
  identities: readonly Uint8Array[],
): SealedBatch {
  async function* records(signal: AbortSignal): AsyncGenerator<readonly ArchivedRecord[]> {
    const content = openContent(d, whole(bytes), { identities });
    for await (const some of readRecords(d, content)) {
      signal.throwIfAborted();
      yield some;
    }
  }
  return { description: d, bytes, records };
}

// oxlint-disable-next-line require-await -- a stream of what is at hand
async function* whole(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}
