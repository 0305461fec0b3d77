import { expect, test } from "vitest";
import type { Description } from "../../src/core/description.ts";
import type { ArchivedRecord } from "../../src/core/record.ts";
import { fileOfRecords } from "../../src/daemon/file-of-records.ts";
import { payloadRecords } from "../../src/record-batch/payload-records.ts";
import { encodeRecordBatch } from "../../src/record-batch/writer.ts";
import { inlineSealer } from "../../src/seal/pool.ts";
import type { SealRecipe } from "../../src/seal/recipe.ts";
import type { SealedBatch } from "../../src/sdk/sink.ts";
import { cutOf, type Made, odd, plain, record } from "../seal/vectors/cuts.ts";

const never = new AbortController().signal;
const sealer = inlineSealer([]);
const recipe = (o: Partial<SealRecipe> = {}): SealRecipe => ({
  ...{ archiveId: "a", clusterId: "c", format: "ndjson", codec: "zstd", level: 3 },
  ...{ recompress: "auto", encryption: null, revision: 0, onPoison: "keep" },
  withRecordsDigest: true,
  ...o,
});

interface Kept {
  readonly batch: SealedBatch;
  readonly records: readonly ArchivedRecord[];
}

/** A batch as it was sealed, and its records as a sink of records gives them back. */
async function kept(made: Made, how: Partial<SealRecipe> = {}): Promise<Kept> {
  const cut = { ...cutOf(700n, made), release: () => undefined };
  const records = [...payloadRecords(cut.payload)].flat();
  return { batch: await sealer.seal(cut, recipe(how), never), records };
}

/** Some at a time, as they come from a sink. */
function filed(
  description: Description,
  records: readonly ArchivedRecord[],
  now: Partial<SealRecipe> = {},
): Promise<SealedBatch | null> {
  // oxlint-disable-next-line require-await -- a stream of what is at hand
  async function* parts(): AsyncGenerator<readonly ArchivedRecord[]> {
    for (let at = 0; at < records.length; at += 3) yield records.slice(at, at + 3);
  }
  const make = fileOfRecords({ sealer, recipe: () => recipe(now) });
  return make(description, parts(), never);
}

const appended = record(40, { timestampType: "LogAppendTime" });
const LOG_APPEND = encodeRecordBatch({
  ...{ baseOffset: 40n, records: [appended, record(41)], timestampType: "LogAppendTime" },
});

test("a file of lines is made again, byte for byte, whatever is configured by now", async () => {
  const gaps = [[record(0), record(2)], [record(9)]];
  const all: readonly Made[] = [
    { batches: odd(), producerCodec: "none" },
    { batches: plain(4, 5), producerCodec: "lz4" },
    { batches: gaps, producerCodec: "none", compacted: 7n },
  ];
  for (const made of all) {
    for (const how of [{ codec: "gzip", level: 1 }, { level: 5 }, { codec: "none" }] as const) {
      const { batch, records } = await kept(made, how);
      const again = await filed(batch.description, records, { format: "segment" });
      expect(again?.description).toEqual(batch.description);
      expect(Buffer.compare(again?.bytes ?? Buffer.alloc(0), batch.bytes)).toBe(0);
    }
  }
});

test("the time that a broker appended at is kept as that", async () => {
  const { batch, records } = await kept({ batches: [[record(0)]], producerCodec: "none" });
  const block = new SharedArrayBuffer(1 << 20);
  new Uint8Array(block).set(LOG_APPEND);
  const payload = { blocks: [block], length: LOG_APPEND.length };
  const both = [...payloadRecords(payload)].flat();
  const counts = { records: 2n, start: 40n, end: 42n, release: () => undefined };
  const cut = { ...cutOf(40n, { batches: [[record(0)]], producerCodec: "none" }), ...counts };
  const appendedBatch = await sealer.seal({ ...cut, payload }, recipe(), never);
  expect((await filed(appendedBatch.description, both))?.bytes).toEqual(appendedBatch.bytes);
  expect(await filed(batch.description, records)).not.toBeNull();
});

test("other records make no file", async () => {
  const { batch, records } = await kept({ batches: plain(2, 3), producerCodec: "none" });
  const [first, ...others] = records;
  if (first === undefined) throw new Error("there are records");
  const changed = [{ ...first, value: Buffer.from("another") }, ...others];
  expect(await filed(batch.description, changed)).toBeNull();
});

test("nor is one made of a segment, of what is or is to be encrypted, or of what was not decoded", async () => {
  const made: Made = { batches: plain(2, 3), producerCodec: "none" };
  const segment = await kept(made, { format: "segment" });
  expect(await filed(segment.batch.description, segment.records)).toBeNull();
  const { batch, records } = await kept(made);
  const d = batch.description;
  const age = { ...d, seal: { ...d.seal, encryption: "age" as const } };
  expect(await filed(age, records)).toBeNull();
  const encryption = { recipients: [], keyId: "k", salt: "00".repeat(16) };
  expect(await filed(d, records, { encryption })).toBeNull();
  expect(await filed({ ...d, deadLettered: 1n }, records)).toBeNull();
});
