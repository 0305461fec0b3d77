import { randomBytes } from "node:crypto";
import { rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { zstdCompressSync } from "node:zlib";
import { fsPlugin } from "../../sinks/fs/fs-plugin.ts";
import { genesisLink } from "../../src/core/chain.ts";
import type { Codec, Description, Format, Hole } from "../../src/core/description.ts";
import { blake3Hex } from "../../src/core/digest.ts";
import { dataPath } from "../../src/core/layout.ts";
import { makeManifest } from "../../src/core/manifest.ts";
import { batchId, type Scope } from "../../src/core/scope.ts";
import type { ArchiveIdentity, Sink } from "../../src/sdk/sink.ts";
import type { NamedSink } from "../../src/operate/verify/verify-archive.ts";
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

export const SCOPE: Scope = { topic: "logs", topicId: "AAAAAAAAAAAAAAAAAAAAAQ", partition: 0, branch: 0 };

/** A folder that holds an archive, removed by `drop`. */
export interface SampleSink extends NamedSink {
  readonly dir: string;
}

export async function newSink(name: string): Promise<SampleSink> {
  const dir = path.join(tmpdir(), `archive-${randomBytes(6).toString("hex")}`);
  const sink = await openFolder(dir);
  await sink.claim(IDENTITY, never);
  return { name, sink, dir };
}

export const openFolder = (dir: string): Promise<Sink> =>
  fsPlugin.open(fsPlugin.schema.parse({ path: dir, fsync: false }), { name: "fs", baseDir: "/" }, never);

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
  return format === "segment"
    ? Buffer.concat([batchBytes(records.slice(0, 4)), batchBytes(records.slice(4), { codec: 4 })])
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
    headers: (r.headers ?? []).map(([key, value]) => ({ key: text(Buffer.from(key)), value: text(value) })),
  });
}

/** What is described; `holes` and counts as for the records of `sampleRecords`. */
export function describePlain(
  format: Format,
  start: bigint,
  plain: Buffer,
  stored: Buffer,
  codec: Codec = "zstd",
): Description {
  const key = { ...SCOPE, start };
  const holes: readonly Hole[] = [{ from: start + 3n, to: start + 4n, reason: "compacted" }];
  return {
    ...{ version: 1, archiveId: IDENTITY.archiveId, clusterId: IDENTITY.clusterId, ...key },
    ...{ end: start + 10n, batchId: batchId(key), revision: 0, leaderEpoch: 3 },
    ...{ records: 9n, aborted: 0n, control: 0n, compacted: 1n, filtered: 0n, deadLettered: 0n, holes },
    minTimestamp: 1_700_000_000_000n + start,
    maxTimestamp: 1_700_000_000_009n + start,
    format,
    content: { algorithm: "blake3", digest: blake3Hex(plain) },
    seal: {
      path: dataPath(key, { format, codec, encrypted: false }),
      size: stored.length,
      digest: blake3Hex(stored),
      digestAlgorithm: "blake3",
      codec,
      contentSize: plain.length,
      encryption: "none",
      recipients: [],
    },
  };
}

/** Publishes batch after batch, as the daemon does: data first, manifest last, chained. */
export class SampleChain {
  link = genesisLink(IDENTITY.archiveId, SCOPE);
  readonly #sinks: readonly Sink[];
  readonly #macKey: Uint8Array | undefined;

  constructor(sinks: readonly NamedSink[], macKey?: Uint8Array) {
    this.#sinks = sinks.map(({ sink }) => sink);
    this.#macKey = macKey;
  }

  async publish(description: Description, bytes: Uint8Array): Promise<void> {
    const manifest = makeManifest(description, this.link, this.#macKey);
    for (const sink of this.#sinks) {
      await sink.publish({ description, bytes }, never);
      await sink.describe(manifest, never);
    }
    this.link = manifest.link;
  }

  async plain(format: Format, start: bigint): Promise<void> {
    const plain = content(format, sampleRecords(start));
    const stored = zstdCompressSync(plain);
    await this.publish(describePlain(format, start, plain, stored), stored);
  }
}
