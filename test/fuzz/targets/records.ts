import { readFileSync, readdirSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { decompress } from "../../../src/record-batch/codecs.ts";
import { controlTypeOf } from "../../../src/record-batch/control.ts";
import { CRC_AT, crcOf, verifyCrc } from "../../../src/record-batch/crc.ts";
import { CODECS, recordBatches, segmentBatches } from "../../../src/record-batch/header.ts";
import { decodeRecords, offsetsOf } from "../../../src/record-batch/records.ts";
import { must, taken, type Target } from "../target.ts";

const root = new URL("../../vectors/record-batch/", import.meta.url);
const file = (path: string): Buffer => readFileSync(fileURLToPath(new URL(path, root)));
const logs = readdirSync(fileURLToPath(root)).filter((name) => name.endsWith(".log"));

/** What real brokers and clients wrote. */
const segments = logs.map((name) => file(name));
const batches = segments.flatMap((s) => [...segmentBatches(s)].map((b) => Buffer.from(b.bytes)));
const BOUND = 1 << 20;
const RECORDS_AT = 61;

const codecOf = (batch: Buffer): (typeof CODECS)[number] | undefined =>
  CODECS[(batch[22] as number) & 7];

const sections = (codec: string): Buffer[] => [
  ...batches.filter((b) => codecOf(b) === codec).map((b) => b.subarray(RECORDS_AT)),
  ...readdirSync(fileURLToPath(new URL("sections/", root)))
    .filter((name) => name.startsWith(codec))
    .map((name) => file(`sections/${name}`)),
];

/** Length and CRC made right, so that what is decoded is what was mutated. */
function mended(input: Buffer): Buffer {
  if (input.length < RECORDS_AT) return input;
  const b = Buffer.from(input);
  b.writeInt32BE(b.length - 12, 8);
  b[16] = 2;
  b.writeUInt32BE(crcOf(b), CRC_AT);
  return b;
}

function readBatch(input: Buffer): boolean {
  let count = -1;
  const whole = taken(() => {
    const records = decodeRecords(input, BOUND);
    count = records.length;
    for (let i = 1; i < count; i += 1)
      must((records[i]?.offset ?? 0n) > (records[i - 1]?.offset ?? 0n), "offsets ascend");
  });
  let offsets = -1;
  taken(() => (offsets = offsetsOf(input, BOUND).length));
  must(!whole || offsets === count, "who counts offsets only counts as many");
  taken(() => controlTypeOf(input));
  return whole;
}

function walk(input: Buffer): boolean {
  let found = 0;
  const whole = [recordBatches, segmentBatches].map((walker) =>
    taken(() => {
      for (const { bytes } of walker(input)) {
        found += 1;
        if (verifyCrc(bytes)) taken(() => decodeRecords(bytes, BOUND));
      }
    }),
  );
  must(found <= (2 * input.length) / RECORDS_AT, "no more record batches than fit");
  return whole.every(Boolean);
}

export const recordTargets: readonly Target[] = [
  { name: "record-batch", shape: "bytes", seeds: batches, mend: mended, read: readBatch },
  { name: "record-batch-walk", shape: "bytes", seeds: segments, read: walk },
  ...CODECS.filter((codec) => codec !== "none").map((codec): Target => ({
    name: `codec-${codec}`,
    shape: "bytes",
    seeds: sections(codec),
    read: (input) =>
      taken(() => must(decompress(codec, input, BOUND).length <= BOUND, "within the bound")),
  })),
];
