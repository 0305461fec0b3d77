import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { ArchivedRecord } from "../../src/core/record.ts";
import { decompress } from "../../src/record-batch/codecs.ts";
import { controlTypeOf } from "../../src/record-batch/control.ts";
import { CRC_AT, CRC_FROM, crcOf, verifyCrc } from "../../src/record-batch/crc.ts";
import { CODECS, recordBatches, segmentBatches } from "../../src/record-batch/header.ts";
import { decodeRecords, offsetsOf } from "../../src/record-batch/records.ts";
import { encodeRecordBatch } from "../../src/record-batch/writer.ts";
import { attempt, mutated, mutations } from "../fuzz/mutation.ts";
import { line, vector } from "./vectors.ts";

const text = (records: readonly ArchivedRecord[]): string => JSON.stringify(records.map(line));

const BOUND = 1 << 20;
const names = CODECS.flatMap((codec) => [`java-${codec}.log`, `kcat-${codec}.log`]);
const segments = [...names, "java-compacted.log", "java-transactions.log"].map(vector);
const batches = segments.flatMap((s) => [...segmentBatches(s)].map((b) => Buffer.from(b.bytes)));
const good = new Set(batches.map((b) => text(decodeRecords(b))));

describe("mutated segments", () => {
  test("with the CRC checked, every record batch is refused or has the records it had", () => {
    let refused = 0;
    let passed = 0;
    fc.assert(
      fc.property(fc.constantFrom(...segments), mutations, (segment, list) => {
        const bytes = mutated(segment, list);
        for (const walk of [recordBatches, segmentBatches]) {
          attempt(() => {
            for (const batch of walk(bytes)) {
              if (!verifyCrc(batch.bytes)) {
                refused += 1;
                continue;
              }
              passed += 1;
              // The CRC does not cover the base offset: offsets may differ, nothing else.
              const base = batch.header.baseOffset;
              const original = batches.find((b) =>
                b.subarray(CRC_FROM).equals(batch.bytes.subarray(CRC_FROM)),
              );
              if (original === undefined) throw new Error("a batch passed that was never written");
              const delta = base - original.readBigInt64BE(0);
              const back = decodeRecords(batch.bytes).map((r) => ({
                ...r,
                offset: r.offset - delta,
              }));
              expect(good.has(text(back))).toBe(true);
            }
          });
        }
      }),
      { numRuns: 300 },
    );
    expect(refused).toBeGreaterThan(100);
    expect(passed).toBeGreaterThan(100);
  });

  test("with the CRC made right again, decoding ends in records or an error, never a crash", () => {
    let decoded = 0;
    let refused = 0;
    fc.assert(
      fc.property(fc.constantFrom(...batches), mutations, (batch, list) => {
        const bytes = mutated(batch, list, CRC_FROM);
        if (bytes.length < 61) return;
        bytes.writeInt32BE(bytes.length - 12, 8);
        bytes.writeUInt32BE(crcOf(bytes), CRC_AT);
        const records = attempt(() => decodeRecords(bytes, BOUND));
        const offsets = attempt(() => offsetsOf(bytes, BOUND));
        attempt(() => controlTypeOf(bytes));
        if (records === undefined) {
          refused += 1;
          return;
        }
        decoded += 1;
        // Whoever counts only offsets sees the same ones.
        const base = bytes.readBigInt64BE(0);
        expect(offsets?.map((d) => base + BigInt(d))).toEqual(records.map((r) => r.offset));
        expect(records).toHaveLength(bytes.readInt32BE(57));
      }),
      { numRuns: 1200 },
    );
    expect(refused).toBeGreaterThan(200);
    expect(decoded).toBeGreaterThan(20);
  });

  test("uncompressed records, mutated where their lengths are", () => {
    const record = { timestamp: 1n << 50n, key: Buffer.from("k"), value: Buffer.from("value") };
    const headers = [
      { key: Buffer.from("h"), value: null },
      { key: Buffer.from("h"), value: Buffer.alloc(2) },
    ];
    const records = [3n, 4n, 9n].map((offset) => ({ ...record, offset, headers }));
    const batch = encodeRecordBatch({ baseOffset: 3n, records });
    fc.assert(
      fc.property(mutations, (list) => {
        const bytes = mutated(batch, list, 57);
        if (bytes.length < 61) return;
        bytes.writeInt32BE(bytes.length - 12, 8);
        const back = attempt(() => decodeRecords(bytes, BOUND));
        if (back === undefined) return;
        const inside = back.flatMap((r) => [
          r.key,
          r.value,
          ...r.headers.flatMap((h) => [h.key, h.value]),
        ]);
        const taken = inside.reduce((sum, field) => sum + (field?.length ?? 0), 0);
        expect(taken).toBeLessThan(bytes.length);
      }),
      { numRuns: 3000 },
    );
  });
});

describe("mutated sections", () => {
  const raw = Buffer.from("some words of a log line, repeated with numbers ".repeat(300));
  for (const codec of CODECS.filter((c) => c !== "none")) {
    const section: Uint8Array[] = batches
      .filter((b) => CODECS[(b[22] as number) & 7] === codec)
      .map((b) => b.subarray(61));
    if (codec === "lz4") section.push(vector("sections/lz4-linked-all-sums-and-size"));

    test(`${codec}: unfolds within the bound or is refused`, () => {
      expect(section.length).toBeGreaterThan(2);
      fc.assert(
        fc.property(fc.constantFrom(...section), mutations, (bytes, list) => {
          const out = attempt(() => decompress(codec, mutated(bytes, list), BOUND));
          expect(out?.length ?? 0).toBeLessThanOrEqual(BOUND);
        }),
        { numRuns: 400 },
      );
    });

    test(`${codec}: any bytes at all are refused or unfold within the bound`, () => {
      const any = fc.oneof(fc.uint8Array({ maxLength: 200 }), fc.constant(raw));
      fc.assert(
        fc.property(any, (bytes) => {
          const out = attempt(() => decompress(codec, bytes, BOUND));
          expect(out?.length ?? 0).toBeLessThanOrEqual(BOUND);
        }),
        { numRuns: 300 },
      );
    });
  }
});

test("any bytes at all: walking them ends, in batches or an error", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 400 }), (bytes) => {
      if (bytes.length > 16) bytes[16] = 2;
      if (bytes.length > 11) bytes.set([0, 0, 0], 8);
      const walked = attempt(() => [...recordBatches(bytes)]) ?? [];
      expect(walked.length).toBeLessThanOrEqual(bytes.length / 61);
      for (const batch of walked) attempt(() => decodeRecords(batch.bytes, BOUND));
    }),
    { numRuns: 1000 },
  );
});
