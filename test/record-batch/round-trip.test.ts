import fc from "fast-check";
import { expect, test } from "vitest";
import { verifyCrc } from "../../src/record-batch/crc.ts";
import { readHeader, recordBatches } from "../../src/record-batch/header.ts";
import { decodeRecords, offsetsOf } from "../../src/record-batch/records.ts";
import {
  RecordCursor,
  putVarint,
  putVarlong,
  varintBytes,
  varlongBytes,
} from "../../src/record-batch/varint.ts";
import { encodeRecordBatch } from "../../src/record-batch/writer.ts";
import { batchOptions } from "./arbitrary.ts";

const plain = (field: Uint8Array | null): number[] | null => (field === null ? null : [...field]);

test("what is written is read back: header, every record, every header of a record", () => {
  fc.assert(
    fc.property(batchOptions, (o) => {
      const batch = encodeRecordBatch(o);
      expect(verifyCrc(batch)).toBe(true);
      const h = readHeader(batch);
      const { records, lastOffset, ...fields } = o;
      expect(h).toMatchObject({
        ...fields,
        lastOffset,
        nextOffset: lastOffset + 1n,
        count: records.length,
        sizeBytes: batch.length,
      });
      const latest = records.reduce((max, r) => (r.timestamp > max ? r.timestamp : max), -1n);
      expect(h.maxTimestamp).toBe(latest);
      const back = decodeRecords(batch);
      const stamped = o.timestampType === "LogAppendTime";
      expect(back.map((r) => [r.offset, r.timestamp, plain(r.key), plain(r.value)])).toEqual(
        records.map((r) => [
          r.offset,
          stamped ? latest : r.timestamp,
          plain(r.key),
          plain(r.value),
        ]),
      );
      expect(back.map((r) => r.headers.map((x) => [plain(x.key), plain(x.value)]))).toEqual(
        records.map((r) => r.headers.map((x) => [plain(x.key), plain(x.value)])),
      );
      expect(offsetsOf(batch).map((d) => o.baseOffset + BigInt(d))).toEqual(
        records.map((r) => r.offset),
      );
    }),
    { numRuns: 400 },
  );
});

test("batches back to back are walked one by one, wherever the buffer begins and ends", () => {
  const several = fc.array(batchOptions, { minLength: 1, maxLength: 4 });
  fc.assert(
    fc.property(several, fc.nat(9), fc.nat(200), (options, before, tail) => {
      const batches = options.map(encodeRecordBatch);
      const torn = encodeRecordBatch(options[0] as (typeof options)[0])
        .subarray(0, -1)
        .subarray(0, tail);
      const all = Buffer.concat([Buffer.alloc(before, 7), ...batches, torn]);
      const walked = [
        ...recordBatches(new Uint8Array(all.buffer, all.byteOffset + before, all.length - before)),
      ];
      expect(walked.map((b) => Buffer.from(b.bytes).toString("hex"))).toEqual(
        batches.map((b) => b.toString("hex")),
      );
      let position = 0;
      for (const { header } of walked) {
        expect(header.position).toBe(position);
        position += header.sizeBytes;
      }
    }),
    { numRuns: 100 },
  );
});

test("varints: the same numbers come back, in the bytes that were counted", () => {
  fc.assert(
    fc.property(
      fc.integer(),
      fc.bigInt({ min: -(1n << 63n), max: (1n << 63n) - 1n }),
      (small, wide) => {
        for (const value of [wide, wide >> 20n, wide >> 40n]) {
          const to = new Uint8Array(20);
          const at = putVarint(to, 0, small);
          const end = putVarlong(to, at, value);
          expect([at, end - at]).toEqual([varintBytes(small), varlongBytes(value)]);
          const cursor = new RecordCursor(to);
          expect([cursor.varint(), BigInt(cursor.varlong()), cursor.at]).toEqual([
            small,
            value,
            end,
          ]);
          cursor.at = at;
          cursor.skipVarlong();
          expect(cursor.at).toBe(end);
        }
      },
    ),
    { numRuns: 500 },
  );
});

test("varints that are too long are refused", () => {
  const cases: [string, "varint" | "varlong" | "skipVarlong"][] = [
    ["ffffffff1f", "varint"],
    ["808080808000", "varint"],
    ["ffffffffffffffffff02", "varlong"],
    ["8080808080808080808000", "varlong"],
    ["8080808080808080808000", "skipVarlong"],
    ["8080", "varint"],
    ["8080", "varlong"],
  ];
  for (const [hex, read] of cases) {
    const cursor = new RecordCursor(Buffer.from(hex, "hex"));
    expect(() => cursor[read](), `${read} of ${hex}`).toThrowError(
      expect.objectContaining({ code: "undecodable-record-batch" }) as Error,
    );
  }
});

test("offsets that do not ascend are never written", () => {
  const record = { timestamp: 0n, key: null, value: null, headers: [] };
  for (const offsets of [[5n, 5n], [6n, 5n], [4n], [5n + (1n << 31n)]]) {
    const records = offsets.map((offset) => ({ ...record, offset }));
    expect(() => encodeRecordBatch({ baseOffset: 5n, records })).toThrowError(
      expect.objectContaining({ code: "assertion-failed" }) as Error,
    );
  }
});
