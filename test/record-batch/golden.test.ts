import { describe, expect, test } from "vitest";
import { AbortedFilter, type AbortedTransaction } from "../../src/record-batch/aborted.ts";
import { controlTypeOf } from "../../src/record-batch/control.ts";
import { verifyCrc } from "../../src/record-batch/crc.ts";
import {
  recordBatches,
  type RecordBatchHeader,
  segmentBatches,
} from "../../src/record-batch/header.ts";
import { decodeRecords, offsetsOf } from "../../src/record-batch/records.ts";
import { expected, type Line, line, recordsOf, vector, vectorNames } from "./vectors.ts";

const headersOf = (name: string): RecordBatchHeader[] =>
  [...segmentBatches(vector(name))].map((batch) => batch.header);

describe("segments that a broker stored", () => {
  const names = vectorNames(".log");

  test("there are thirteen", () => {
    expect(names).toHaveLength(13);
  });

  for (const name of names) {
    test(`${name}: the records are those that Kafka's own consumer reads`, () => {
      const ours = recordsOf(vector(name)).map(line);
      const end = headersOf(name).at(-1)?.nextOffset ?? 0n;
      const theirs = expected(name.replace(".log", ".jsonl")).filter((r) => r.offset < end);
      expect(theirs.length).toBeGreaterThan(30);
      expect(ours).toEqual(theirs);
    });
  }

  for (const producer of ["java", "kcat"]) {
    for (const codec of ["none", "gzip", "snappy", "lz4", "zstd"]) {
      test(`${producer}-${codec}: the headers name the codec`, () => {
        expect(headersOf(`${producer}-${codec}.log`).map((h) => h.codec)).toContain(codec);
      });
    }
  }

  test("a segment in shared memory, at any position in it, reads the same", () => {
    for (const name of names) {
      const segment = vector(name);
      const shared = new Uint8Array(new SharedArrayBuffer(segment.length + 3), 3);
      shared.set(segment);
      expect(recordsOf(shared).map(line)).toEqual(recordsOf(segment).map(line));
    }
  });

  test("both framings of snappy are among them", () => {
    const heads = (name: string): string[] =>
      [...segmentBatches(vector(name))].map((b) =>
        Buffer.from(b.bytes.subarray(61, 69)).toString("latin1"),
      );
    const xerial = "\x82SNAPPY\0";
    expect(heads("java-snappy.log")).toContain(xerial);
    expect(heads("kcat-snappy.log")).not.toContain(xerial);
  });

  test("java-append-time: each record has its batch's time", () => {
    const batches = [...segmentBatches(vector("java-append-time.log"))];
    expect(batches.length).toBeGreaterThan(1);
    for (const { header, bytes } of batches) {
      expect(header.timestampType).toBe("LogAppendTime");
      for (const r of decodeRecords(bytes)) expect(r.timestamp).toBe(header.maxTimestamp);
    }
  });

  test("java-compacted: counts, offset deltas, and the base timestamp the cleaner replaced", () => {
    const batches = [...segmentBatches(vector("java-compacted.log"))];
    for (const { header, bytes } of batches) {
      const offsets = offsetsOf(bytes).map((delta) => header.baseOffset + BigInt(delta));
      expect(offsets).toEqual(decodeRecords(bytes).map((r) => r.offset));
      expect(offsets).toHaveLength(header.count);
    }
    const sparse = batches.filter(({ header: h }) => BigInt(h.count) < h.nextOffset - h.baseOffset);
    expect(sparse.length).toBeGreaterThan(3);
    const horizon = batches.find(({ header }) => header.deleteHorizon);
    if (horizon === undefined) throw new Error("the vector has no batch with a delete horizon");
    const first = decodeRecords(horizon.bytes)[0];
    expect(first?.timestamp).toBeLessThan(horizon.header.baseTimestamp);
  });
});

