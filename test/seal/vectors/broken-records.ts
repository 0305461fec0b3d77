import { crc32c } from "@node-rs/crc32";
import type { ErrorCode } from "../../../src/core/errors.ts";
import { encodeRecordBatch } from "../../../src/record-batch/writer.ts";
import { brokenFrom, type BrokenVector, type Case, type Change, contentIs } from "./broken.ts";
import { record } from "./cuts.ts";
import type { GoodVector } from "./good.ts";

const SEGMENT = "segment-none";
const LINES = "ndjson-none";
const HEADER = 61;

interface Wrong {
  readonly base: string;
  readonly change: Change;
  readonly why: string;
  readonly code: ErrorCode;
}

const segment = (change: Change, why: string, code: ErrorCode): Wrong => ({
  base: SEGMENT,
  change,
  why,
  code,
});

const line = (edit: (line: string) => string, why: string): Wrong => ({
  base: LINES,
  why,
  code: "format-invalid",
  change: (bytes) => {
    const [first = "", ...rest] = bytes.toString("utf8").split("\n");
    return Buffer.from([edit(first), ...rest].join("\n"));
  },
});

/** The CRC again: so only what it covers is wrong. */
function summed(batch: Buffer): Buffer {
  batch.writeUInt32BE(crc32c(batch.subarray(21)), 17);
  return batch;
}

const firstBatch =
  (edit: (batch: Buffer) => void): Change =>
  (bytes) => {
    const length = bytes.readInt32BE(8) + 12;
    const batch = Buffer.from(bytes.subarray(0, length));
    edit(batch);
    return Buffer.concat([summed(batch), bytes.subarray(length)]);
  };

