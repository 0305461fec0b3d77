import { randomBytes } from "node:crypto";
import { rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { fsPlugin } from "../../sinks/fs/fs-plugin.ts";
import { genesisLink } from "../../src/core/chain.ts";
import type { Format } from "../../src/core/description.ts";
import { makeManifest } from "../../src/core/manifest.ts";
import type { Scope } from "../../src/core/scope.ts";
import type { Signer } from "../../src/core/signature.ts";
import { type Identity, parseIdentities } from "../../src/operate/verify/foreign-age.ts";
import type { NamedSink } from "../../src/operate/verify/verify-archive.ts";
import type { ArchiveIdentity, SealedBatch, Sink } from "../../src/sdk/sink.ts";
import type { CutData } from "../../src/seal/content.ts";
import type { Seed } from "../../src/seal/keys.ts";
import type { SealRecipe } from "../../src/seal/recipe.ts";
import { seal, type SealedFile } from "../../src/seal/seal.ts";
import { encodeIdentity } from "../../src/seal/x25519.ts";
import { batchBytes, type SampleRecord } from "./batch-bytes.ts";

export const never = new AbortController().signal;

export const IDENTITY: ArchiveIdentity = {
  version: 1,
  archiveId: "3f1c2a",
  clusterId: "MkU3OEVBNTcwNTJENDM2Qk",
  primary: "files",
  layout: 1,
  group: "archiver",
};

export const SCOPE: Scope = {
  topic: "logs",
  topicId: "AAAAAAAAAAAAAAAAAAAAAQ",
  partition: 0,
  branch: 0,
};

/** A folder that holds an archive, removed by `drop`. */
export interface SampleSink extends NamedSink {
  readonly dir: string;
}

export async function newSink(name: string, identity = IDENTITY): Promise<SampleSink> {
  const dir = path.join(tmpdir(), `archive-${randomBytes(6).toString("hex")}`);
  const sink = await openFolder(dir);
  await sink.claim(identity, never);
  return { name, sink, dir };
}

export const openFolder = (dir: string): Promise<Sink> =>
  fsPlugin.open(
    fsPlugin.schema.parse({ path: dir, fsync: false }),
    { name: "fs", baseDir: "/" },
    never,
  );

export async function drop(...sinks: readonly SampleSink[]): Promise<void> {
  for (const { sink, dir } of sinks) {
    await sink.close();
    await rm(dir, { recursive: true, force: true });
  }
}

/** Ten offsets a batch; the fourth offset of each is missing (compacted). */
export const sampleRecords = (start: bigint): SampleRecord[] =>
  [0n, 1n, 2n, 4n, 5n, 6n, 7n, 8n, 9n].map((i) => ({
    offset: start + i,
    timestamp: 1_700_000_000_000n + start + i,
    key: i === 5n ? null : Buffer.from(`key-${start + i}`),
    value: i === 6n ? null : Buffer.from(`{"line":${start + i}}`),
    headers: [
      ["trace", Buffer.from(`t-${start}`)],
      ["trace", null],
    ],
  }));

export function content(format: Format, records: readonly SampleRecord[], scope = SCOPE): Buffer {
  if (records.length === 0) return Buffer.alloc(0);
  const half = Math.min(4, Math.ceil(records.length / 2));
  return format === "segment"
    ? Buffer.concat([
        batchBytes(records.slice(0, half)),
        batchBytes(records.slice(half), { codec: 4 }),
      ])
    : Buffer.concat(records.map((r) => Buffer.from(`${line(r, scope)}\n`)));
}

function line(r: SampleRecord, scope: Scope): string {
  const text = (b: Buffer | null | undefined): string | null => b?.toString() ?? null;
  return JSON.stringify({
    topic: scope.topic,
    partition: scope.partition,
    offset: Number(r.offset),
    timestamp: Number(r.timestamp),
    timestampType: "CreateTime",
    key: text(r.key),
    value: text(r.value),
    headers: (r.headers ?? []).map(([key, value]) => ({
      key: text(Buffer.from(key)),
      value: text(value),
    })),
  });
}

/** How a sample is sealed; encrypted ones are for `RECIPIENT`, under `SEED`. */
export interface SampleKind {
  readonly format: Format;
  readonly encrypted: boolean;
}

export const SEED: Seed = { keyId: "k1", secret: Buffer.alloc(32, 7) };
export const IDENTITY_TEXT = `${encodeIdentity(Buffer.alloc(32, 9))}\n`;
export const [IDENTITY_KEY] = parseIdentities(IDENTITY_TEXT) as [Identity];

/**
 * Seals records as the daemon does. `holes` as for `sampleRecords`: the fourth offset is missing. No records: as
 * after `skip`.
 */
export function sealed(
  kind: SampleKind,
  start: bigint,
  records: readonly SampleRecord[],
  { archiveId, clusterId } = IDENTITY,
): SealedFile {
  const plain = content("segment", records);
  const blocks = new SharedArrayBuffer(plain.length);
  new Uint8Array(blocks).set(plain);
  const last = records.at(-1)?.timestamp ?? null;
  const skipped = records.length === 0 ? 10n : 0n;
  const hole = { from: start, to: start + 10n, reason: "skipped" as const, text: "given up" };
  const cut: CutData = {
    ...SCOPE,
    start,
    end: start + 10n,
    payload: {
      blocks: [blocks],
      length: plain.length,
    },
    ...{
      records: BigInt(records.length),
      aborted: 0n,
      control: 0n,
    },
    compacted: 10n - skipped - BigInt(records.length),
    ...{
      holes: skipped > 0n ? [hole] : [],
      sparse: true,
      firstTimestamp: records[0]?.timestamp ?? null,
    },
    ...{
      minTimestamp: records[0]?.timestamp ?? null,
      maxTimestamp: last,
    },
    ...{
      leaderEpoch: 3,
      skipped,
      uncompressed: true,
      reason: "bytes" as const,
      reservedBytes: 0,
    },
  };
  const salt = Buffer.alloc(16, Number(start)).toString("hex");
  const encryption = { recipients: [IDENTITY_KEY.recipient], keyId: SEED.keyId, salt };
  const recipe: SealRecipe = {
    archiveId,
    clusterId,
    format: kind.format,
    ...{
      codec: "zstd",
      level: 3,
      recompress: "auto",
      revision: 0,
      onPoison: "keep",
      withRecordsDigest: false,
    },
    encryption: kind.encrypted ? encryption : null,
  };
  return seal(cut, recipe, [SEED]);
}

/** Publishes batch after batch, as the daemon does: data first, manifest last, chained. */
export class SampleChain {
  link = genesisLink(IDENTITY.archiveId, SCOPE);
  readonly #sinks: readonly Sink[];
  readonly #macKey: Uint8Array | undefined;
  readonly #signer: Signer | undefined;

  constructor(sinks: readonly NamedSink[], macKey?: Uint8Array, signer?: Signer) {
    this.#sinks = sinks.map(({ sink }) => sink);
    this.#macKey = macKey;
    this.#signer = signer;
  }

  async publish({ description, bytes }: SealedBatch): Promise<void> {
    const manifest = makeManifest(description, this.link, this.#macKey, this.#signer);
    for (const sink of this.#sinks) {
      await sink.publish({ description, bytes }, never);
      await sink.describe(manifest, never);
    }
    this.link = manifest.link;
  }

  async add(kind: SampleKind, start: bigint): Promise<void> {
    await this.publish(sealed(kind, start, sampleRecords(start)));
  }
}