describe("transactions", () => {
  const segment = vector("java-transactions.log");
  const committed = expected("java-transactions.committed.jsonl");

  /** The broker's own index: version int16, then producer id, first offset, last offset, LSO. */
  const index: (AbortedTransaction & { readonly lastOffset: bigint })[] = [];
  const raw = vector("java-transactions.txnindex");
  for (let at = 0; at < raw.length; at += 34) {
    index.push({
      producerId: raw.readBigInt64BE(at + 2),
      firstOffset: raw.readBigInt64BE(at + 10),
      lastOffset: raw.readBigInt64BE(at + 18),
    });
  }
  const last = BigInt(committed.at(-1)?.offset ?? 0);

  function read(from: bigint): Line[] {
    // What the broker lists for a fetch: transactions that end in or after its first offset.
    const filter = new AbortedFilter(index.filter((t) => t.lastOffset >= from).toReversed());
    const lines: Line[] = [];
    for (const { header, bytes } of recordBatches(segment)) {
      if (header.nextOffset <= from || header.baseOffset > last) continue;
      if (filter.keep(header, bytes) === "keep") lines.push(...decodeRecords(bytes).map(line));
    }
    return lines;
  }

  test("from the beginning, the records are those of a read_committed consumer", () => {
    expect(index).toHaveLength(6);
    expect(read(0n)).toEqual(committed);
  });

  test("from every batch on, also inside aborted transactions", () => {
    for (const { header } of segmentBatches(segment)) {
      if (header.baseOffset > last) break;
      const rest = committed.filter((r) => r.offset >= Number(header.baseOffset));
      expect(read(header.baseOffset)).toEqual(rest);
    }
  });

  test("markers say how a transaction ended", () => {
    const types = [...segmentBatches(segment)]
      .filter(({ header }) => header.control)
      .map(({ bytes }) => controlTypeOf(bytes));
    expect(types.filter((type) => type === "abort")).toHaveLength(6);
    expect(types.filter((type) => type === "commit")).toHaveLength(12);
    expect(types).toHaveLength(18);
  });
});

describe("broken ones", () => {
  const good = [...segmentBatches(vector("java-lz4.log"))];

  /** What a reader of a file sees: how many batches, then which error. */
  function strictly(name: string): string {
    let batches = 0;
    try {
      for (const { bytes } of segmentBatches(vector(`broken/${name}`))) {
        if (!verifyCrc(bytes)) return `${batches}, wrong CRC`;
        decodeRecords(bytes);
        batches += 1;
      }
    } catch (error) {
      return `${batches}, ${(error as { code?: string }).code}`;
    }
    return `${batches}, fine`;
  }

  const outcomes: Record<string, string> = {
    "bad-record.log": "0, undecodable-record-batch",
    "bomb-gzip.log": "0, undecodable-record-batch",
    "bomb-zstd.log": "0, undecodable-record-batch",
    "codec-7.log": "0, format-invalid",
    "count-too-high.log": "0, undecodable-record-batch",
    "cut-in-header.log": "1, format-invalid",
    "cut.log": "1, format-invalid",
    "flipped-bit.log": "1, wrong CRC",
    "magic-1.log": "0, message-format-old",
    "magic-9.log": "0, format-invalid",
    "negative-length.log": "0, format-invalid",
    "trailing-zeros.log": "2, format-invalid",
    "wrong-crc.log": "1, wrong CRC",
  };

  test("every broken vector has its outcome here", () => {
    expect(vectorNames(".log", "broken")).toEqual(Object.keys(outcomes));
    expect(good).toHaveLength(2);
  });

  for (const [name, outcome] of Object.entries(outcomes)) {
    test(`${name} as a file: ${outcome}`, () => {
      expect(strictly(name)).toBe(outcome);
    });
  }

  test("a fetch response may end anywhere: the walk says how many bytes were whole", () => {
    const segment = vector("java-lz4.log");
    const second = good[1]?.header.position ?? 0;
    for (let length = 0; length <= segment.length; length += length < 300 ? 1 : 997) {
      const walk = recordBatches(segment.subarray(0, length));
      let step = walk.next();
      let batches = 0;
      for (; step.done !== true; step = walk.next()) batches += 1;
      const whole = length < second ? 0 : length < segment.length ? second : segment.length;
      expect([batches, step.value]).toEqual([whole === 0 ? 0 : whole === second ? 1 : 2, whole]);
    }
  });

  for (const [name, code] of [
    ["magic-1.log", "message-format-old"],
    ["magic-9.log", "corrupt-record-batch"],
    ["negative-length.log", "corrupt-record-batch"],
    ["codec-7.log", "corrupt-record-batch"],
    ["trailing-zeros.log", "corrupt-record-batch"],
  ] as const) {
    test(`${name} in a fetch response: ${code}`, () => {
      const walk = (): unknown[] => [...recordBatches(vector(`broken/${name}`))];
      expect(walk).toThrowError(expect.objectContaining({ code }) as Error);
    });
  }

  test("a damaged count is seen as a wrong CRC first, so that it is fetched again", () => {
    const bytes = Buffer.from(vector("java-lz4.log"));
    bytes[57] = 0x7f;
    const [first] = recordBatches(bytes);
    expect(first?.header.count).toBeGreaterThan(1_000_000);
    expect(verifyCrc(first?.bytes ?? bytes)).toBe(false);
  });
});