const WRONG: Readonly<Record<string, Wrong>> = {
  "segment-crc": segment(
    (b) => (b.writeUInt8(b.readUInt8(80) ^ 1, 80), b),
    "a record batch with a wrong CRC32C",
    "sealed-invalid",
  ),
  "segment-cut": segment((b) => b.subarray(0, -1), "ends in a record batch", "format-invalid"),
  "segment-trailing": segment(
    (b) => Buffer.concat([b, Buffer.alloc(11)]),
    "bytes after the last record batch",
    "format-invalid",
  ),
  "segment-magic": segment(
    firstBatch((b) => b.writeUInt8(1, 16)),
    "a record batch of magic 1",
    "message-format-old",
  ),
  "segment-codec": segment(
    firstBatch((b) => b.writeInt16BE(7, 21)),
    "a codec that there is not",
    "format-invalid",
  ),
  "segment-count": segment(
    firstBatch((b) => b.writeInt32BE(4, 57)),
    "a record batch that counts one record less than it has",
    "undecodable-record-batch",
  ),
  "segment-lz4": {
    base: "segment-zstd-kept",
    change: () => {
      const batch = encodeRecordBatch({ baseOffset: 130n, records: [record(130)], codec: "lz4" });
      batch.writeUInt8(batch.readUInt8(HEADER + 4) ^ 0xff, HEADER + 4);
      return summed(batch);
    },
    why: "a record batch whose lz4 frame is damaged under a right CRC",
    code: "undecodable-record-batch",
  },
  "segment-offsets-beyond": segment(
    firstBatch((b) => b.writeBigInt64BE(5_000n, 0)),
    "offsets beyond the batch's end",
    "format-invalid",
  ),
  "segment-offsets-order": segment(
    (b) => {
      const length = b.readInt32BE(8) + 12;
      return Buffer.concat([b.subarray(length), b.subarray(0, length)]);
    },
    "record batches in another order than that of their offsets",
    "format-invalid",
  ),
  "segment-records-missing": segment(
    (b) => b.subarray(0, b.readInt32BE(8) + 12),
    "fewer records than the manifest says",
    "format-invalid",
  ),
  "ndjson-cut": {
    base: LINES,
    change: (b) => b.subarray(0, -1),
    why: "the last line has no end",
    code: "sealed-invalid",
  },
  "ndjson-empty-line": line(() => "", "an empty line"),
  "ndjson-not-json": line((l) => l.slice(0, -1), "a line that is no JSON"),
  "ndjson-null": line(() => "null", "a line that is no object"),
  "ndjson-list": line(() => "[]", "a line that is a list"),
  "ndjson-no-headers": line(
    (l) => l.replace(/"headers":\[.*?\]/, '"headers":null'),
    "headers that are no list",
  ),
  "ndjson-null-header": line(
    (l) => l.replace(/"headers":\[.*?\]/, '"headers":[null]'),
    "a header that is no object",
  ),
  "ndjson-header-key": line(
    (l) => l.replace(/"headers":\[\{"key":"trace"/, '"headers":[{"key":null'),
    "a header without a key",
  ),
  "ndjson-offset-text": line(
    (l) => l.replace(/"offset":(\d+)/, '"offset":"$1"'),
    "an offset that is a text",
  ),
  "ndjson-offset-fraction": line(
    (l) => l.replace(/"offset":(\d+)/, '"offset":$1.5'),
    "an offset that is no integer",
  ),
  "ndjson-offset-beyond": line(
    (l) => l.replace(/"offset":(\d+)/, '"offset":9$1'),
    "an offset beyond the batch's end",
  ),
  "ndjson-timestamp-huge": line(
    (l) => l.replace(/"timestamp":(\d+)/, '"timestamp":$1$1'),
    "a timestamp of more than 64 bits",
  ),
  "ndjson-timestamp-type": line(
    (l) => l.replace("CreateTime", "createTime"),
    "a timestampType that there is not",
  ),
  "ndjson-key-number": line((l) => l.replace('"key":"key-0"', '"key":0'), "a key that is no text"),
  "ndjson-key-twice": line(
    (l) => l.replace('"key":"key-0"', '"key":"key-0","keyBase64":"/w=="'),
    "a key in both forms",
  ),
  "ndjson-base64": line(
    (l) => l.replace('"key":"key-0"', '"key":null,"keyBase64":"/x=="'),
    "base64 that is not canonical",
  ),
  "ndjson-base64-text": line(
    (l) => l.replace('"key":"key-0"', '"key":null,"keyBase64":"a2V5"'),
    "base64 of what is UTF-8",
  ),
  "ndjson-other-topic": line(
    (l) => l.replace('"topic":"vectors"', '"topic":"others"'),
    "a record of another topic",
  ),
  "ndjson-other-partition": line(
    (l) => l.replace('"partition":0', '"partition":1'),
    "a record of another partition",
  ),
  "ndjson-line-twice": line((l) => `${l}\n${l}`, "a record twice"),
  "ndjson-not-utf-8": {
    base: LINES,
    change: (b) => {
      b.writeUInt8(0xff, b.indexOf("key-0"));
      return b;
    },
    why: "a line that is not UTF-8",
    code: "format-invalid",
  },
};

/** Files whose every digest is right; only the records in them are wrong. */
export function brokenRecords(good: readonly GoodVector[]): BrokenVector[] {
  const cases = Object.fromEntries(
    Object.entries(WRONG).map(([name, w]): [string, Case] => {
      const base = good.find((g) => g.name === w.base);
      if (base === undefined) throw new Error(`${name}: there is no good vector ${w.base}`);
      if (base.manifest.seal.codec === "none") {
        const bytes = w.change(Buffer.from(base.bytes));
        return [name, { ...w, over: (m) => contentIs(m, bytes) }];
      }
      // Stored by another codec than the manifest's would change its path.
      const bytes = w.change(Buffer.alloc(0));
      return [name, { ...w, change: () => storedFrame(bytes), over: (m) => contentIs(m, bytes) }];
    }),
  );
  return brokenFrom(good, cases, true);
}

/** One frame of one raw block, and its table. */
function storedFrame(content: Buffer): Buffer {
  const frame = Buffer.alloc(12);
  frame.writeUInt32LE(0xfd2fb528, 0);
  frame.writeUInt8(0xa0, 4);
  frame.writeUInt32LE(content.length, 5);
  frame.writeUIntLE((content.length << 3) | 1, 9, 3);
  const table = Buffer.alloc(25);
  table.writeUInt32LE(0x184d2a5e, 0);
  table.writeUInt32LE(17, 4);
  table.writeUInt32LE(12 + content.length, 8);
  table.writeUInt32LE(content.length, 12);
  table.writeUInt32LE(1, 16);
  table.writeUInt32LE(0x8f92eab1, 21);
  return Buffer.concat([frame, content, table]);
}
