import { BLOCK_BYTES } from "../../../src/core/bytes.ts";
import type { Hole } from "../../../src/core/description.ts";
import type { ArchivedRecord } from "../../../src/core/record.ts";
import type { Scope } from "../../../src/core/scope.ts";
import { encodeRecordBatch } from "../../../src/record-batch/writer.ts";
import type { CutData } from "../../../src/seal/content.ts";

export const SCOPE: Scope = {
  topic: "vectors",
  topicId: "AAAAAAAAAAAAAAAAAAAAAQ",
  partition: 0,
  branch: 0,
};

/** One record batch after the other; a record's offset is relative to the start of the whole. */
export interface Made {
  readonly batches: readonly (readonly ArchivedRecord[])[];
  readonly producerCodec: "none" | "lz4" | "zstd";
  /** Offsets of the whole range; left out: one after the last record. */
  readonly offsets?: bigint;
  /** Relative to the start, of aborted and control offsets. */
  readonly holes?: readonly Hole[];
  readonly compacted?: bigint;
}

export function cutOf(start: bigint, m: Made): CutData {
  const shifted = m.batches.map((b) => b.map((r) => ({ ...r, offset: r.offset + start })));
  const bytes = Buffer.concat(
    shifted.map((records) =>
      encodeRecordBatch({
        baseOffset: records[0]?.offset ?? start,
        records,
        codec: m.producerCodec,
        leaderEpoch: 7,
      }),
    ),
  );
  const blocks: SharedArrayBuffer[] = [];
  for (let at = 0; at < bytes.length; at += BLOCK_BYTES) {
    const block = new SharedArrayBuffer(BLOCK_BYTES);
    new Uint8Array(block).set(bytes.subarray(at, at + BLOCK_BYTES));
    blocks.push(block);
  }
  const records = shifted.flat();
  const times = records.map((r) => r.timestamp).filter((t) => t >= 0n);
  const holes = (m.holes ?? []).map((h) => ({ ...h, from: h.from + start, to: h.to + start }));
  const counted = (reason: Hole["reason"]): bigint =>
    holes.filter((h) => h.reason === reason).reduce((n, h) => n + h.to - h.from, 0n);
  const last = records.at(-1)?.offset ?? start;
  return {
    ...SCOPE,
    start,
    end: m.offsets === undefined ? last + 1n : start + m.offsets,
    payload: { blocks, length: bytes.length },
    records: BigInt(records.length),
    aborted: counted("aborted"),
    control: counted("control"),
    compacted: m.compacted ?? 0n,
    holes,
    sparse: (m.compacted ?? 0n) > 0n,
    firstTimestamp: records[0]?.timestamp ?? null,
    minTimestamp: times.length === 0 ? null : times.reduce((a, b) => (a < b ? a : b)),
    maxTimestamp: times.length === 0 ? null : times.reduce((a, b) => (a > b ? a : b)),
    leaderEpoch: 7,
    skipped: 0n,
    uncompressed: m.producerCodec === "none",
    reservedBytes: 0,
    reason: "bytes",
  };
}

export const record = (offset: number, over: Partial<ArchivedRecord> = {}): ArchivedRecord => ({
  offset: BigInt(offset),
  timestamp: 1_700_000_000_000n + BigInt(offset),
  timestampType: "CreateTime",
  key: Buffer.from(`key-${offset}`),
  value: Buffer.from(`{"line":${offset},"text":"${"lorem ipsum ".repeat(offset % 9)}"}`),
  headers: [{ key: Buffer.from("trace"), value: Buffer.from(`t${offset}`) }],
  ...over,
});

/** Record batches of so many records each. */
export function plain(batches: number, each: number): ArchivedRecord[][] {
  return Array.from({ length: batches }, (_, b) =>
    Array.from({ length: each }, (_, i) => record(b * each + i)),
  );
}

/** Text that compresses well, so that several frames are a small file. */
export const bulky = (batches: number, valueBytes: number): ArchivedRecord[][] =>
  Array.from({ length: batches }, (_, b) => [
    record(b, { value: Buffer.from(`batch ${b} `.repeat(valueBytes / 8).slice(0, valueBytes)) }),
  ]);

/** Null and empty, text and not, in keys, values and headers; times that are odd. */
export function odd(): ArchivedRecord[][] {
  const header = (key: string, value: Buffer | null) => ({ key: Buffer.from(key), value });
  const none = Buffer.alloc(0);
  return [
    [
      record(0, { key: null, value: null, headers: [] }),
      record(1, { key: none, value: none, headers: [header("", none)] }),
      record(2, { key: null, value: none, headers: [header("a", null), header("a", none)] }),
      record(3, { key: none, value: null, headers: [header("b", null), header("a", null)] }),
      record(4, { key: Buffer.from([0xff]), value: Buffer.from([0xc3, 0x28, 0]) }),
      record(5, { value: Buffer.from('tab\t, quote ", zero \0, line\n, \u2028, \u{1f980}, é') }),
      record(6, { headers: [header("\u0000", Buffer.from([0x80])), header("é", none)] }),
      record(7, { headers: [{ key: Buffer.from([0xfe, 0xff]), value: null }] }),
      record(8, { timestamp: -1n }),
      record(9, { timestamp: 1n, value: Buffer.from("null") }),
    ],
  ];
}
