import type { Manifest } from "../../core/description.ts";
import { ArchiverError } from "../../core/errors.ts";
import { parseManifest } from "../../core/manifest.ts";
import type { Scope } from "../../core/scope.ts";
import { type Documents, MAX_DOCUMENT_BYTES } from "../../sdk/documents.ts";
import type { Sink } from "../../sdk/sink.ts";
import { encodeRollUp, nameOf, rollUpLines, rollUpPath } from "./roll-up.ts";
import { rollUps } from "./roll-ups.ts";

/** Manifests that are read at once. */
const READ_AHEAD = 16;

export interface IndexOptions {
  readonly sink: Sink;
  readonly documents: Documents;
  readonly scope: Scope;
  /** Batches of one roll-up. */
  readonly every: number;
  /** Read everything again and make anew what is not as the manifests are. */
  readonly rebuild: boolean;
  /** Compare only. */
  readonly dryRun: boolean;
  readonly done: (batches: number) => void;
}

export interface IndexedScope {
  readonly rollUps: number;
  readonly written: number;
  /** Roll-ups that were not as the manifests are. */
  readonly stale: number;
  readonly batches: number;
  /** Batches behind the last roll-up: they get one when they are enough. */
  readonly tail: number;
}

/** Rolls up the manifests of one partition that are in no roll-up yet, so many at a time. */
export async function writeRollUps(o: IndexOptions, signal: AbortSignal): Promise<IndexedScope> {
  const known = await rollUps(o.sink, o.scope, signal);
  const found = { rollUps: 0, written: 0, stale: 0, batches: 0, tail: 0 };
  let group: { manifest: Manifest; bytes: Uint8Array }[] = [];
  const from = o.rebuild ? 0n : (known.at(-1)?.end ?? 0n);
  if (!o.rebuild) found.rollUps = known.length;
  for await (const one of storedManifests(o, from, signal)) {
    const before = group.at(-1)?.manifest;
    // A batch that is missing may come back: what is behind it is rolled up then.
    if (before !== undefined && before.end !== one.manifest.start) break;
    group.push(one);
    found.batches += 1;
    o.done(1);
    if (group.length < o.every) continue;
    const edition = await editionOf(o, group, known, signal);
    found.rollUps += 1;
    if (edition > 0) found.stale += 1;
    if (edition >= 0) {
      found.written += 1;
      if (!o.dryRun) await write(o, group, edition, signal);
    }
    group = [];
  }
  return { ...found, tail: group.length };
}

/** -1: there, and as it should be. */
async function editionOf(
  o: IndexOptions,
  group: readonly { manifest: Manifest; bytes: Uint8Array }[],
  known: Awaited<ReturnType<typeof rollUps>>,
  signal: AbortSignal,
): Promise<number> {
  const there = known.find((r) => r.start === group[0]?.manifest.start);
  if (there === undefined) return 0;
  const file = await o.documents.read(there.path, signal);
  if (file === undefined) return there.edition + 1;
  const same = there.end === group.at(-1)?.manifest.end && sameLines(file, group);
  return same ? -1 : there.edition + 1;
}

function sameLines(file: Uint8Array, group: readonly { bytes: Uint8Array }[]): boolean {
  try {
    const lines = Buffer.concat([...rollUpLines(file)]);
    return lines.equals(Buffer.concat(group.map((g) => g.bytes)));
  } catch (error) {
    if (error instanceof ArchiverError && error.code === "sealed-invalid") return false;
    throw error;
  }
}

async function write(
  o: IndexOptions,
  group: readonly { manifest: Manifest; bytes: Uint8Array }[],
  edition: number,
  signal: AbortSignal,
): Promise<void> {
  const file = encodeRollUp(group.map((g) => g.bytes));
  if (file.length > MAX_DOCUMENT_BYTES) {
    const text = `a roll-up of ${file.length} bytes, at most ${MAX_DOCUMENT_BYTES} are kept`;
    throw new ArchiverError("usage", text);
  }
  const name = nameOf(
    group.map((g) => g.manifest),
    edition,
  );
  await o.documents.create(rollUpPath(o.scope, name), file, signal);
}

async function* storedManifests(
  { sink, scope }: IndexOptions,
  from: bigint,
  signal: AbortSignal,
): AsyncGenerator<{ manifest: Manifest; bytes: Uint8Array }> {
  const read = async (start: bigint): Promise<Uint8Array | undefined> =>
    sink.manifest({ ...scope, start }, signal);
  const ahead: Promise<Uint8Array | undefined>[] = [];
  const next = async (): Promise<{ manifest: Manifest; bytes: Uint8Array } | undefined> => {
    const bytes = await ahead.shift();
    return bytes === undefined ? undefined : { manifest: parseManifest(bytes), bytes };
  };
  for await (const { start, manifest } of sink.list(scope, from, signal)) {
    if (manifest === undefined) continue;
    const one = read(start);
    void Promise.allSettled([one]);
    ahead.push(one);
    if (ahead.length < READ_AHEAD) continue;
    const found = await next();
    if (found !== undefined) yield found;
  }
  while (ahead.length > 0) {
    const found = await next();
    if (found !== undefined) yield found;
  }
}
