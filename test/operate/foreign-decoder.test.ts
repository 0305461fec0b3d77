import { crc32c } from "@node-rs/crc32";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { ArchiverError } from "../../src/core/errors.ts";
import {
  readHeader,
  readRecords,
  type ForeignRecord,
} from "../../src/operate/verify/foreign-decoder.ts";
import { readLine } from "../../src/operate/verify/foreign-lines.ts";
import { batchBytes, type SampleRecord } from "./batch-bytes.ts";
import { content, sampleRecords } from "./sample-archive.ts";

const decode = (bytes: Buffer): ForeignRecord[] => [...readRecords(readHeader(bytes))];
const bytes = fc.option(fc.uint8Array({ maxLength: 40 }).map((b) => Buffer.from(b)));
const records = fc
  .array(
    fc.record({
      gap: fc.bigInt(1n, 300n),
      timestamp: fc.bigInt(-1n, 2n ** 62n),
      key: bytes,
      value: bytes,
      headers: fc.array(fc.tuple(fc.string({ maxLength: 6 }), bytes), { maxLength: 4 }),
    }),
    { minLength: 1, maxLength: 20 },
  )
  .map((all) => {
    let offset = 2n ** 40n;
    return all.map(({ gap, ...rest }): SampleRecord => ({ ...rest, offset: (offset += gap) }));
  });

describe("the decoder that verify uses instead of the writer's", () => {
  it("gives back every field of every record, for all it can be given", () => {
    fc.assert(
      fc.property(records, fc.constantFrom(0 as const, 1 as const, 4 as const), (sample, codec) => {
        const read = decode(batchBytes(sample, { codec }));
        expect(read).toEqual(
          sample.map((r) => ({
            offset: r.offset,
            timestamp: r.timestamp,
            appendTime: false,
            key: r.key,
            value: r.value,
            headers: r.headers?.flatMap(([name, value]) => [Buffer.from(name as string), value]),
          })),
        );
      }),
      { numRuns: 300 },
    );
  });

  it("takes the batch's greatest timestamp where the broker set the time", () => {
    const sample = [5n, 9n, 7n].map((timestamp, i) => ({ offset: BigInt(i), timestamp }));
    const read = decode(batchBytes(sample, { appendTime: true }));
    expect(read.map((r) => [r.timestamp, r.appendTime])).toEqual([
      [9n, true],
      [9n, true],
      [9n, true],
    ]);
  });

  it("refuses every single flipped bit: the CRC covers what the length does not", () => {
    const good = batchBytes([{ offset: 7n, value: Buffer.from("value") }]);
    for (let bit = 0; bit < good.length * 8; bit++) {
      const bad = Buffer.from(good);
      bad[bit >> 3] = (bad[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      // Base offset and leader epoch (bytes 0-7 and 12-15) are the broker's and outside the CRC.
      const outside = bit < 64 || (bit >= 96 && bit < 128);
      if (!outside) expect(() => decode(bad), `bit ${bit}`).toThrow(ArchiverError);
    }
  });

  it("raises its own error when what is inside is damaged and the CRC made to fit", () => {
    const codecs = fc.constantFrom(0 as const, 1 as const, 4 as const);
    let refused = 0;
    fc.assert(
      fc.property(records, codecs, fc.nat(), fc.nat(255), (sample, codec, at, value) => {
        const bad = batchBytes(sample, { codec });
        const place = 21 + (at % (bad.length - 21));
        bad[place] = value;
        bad.writeUInt32BE(crc32c(bad.subarray(21)), 17);
        try {
          decode(bad);
        } catch (error) {
          refused++;
          expect(error).toBeInstanceOf(ArchiverError);
        }
      }),
      { numRuns: 1000 },
    );
    expect(refused).toBeGreaterThan(100);
  });

  it("reads lines strictly: any changed byte is another record or an error", () => {
    const place = { topic: "logs", partition: 0 };
    const good = content("ndjson", sampleRecords(0n).slice(0, 1));
    fc.assert(
      fc.property(fc.nat(good.length - 1), fc.nat(255), (at, value) => {
        const bad = Buffer.from(good);
        bad[at] = value;
        try {
          readLine(bad, place);
        } catch (error) {
          expect(error).toBeInstanceOf(ArchiverError);
        }
      }),
      { numRuns: 500 },
    );
    expect(() => readLine(good, { ...place, partition: 1 })).toThrow("a record of logs/0");
    const base64 = (text: string): Buffer =>
      Buffer.from(good.toString().replace('"key":"key-0"', text));
    expect(readLine(base64('"key":null,"keyBase64":"/w=="'), place).key).toEqual(
      Buffer.from([0xff]),
    );
    // What is UTF-8 has to stand as a string, so that every record has one spelling.
    expect(() => readLine(base64('"key":null,"keyBase64":"YQ=="'), place)).toThrow("keyBase64");
    expect(() => readLine(base64('"key":"x","keyBase64":"/w=="'), place)).toThrow("keyBase64");
    expect(() => readLine(base64('"key":null,"keyBase64":"/x=="'), place)).toThrow("keyBase64");
  });

  it("raises its own error on any bytes at all, and stops", () => {
    fc.assert(
      fc.property(records, fc.nat(), fc.nat(255), fc.nat(), (sample, at, value, cut) => {
        const bad = batchBytes(sample);
        bad[at % bad.length] = value;
        try {
          decode(bad.subarray(0, cut % 2 === 0 ? bad.length : cut % bad.length));
        } catch (error) {
          expect(error).toBeInstanceOf(ArchiverError);
        }
      }),
      { numRuns: 500 },
    );
  });
});
