import { describe, expect, test } from "vitest";
import { decompress } from "../../src/record-batch/codecs.ts";
import { CRC_AT, crcOf, verifyCrc } from "../../src/record-batch/crc.ts";
import { readHeader, recordBatches, segmentBatches } from "../../src/record-batch/header.ts";
import { decodeRecords, offsetsOf } from "../../src/record-batch/records.ts";
import { encodeRecordBatch } from "../../src/record-batch/writer.ts";
import { vector } from "./vectors.ts";

const failing = (code: string): Error => expect.objectContaining({ code }) as Error;
const undecodable = failing("undecodable-record-batch");

/** Three records without key and headers, a one-byte value each: 8 bytes a record. */
const record = { timestamp: 5n, key: null, value: Buffer.from("v"), headers: [] };
const batchAt = (base: bigint): Buffer => {
  const records = [0n, 1n, 2n].map((i) => ({ ...record, offset: base + i }));
  return encodeRecordBatch({ baseOffset: base, records });
};
const batch = batchAt(10n);
const RECORD_BYTES = 8;
const at = (index: number, field: number): number => 61 + index * RECORD_BYTES + field;
const [LENGTH, OFFSET_DELTA, KEY_LENGTH, VALUE_LENGTH, HEADER_COUNT] = [0, 3, 4, 5, 7] as const;

/** With bytes changed, and length and CRC made right again. */
function changed(
  edits: readonly (readonly [number, number])[],
  tail: Buffer = Buffer.alloc(0),
): Buffer {
  const copy = Buffer.concat([batch, tail]);
  for (const [position, value] of edits) copy[position] = value;
  copy.writeInt32BE(copy.length - 12, 8);
  copy.writeUInt32BE(crcOf(copy), CRC_AT);
  return copy;
}

const zigzag = (value: number): number => ((value << 1) ^ (value >> 31)) & 0xff;

describe("records with a right CRC that are wrong all the same", () => {
  test("the unchanged ones are read", () => {
    expect(batch).toHaveLength(61 + 3 * RECORD_BYTES);
    expect(decodeRecords(changed([])).map((r) => r.offset)).toEqual([10n, 11n, 12n]);
  });

  const wrong: [string, Buffer, "both" | "records"][] = [
    ["an offset delta twice", changed([[at(1, OFFSET_DELTA), zigzag(0)]]), "both"],
    ["offset deltas that descend", changed([[at(0, OFFSET_DELTA), zigzag(2)]]), "both"],
    ["an offset delta below 0", changed([[at(0, OFFSET_DELTA), zigzag(-1)]]), "both"],
    ["an offset delta past the last", changed([[at(2, OFFSET_DELTA), zigzag(3)]]), "both"],
    ["a byte after the last record", changed([], Buffer.from([0])), "both"],
    ["fewer records than counted", changed([[60, 4]]), "both"],
    ["more records than counted", changed([[60, 2]]), "both"],
    ["a record of no bytes", changed([[at(2, LENGTH), 0]]), "both"],
    ["a record longer than the batch", changed([[at(2, LENGTH), zigzag(8)]]), "both"],
    ["a record shorter than its fields", changed([[at(2, LENGTH), zigzag(6)]]), "both"],
    [
      "a record longer than its fields",
      changed([[at(2, LENGTH), zigzag(8)]], Buffer.alloc(1)),
      "records",
    ],
    ["a key longer than its record", changed([[at(0, KEY_LENGTH), zigzag(20)]]), "records"],
    ["a key of -2 bytes", changed([[at(0, KEY_LENGTH), zigzag(-2)]]), "records"],
    ["a value longer than the batch", changed([[at(2, VALUE_LENGTH), zigzag(40)]]), "records"],
    ["more headers than fit", changed([[at(0, HEADER_COUNT), zigzag(1)]]), "records"],
    ["-1 headers", changed([[at(0, HEADER_COUNT), zigzag(-1)]]), "records"],
  ];

  for (const [what, bytes, seenBy] of wrong) {
    test(what, () => {
      expect(verifyCrc(bytes)).toBe(true);
      expect(() => decodeRecords(bytes)).toThrowError(undecodable);
      if (seenBy === "both") expect(() => offsetsOf(bytes)).toThrowError(undecodable);
    });
  }

  test("a header whose key is null", () => {
    const headers = [{ key: Buffer.from("h"), value: null }];
    const one = encodeRecordBatch({
      baseOffset: 0n,
      records: [{ ...record, offset: 0n, headers }],
    });
    expect(decodeRecords(one)[0]?.headers).toEqual(headers);
    const keyLength = one.length - 3;
    expect(one[keyLength]).toBe(zigzag(1));
    one[keyLength] = zigzag(-1);
    expect(() => decodeRecords(one)).toThrowError(undecodable);
  });
});

