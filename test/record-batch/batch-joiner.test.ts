import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { ArchivedRecord } from "../../src/core/record.ts";
import { BatchJoiner, type OutgoingBatch } from "../../src/record-batch/batch-joiner.ts";
import { verifyCrc } from "../../src/record-batch/crc.ts";
import { CODECS, readHeader } from "../../src/record-batch/header.ts";
import { HeaderSuffix } from "../../src/record-batch/header-suffix.ts";
import { decodeRecords } from "../../src/record-batch/records.ts";
import { stampProducer } from "../../src/record-batch/stamp.ts";
import { encodeRecordBatch } from "../../src/record-batch/writer.ts";
import { batchOptions } from "./arbitrary.ts";

const SHARED = [
  { key: Buffer.from("from"), value: Buffer.from("x".repeat(70)) },
  { key: Buffer.from("none"), value: null },
];
const suffix = new HeaderSuffix(SHARED, Buffer.from("offset"));

/** Offsets of real topics, ascending from batch to batch. */
const several = fc
  .array(batchOptions, { minLength: 1, maxLength: 6 })
  .map((options) => {
    let next = 0n;
    return options.map((o) => {
      const base = next;
      const records = o.records.map((r) => ({ ...r, offset: r.offset - o.baseOffset + base }));
      const lastOffset = o.lastOffset - o.baseOffset + base;
      next = lastOffset + 1n;
      return { ...o, baseOffset: base, records, lastOffset, control: false };
    });
  })
  .filter((options) => options.every((o) => o.lastOffset < 1n << 50n));

type Plain = readonly unknown[];

const plain = (r: ArchivedRecord, offset: bigint, more: boolean): Plain => [
  ...[r.timestamp, hex(r.key), hex(r.value)],
  r.headers.map((h) => [hex(h.key), hex(h.value)]),
  ...(more ? [offset] : []),
];
const hex = (b: Uint8Array | null): string | null => b && Buffer.from(b).toString("hex");

function joined(
  batches: readonly Uint8Array[],
  limitBytes: number,
  codec: (typeof CODECS)[number] | undefined,
  wanted: (offset: number) => boolean,
  more: boolean,
): readonly OutgoingBatch[] {
  const joiner = new BatchJoiner({ limitBytes, codec });
  const out = batches.flatMap((b) => joiner.add(b, wanted, more ? suffix : undefined));
  return [...out, ...joiner.flush()];
}

describe("record batches made of others", () => {
  test("hold the wanted records as they were, without gaps, and the suffix behind their headers", () => {
    const choice = fc.record({
      limitBytes: fc.constantFrom(200, 5_000, 1 << 20),
      codec: fc.option(fc.constantFrom(...CODECS), { nil: undefined }),
      most: fc.integer({ min: 1, max: 9 }),
      more: fc.boolean(),
    });
    fc.assert(
      fc.property(several, choice, (options, { limitBytes, codec, most, more }) => {
        const batches = options.map(encodeRecordBatch);
        const wanted = (offset: number): boolean => offset % 10 < most;
        const expected = batches
          .flatMap((b) => decodeRecords(b))
          .filter((r) => wanted(Number(r.offset)))
          .map((r) => {
            const own = { key: Buffer.from("offset"), value: Buffer.from(String(r.offset)) };
            const headers = more ? [...r.headers, ...SHARED, own] : r.headers;
            return plain({ ...r, headers }, r.offset, false);
          });
        const found: Plain[] = [];
        for (const { bytes, records } of joined(batches, limitBytes, codec, wanted, more)) {
          stampProducer(bytes, { producerId: 7n, producerEpoch: 3, baseSequence: 11 });
          expect(verifyCrc(bytes)).toBe(true);
          const back = decodeRecords(bytes);
          expect(back.map((r) => Number(r.offset))).toEqual([...Array(records).keys()]);
          const times = back.map((r) => r.timestamp);
          expect(readHeader(bytes)).toMatchObject({
            ...{ baseOffset: 0n, count: records, producerId: 7n, baseSequence: 11 },
            ...{ transactional: true, timestampType: "CreateTime", leaderEpoch: -1 },
            maxTimestamp: times.reduce((a, b) => (a > b ? a : b)),
          });
          found.push(...back.map((r) => plain(r, r.offset, false)));
        }
        expect(found).toEqual(expected);
      }),
      { numRuns: 150 },
    );
  });

  test("a damaged section is told as such and never read past its end", () => {
    const o = { baseOffset: 0n, codec: "none" as const };
    const records = Array.from({ length: 20 }, (_, i) => ({
      ...{ offset: BigInt(i), timestamp: BigInt(i), key: Buffer.from("k"), headers: [] },
      value: Buffer.alloc(20, i),
    }));
    const good = encodeRecordBatch({ ...o, records });
    fc.assert(
      fc.property(fc.integer({ min: 61, max: good.length - 1 }), fc.nat(255), (at, value) => {
        const bad = Buffer.from(good);
        bad[at] = value;
        try {
          joined([bad], 1 << 20, undefined, () => true, true);
        } catch (error) {
          expect(error).toMatchObject({ code: "undecodable-record-batch" });
        }
      }),
      { numRuns: 500 },
    );
  });
});
