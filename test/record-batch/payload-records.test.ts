import { expect, test } from "vitest";
import { BlockBuffer, BlockPool } from "../../src/batch/block-buffer.ts";
import { pieces } from "../../src/core/bytes.ts";
import type { ArchivedRecord } from "../../src/core/record.ts";
import { payloadRecords } from "../../src/record-batch/payload-records.ts";
import { RecordsDigest, recordsDigestOf } from "../../src/record-batch/records-digest.ts";
import { encodeRecordBatch } from "../../src/record-batch/writer.ts";

const record = (offset: bigint, valueBytes: number): ArchivedRecord => ({
  offset,
  timestamp: 1_700_000_000_000n + offset,
  timestampType: "CreateTime",
  key: offset % 2n === 0n ? null : Buffer.from(`k${offset}`),
  value: Buffer.alloc(valueBytes, Number(offset % 251n)),
  headers: offset % 3n === 0n ? [{ key: Buffer.from("h"), value: null }] : [],
});

/** Record batches of 10, together much more than one block. */
const records = Array.from({ length: 200 }, (_, i) => record(BigInt(i), 20_000 + 37 * i));

function payloadOf(codec: "none" | "zstd"): BlockBuffer {
  const buffer = new BlockBuffer(new BlockPool(0));
  for (let i = 0; i < records.length; i += 10) {
    const part = records.slice(i, i + 10);
    buffer.append(encodeRecordBatch({ baseOffset: BigInt(i), records: part, codec }));
  }
  return buffer;
}

const text = (rs: readonly ArchivedRecord[]): string =>
  JSON.stringify(rs, (_k, v: unknown) => (typeof v === "bigint" ? v.toString() : v));

test.each(["none", "zstd"] as const)("records across block borders come whole (%s)", (codec) => {
  const payload = payloadOf(codec).payload();
  if (codec === "none") expect(payload.blocks.length).toBeGreaterThan(3);
  const read = [...payloadRecords(payload)];
  expect(read).toHaveLength(20);
  expect(text(read.flat())).toBe(text(records));
});

test("what was given stays as it was when the blocks are used again", () => {
  const payload = payloadOf("none").payload();
  const read = [...payloadRecords(payload)];
  for (const piece of pieces(payload)) piece.fill(0xee);
  expect(text(read.flat())).toBe(text(records));
});

test("a payload that ends inside a record batch is refused", () => {
  const { blocks, length } = payloadOf("none").payload();
  const cut = { blocks, length: length - 1 };
  expect(() => [...payloadRecords(cut)]).toThrow(/no whole record batch/);
});

test("the digest depends on every field, on order and on null against empty", async () => {
  const digest = (rs: readonly ArchivedRecord[]): string => new RecordsDigest().add(rs).hex();
  const base = record(6n, 5);
  const header = { key: Buffer.from("h"), value: null };
  const other: ArchivedRecord[] = [
    { ...base, offset: 7n },
    { ...base, timestamp: 1n },
    { ...base, key: Buffer.alloc(0) },
    { ...base, value: null },
    { ...base, value: Buffer.alloc(0) },
    { ...base, headers: [] },
    { ...base, headers: [header, header] },
    { ...base, headers: [{ ...header, value: Buffer.alloc(0) }] },
    { ...base, headers: [{ ...header, key: Buffer.from("i") }] },
  ];
  expect(new Set([base, ...other].map((r) => digest([r]))).size).toBe(other.length + 1);
  const a = { ...base, headers: [header, { key: Buffer.from("g"), value: null }] };
  expect(digest([{ ...a, headers: a.headers.toReversed() }])).not.toBe(digest([a]));
  async function* stream(): AsyncGenerator<ArchivedRecord[]> {
    yield records.slice(0, 7);
    await Promise.resolve();
    yield records.slice(7);
  }
  expect(await recordsDigestOf(stream())).toEqual({ digest: digest(records), records: 200n });
  expect(digest([{ ...base, timestampType: "LogAppendTime" }])).toBe(digest([base]));
});
