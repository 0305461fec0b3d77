import { genesisLink } from "../core/chain.ts";
import type { Description, Manifest } from "../core/description.ts";
import { blake3Hex } from "../core/digest.ts";
import { dataPath, type DataKind } from "../core/layout.ts";
import { makeManifest } from "../core/manifest.ts";
import type { ArchivedRecord } from "../core/record.ts";
import { batchId, type Scope } from "../core/scope.ts";
import { RecordsDigest } from "../record-batch/records-digest.ts";
import type { ArchiveIdentity, SealedBatch } from "./sink.ts";

/**
 * Made batches for the conformance kit: the same arguments give the same bytes in every process.
 */
const ARCHIVE_ID = "conformance";

/** Batches of a killed writer's chain: large enough that a kill hits writes in their middle. */
export const CHAIN_BYTES = 300_000;

export const IDENTITY: ArchiveIdentity = {
  version: 1,
  archiveId: ARCHIVE_ID,
  clusterId: "cluster",
  primary: "primary",
  layout: 1,
  group: "group",
};

export const scopeOf = (partition: number): Scope => ({
  topic: "conformance.topic-1",
  topicId: "AAAAAAAAAAAAAAAAAAAAAA",
  partition,
  branch: 0,
});

export interface MadeBatch {
  readonly partition: number;
  readonly start: bigint;
  /** Offsets in range; every one a record unless `aborted` says otherwise. */
  readonly count?: bigint;
  readonly aborted?: bigint;
  /** Bytes of the stored file. */
  readonly size?: number;
  /** Two batches with different seeds have different bytes, and the same records. */
  readonly seed?: number;
  /** Bytes of each record's value. */
  readonly valueBytes?: number;
  readonly kind?: DataKind;
}

export function madeBatch(made: MadeBatch): SealedBatch {
  const { start, count = 10n, aborted = 0n, size = 2000, seed = 1 } = made;
  const kind = made.kind ?? { format: "segment", codec: "zstd", encrypted: false };
  const key = { ...scopeOf(made.partition), start };
  const end = start + count;
  const bytes = madeBytes(size, seed);
  const records = madeRecords(made, start, Number(count - aborted));
  const digest = blake3Hex(bytes);
  const description: Description = {
    version: 1,
    archiveId: ARCHIVE_ID,
    clusterId: IDENTITY.clusterId,
    ...key,
    end,
    batchId: batchId(key),
    revision: 0,
    leaderEpoch: 0,
    records: count - aborted,
    aborted,
    control: 0n,
    compacted: 0n,
    filtered: 0n,
    deadLettered: 0n,
    holes: aborted === 0n ? [] : [{ from: end - aborted, to: end, reason: "aborted" }],
    minTimestamp: records.length === 0 ? null : 1n,
    maxTimestamp: records.length === 0 ? null : 2n,
    format: kind.format,
    content: { algorithm: "blake3", digest },
    recordsDigest: new RecordsDigest().add(records).hex(),
    seal: {
      path: dataPath(key, kind),
      size,
      digest,
      digestAlgorithm: "blake3",
      codec: kind.codec,
      contentSize: size,
      encryption: "none",
      recipients: [],
    },
  };
  return { description, bytes, records: (signal) => inPieces(records, signal) };
}

/** One that says of itself that it is encrypted, as what is rewrapped has to; its bytes are no age file. */
export function madeEncrypted(made: Omit<MadeBatch, "kind">): SealedBatch {
  const kind = { format: "segment", codec: "zstd", encrypted: true } as const;
  const { description, ...rest } = madeBatch({ ...made, kind });
  const seal = { ...description.seal, encryption: "age", recipients: ["age1one"] } as const;
  const content = { algorithm: "blake3", tag: seal.digest } as const;
  return { ...rest, description: { ...description, content, seal } };
}

/** As many a piece as makes several pieces of most batches. */
const PIECE_RECORDS = 4;

// oxlint-disable-next-line require-await -- a stream of what is at hand
async function* inPieces(
  records: readonly ArchivedRecord[],
  signal: AbortSignal,
): AsyncGenerator<readonly ArchivedRecord[]> {
  for (let i = 0; i < records.length; i += PIECE_RECORDS) {
    signal.throwIfAborted();
    yield records.slice(i, i + PIECE_RECORDS);
  }
}

/**
 * A record is a function of its partition and offset, as in Kafka: two cuts of one start hold the
 * same. Keys, values and headers that are null, empty, repeated or no UTF-8 are among them.
 */
function madeRecords(
  { partition, valueBytes = 40 }: MadeBatch,
  start: bigint,
  count: number,
): readonly ArchivedRecord[] {
  return Array.from({ length: count }, (_, i): ArchivedRecord => {
    const offset = start + BigInt(i);
    const n = Number(offset % 1_000_003n);
    const value = Buffer.from(`value ${partition} ${offset} `.padEnd(valueBytes, "x"));
    const header = (key: string, of: string | null) => ({
      key: Buffer.from(key),
      value: of === null ? null : Buffer.from(of),
    });
    return {
      offset,
      timestamp: BigInt(1_700_000_000_000 + n),
      timestampType: "CreateTime",
      key: n % 5 === 0 ? null : Buffer.from(n % 7 === 0 ? "" : `key ${n % 3}`),
      value: n % 9 === 3 ? null : n % 11 === 4 ? Buffer.from([0xff, 0x00, n & 255]) : value,
      headers:
        n % 2 === 0 ? [] : [header("z", "1"), header("a", null), header("z", ""), header("z", "2")],
    };
  });
}

/** In shared memory, as the sealers hand them over. */
function madeBytes(size: number, seed: number): Uint8Array {
  const bytes = new Uint8Array(new SharedArrayBuffer(size));
  let state = (seed * 2_654_435_761) >>> 0;
  for (let i = 0; i < size; i++) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    bytes[i] = state >>> 24;
  }
  return bytes;
}

/** The manifest of a batch that is the first of its partition, or follows `previous`. */
export const madeManifest = (d: Description, previous?: Manifest): Manifest =>
  makeManifest(d, previous?.link ?? genesisLink(ARCHIVE_ID, d));

/** Consecutive batches of one partition with their manifests. */
export function madeChain(
  partition: number,
  length: number,
  size = 200,
): readonly { batch: SealedBatch; manifest: Manifest }[] {
  const chain: { batch: SealedBatch; manifest: Manifest }[] = [];
  for (let i = 0; i < length; i++) {
    const batch = madeBatch({ partition, start: BigInt(i) * 10n, size, seed: i + 1 });
    const manifest = madeManifest(batch.description, chain.at(-1)?.manifest);
    chain.push({ batch, manifest });
  }
  return chain;
}