describe("headers that no broker writes", () => {
  const implausible: [string, number, number][] = [
    ["a base offset below 0", 0, 0x80],
    ["a last offset before the base", 23, 0x80],
    ["a count below 0", 57, 0x80],
    ["a count beyond the offsets", 60, 4],
    ["a codec that is not known", 22, 5],
  ];
  for (const [what, position, value] of implausible) {
    test(`${what} is refused in a file and in a response, before any record is read`, () => {
      const bytes = changed([[position, value]]);
      expect(() => [...segmentBatches(bytes)]).toThrowError(failing("format-invalid"));
      expect(() => [...recordBatches(bytes)]).toThrowError(failing("corrupt-record-batch"));
      expect(() => readHeader(bytes)).toThrowError(failing("format-invalid"));
      expect(() => decodeRecords(bytes)).toThrowError(undecodable);
    });
  }

  test("in a file, offsets only ascend", () => {
    const [a, b, overlapping] = [batchAt(10n), batchAt(13n), batchAt(12n)];
    expect([...segmentBatches(Buffer.concat([a, b]))]).toHaveLength(2);
    for (const pair of [
      [b, a],
      [a, a],
      [a, overlapping],
    ]) {
      const walk = (): unknown[] => [...segmentBatches(Buffer.concat(pair))];
      expect(walk).toThrowError(failing("format-invalid"));
      expect([...recordBatches(Buffer.concat(pair))]).toHaveLength(2);
    }
  });

  test("one record batch is exactly one", () => {
    const refused = failing("format-invalid");
    for (const bytes of [
      batch.subarray(0, -1),
      Buffer.concat([batch, batch]),
      batch.subarray(0, 60),
    ]) {
      expect(() => readHeader(bytes)).toThrowError(refused);
    }
  });

  test("what is too short for a checksum has none that is right", () => {
    for (const length of [0, 10, 20]) expect(verifyCrc(new Uint8Array(length))).toBe(false);
  });
});

describe("compressed sections", () => {
  test("lz4: checksums of blocks and of the content are compared", () => {
    const frame = vector("sections/lz4-linked-all-sums-and-size");
    const blockSum = 15 + 4 + frame.readUInt32LE(15);
    for (const position of [14, blockSum, frame.length - 1]) {
      const bytes = Buffer.from(frame);
      bytes[position] = (bytes[position] as number) ^ 1;
      expect(() => decompress("lz4", bytes), String(position)).toThrowError(/checksum/);
    }
  });

  test("the bound is on all of it, not on each block or frame", () => {
    const snappy = decodeSection("java-snappy.log");
    const size = decompress("snappy", snappy).length;
    expect(size).toBeGreaterThan(100_000);
    expect(decompress("snappy", snappy, size)).toHaveLength(size);
    expect(() => decompress("snappy", snappy, size - 1)).toThrowError(/beyond the bound/);
  });

  test("zstd: a frame that claims a terabyte is refused by its claim", () => {
    // Single segment, eight bytes of content size, one empty last block.
    const claim = Buffer.from("28b52ffde00000000000010000010000", "hex");
    expect(() => decompress("zstd", claim)).toThrowError(/beyond the bound/);
  });
});

function decodeSection(name: string): Uint8Array {
  const last = [...segmentBatches(vector(name))].at(-1);
  if (last === undefined) throw new Error(`${name} is empty`);
  return last.bytes.subarray(61);
}
