import fc from "fast-check";
import { expect, test } from "vitest";
import { deadLetterLine, parseDeadLetter } from "../../src/seal/dead-letter.ts";
import { ArchiverError } from "../../src/core/errors.ts";
import { recordLine } from "../../src/seal/ndjson.ts";
import { encodeRecordBatch } from "../../src/record-batch/writer.ts";
import { segmentBatches } from "../../src/record-batch/header.ts";

/** The one line of an ndjson file that is no record. */
const place = { topic: "logs", partition: 3 };
const record = (offset: bigint, value: string) => ({
  ...{ offset, timestamp: 1n, timestampType: "CreateTime" as const, key: null, headers: [] },
  value: Buffer.from(value),
});
const bytes = encodeRecordBatch({
  baseOffset: 7n,
  records: [record(7n, "a"), record(8n, "b")],
});
const letter = { from: 7n, to: 9n, bytes };
const line = (text: string): Buffer => Buffer.from(text.slice(0, -1), "latin1");

test("comes back as it was written", () => {
  expect([...segmentBatches(bytes)].length).toBe(1);
  const found = parseDeadLetter(line(deadLetterLine(place, letter)), place);
  expect(found).toMatchObject({ from: 7n, to: 9n });
  expect(Buffer.compare(found?.bytes ?? Buffer.alloc(0), bytes)).toBe(0);
});

test("no record is taken for one, whatever is in it", () => {
  const tricky = [',"endOffset":', '{"topic":"logs","partition":3,"offset":7,"endOffset":9,'];
  const text = fc.oneof(fc.string(), fc.constantFrom(...tricky));
  fc.assert(
    fc.property(text, text, (key, value) => {
      const r = { ...record(7n, value), key: Buffer.from(key) };
      expect(parseDeadLetter(Buffer.from(recordLine(place, r).slice(0, -1)), place)).toBe(null);
    }),
  );
});

test.each([
  ["another topic", deadLetterLine({ ...place, topic: "other" }, letter)],
  ["other offsets", deadLetterLine(place, { ...letter, to: 10n })],
  ["a record batch that begins elsewhere", deadLetterLine(place, { ...letter, from: 6n })],
  [
    "two record batches",
    deadLetterLine(place, { ...letter, bytes: Buffer.concat([bytes, bytes]) }),
  ],
  ["no record batch", deadLetterLine(place, { ...letter, bytes: Buffer.alloc(0, 1) })],
  ["a flipped bit", deadLetterLine(place, { ...letter, bytes: flipped(bytes) })],
  ["base64 spelled otherwise", deadLetterLine(place, letter).replace('"}', '=="}')],
])("refused with %s", (_what, text) => {
  let code = "taken as it is";
  try {
    code = parseDeadLetter(line(text), place) === null ? "no letter" : code;
  } catch (error) {
    if (!(error instanceof ArchiverError)) throw error;
    ({ code } = error);
  }
  // A line that is no letter is read as a record, and refused there.
  expect(["format-invalid", "no letter"]).toContain(code);
});

function flipped(b: Uint8Array): Buffer {
  const copy = Buffer.from(b);
  copy[copy.length - 1] = (copy.at(-1) ?? 0) ^ 1;
  return copy;
}
