import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import fc from "fast-check";
import { expect, test } from "vitest";
import type { Description } from "../../src/core/description.ts";
import type { ArchivedRecord } from "../../src/core/record.ts";
import { parseManifest } from "../../src/core/manifest.ts";
import { contentRecords } from "../../src/operate/verify/content-records.ts";
import type { ForeignRecord } from "../../src/operate/verify/foreign-decoder.ts";
import { parseLine, recordLine } from "../../src/seal/ndjson.ts";
import { readRecords } from "../../src/seal/unseal.ts";
import type { GoodEntry } from "../seal/vectors/files.ts";
import { attempt, attemptAsync, mutated, mutations, runs, textMutation } from "./mutation.ts";

/** Contents whose digests are taken for right: records come out that could be, or an error. */
const root = new URL("../vectors/sealed/", import.meta.url);
const file = (path: string): Buffer => readFileSync(fileURLToPath(new URL(path, root)));
const good = JSON.parse(file("good.json").toString()) as readonly GoodEntry[];
const plain = good
  .map((g) => ({ d: parseManifest(file(g.manifest)), bytes: file(g.data) }))
  .filter(({ d }) => d.seal.codec === "none" && d.seal.encryption === "none");
const lines = plain.filter(({ d }) => d.format === "ndjson");
const segments = plain.filter(({ d }) => d.format === "segment");

async function* one(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}

async function ours(d: Description, bytes: Buffer): Promise<ArchivedRecord[]> {
  const found: ArchivedRecord[] = [];
  for await (const records of readRecords(d, one(bytes))) found.push(...records);
  return found;
}

async function theirs(d: Description, bytes: Buffer): Promise<ForeignRecord[]> {
  const found: ForeignRecord[] = [];
  for await (const record of contentRecords(d.format, one(bytes), d)) found.push(record);
  return found;
}

const fields = (r: ArchivedRecord): ForeignRecord => ({
  offset: r.offset,
  timestamp: r.timestamp,
  appendTime: r.timestampType === "LogAppendTime",
  key: r.key as Buffer | null,
  value: r.value as Buffer | null,
  headers: r.headers.flatMap((h) => [h.key, h.value]) as (Buffer | null)[],
});

async function compare(d: Description, bytes: Buffer): Promise<boolean> {
  const [a, b] = [
    await attemptAsync(() => ours(d, bytes)),
    await attemptAsync(() => theirs(d, bytes)),
  ];
  if (a === undefined) return false;
  expect(BigInt(a.length)).toBe(d.records);
  for (const [i, { offset }] of a.entries()) {
    expect(offset >= d.start && offset < d.end && offset > (a[i - 1]?.offset ?? -1n)).toBe(true);
  }
  // What ours takes, verify's takes, and for the same.
  expect(b).toEqual(a.map(fields));
  return true;
}

const WORDS = [
  ...[
    '"',
    ",",
    ":",
    "{",
    "}",
    "[",
    "]",
    "null",
    "0",
    "-1",
    "1.5",
    "1e3",
    " ",
    "\n",
    "\\",
    "\\u0000",
  ],
  ...['"keyBase64":"/w=="', '"valueBase64":"AA=="', '"key":null', "CreateTime", "é", "\ud83e", ""],
  ...["9223372036854775807", "9223372036854775808", '"headers":[]', "{}", "true"],
];

test("ndjson", async () => {
  let taken = 0;
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom(...lines),
      fc.oneof(mutations, textMutation(WORDS)),
      async ({ d, bytes }, how) => {
        const changed =
          typeof how === "function" ? Buffer.from(how(bytes.toString())) : mutated(bytes, how);
        if (await compare(d, changed)) taken += 1;
      },
    ),
    runs(1_000),
  );
  expect(taken).toBeGreaterThan(0);
});

test("segments, where the CRC is not in the way", async () => {
  await fc.assert(
    fc.asyncProperty(fc.constantFrom(...segments), mutations, async ({ d, bytes }, list) => {
      await compare(d, mutated(bytes, list));
    }),
    runs(800),
  );
});

test("any record is its line, and any line that is one is its record", () => {
  const place = { topic: "logs", partition: 3 };
  const bytes = fc.oneof(fc.uint8Array({ maxLength: 12 }), fc.string({ unit: "binary" }).map(utf8));
  const field = fc.option(bytes, { nil: null });
  const int64 = fc.bigInt({ min: -(1n << 63n), max: (1n << 63n) - 1n });
  const record: fc.Arbitrary<ArchivedRecord> = fc.record({
    offset: int64.map((n) => (n < 0n ? -(n + 1n) : n)),
    timestamp: int64,
    timestampType: fc.constantFrom("CreateTime" as const, "LogAppendTime" as const),
    key: field,
    value: field,
    headers: fc.array(fc.record({ key: bytes, value: field }), { maxLength: 4 }),
  });
  fc.assert(
    fc.property(record, fc.oneof(mutations, textMutation(WORDS)), (r, how) => {
      const line = recordLine(place, r);
      const back = parseLine(Buffer.from(line.slice(0, -1)), place);
      expect(recordLine(place, back)).toBe(line);
      expect(fields(back)).toEqual(plainOf(fields(r)));
      const other =
        typeof how === "function" ? Buffer.from(how(line)) : mutated(Buffer.from(line), how);
      const got = attempt(() => parseLine(other, place));
      if (got !== undefined) expect(recordLine(place, got)).toBe(`${other.toString()}\n`);
    }),
    runs(1_000),
  );
});

const utf8 = (text: string): Uint8Array => Buffer.from(text, "utf8");

/** With Buffers, as readers give them. */
function plainOf(r: ForeignRecord): ForeignRecord {
  const buffer = (b: Buffer | null): Buffer | null => (b === null ? null : Buffer.from(b));
  return { ...r, key: buffer(r.key), value: buffer(r.value), headers: r.headers.map(buffer) };
}
