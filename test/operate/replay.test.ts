import { readFileSync } from "node:fs";
import { join } from "node:path";
import { Kafka, logLevel } from "kafkajs";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { ReplayReport } from "../../src/operate/repair/report.ts";
import { sharedKafka } from "../kafka/live-kafka.ts";
import {
  batchesOf,
  contentOf,
  flipBit,
  namesOf,
  quarantined,
  remove,
  type StoredBatch,
  truncate,
} from "./archive-damage.ts";
import type { Ended } from "./cli-process.ts";
import { mismatches, type Schema } from "./json-schema.ts";
import { LiveArchive } from "./live-archive.ts";

/** Ranges archived again, on a real Kafka, beside the daemon that archived them. */
const kafka = new Kafka({ brokers: sharedKafka().split(","), logLevel: logLevel.NOTHING });
const admin = kafka.admin();
let archive: LiveArchive;
let [name, files, copy] = ["", "", ""];

const schema = JSON.parse(
  readFileSync(new URL("../../docs/schema/replay.schema.json", import.meta.url), "utf8"),
) as Schema;

const replay = (...argv: readonly string[]): Promise<Ended> =>
  archive.run("replay", "--topic", name, ...argv);

async function reported(...argv: readonly string[]): Promise<ReplayReport & { code: number }> {
  const report = await archive.reported<ReplayReport>("replay", "--topic", name, ...argv);
  const { code: _, ...document } = report;
  expect(mismatches(schema, document)).toEqual([]);
  return report;
}

type Count = "confirmed" | "made" | "replaced" | "cut";
const sum = (r: ReplayReport, of: Count): number => r.partitions.reduce((n, p) => n + p[of], 0);
const codes = (r: ReplayReport): string[] =>
  r.partitions.flatMap((p) => p.problems.map((q) => q.code));

const batch = (folder: string, at: number): StoredBatch =>
  archive.batch(folder === files ? "files" : "copy", at);

beforeAll(async () => {
  await admin.connect();
  archive = await LiveArchive.begin({ word: "replay", partitions: 2, rounds: 8 });
  name = archive.name;
  [files, copy] = [archive.folder("files"), archive.folder("copy")];
}, 120_000);

afterAll(async () => {
  await archive.close();
  await admin.disconnect();
});

test("what is there is confirmed, what every sink lost is made again with the same bytes", async () => {
  const before = [contentOf(files), contentOf(copy)];
  const committed = await archive.topic.committed(name);
  const all = await reported();
  expect([all.code, sum(all, "confirmed"), sum(all, "made")]).toEqual([
    0,
    before[0]?.size ? batchesOf(files).length : 0,
    0,
  ]);
  // A whole batch, a file without its manifest, and files without manifests: from every sink.
  for (const archive of [files, copy]) {
    remove(batch(archive, 1).data, batch(archive, 1).manifest);
    remove(batch(archive, 2).data);
  }
  remove(batch(files, 4).manifest);
  remove(batch(copy, 5).data, batch(copy, 5).manifest);
  const dry = await reported("--dry-run");
  expect([dry.code, sum(dry, "made")]).toEqual([0, 4]);
  const report = await reported();
  expect([codes(report), report.code, sum(report, "made"), sum(report, "cut")]).toEqual([
    [],
    0,
    4,
    1,
  ]);
  expect([contentOf(files), contentOf(copy)]).toEqual(before);
  expect(await archive.topic.committed(name)).toEqual(committed);
});

test("what differs is reported, and with --repair replaced through quarantine", async () => {
  const before = [contentOf(files), contentOf(copy)];
  flipBit(batch(files, 1).data);
  truncate(batch(copy, 1).data);
  flipBit(batch(copy, 3).data);
  const { start: from } = batch(files, 1);
  const seen = await reported("--partition", "0");
  expect([seen.code, new Set(codes(seen))]).toEqual([3, new Set(["different"])]);
  const report = await reported("--partition", "0", "--from", String(from), "--repair");
  expect([codes(report), report.code, sum(report, "replaced")]).toEqual([[], 0, 2]);
  expect([contentOf(files), contentOf(copy)]).toEqual(before);
  expect([quarantined(files).length, quarantined(copy).length]).toEqual([1, 2]);
});

test("a time means the batches from its first record on", async () => {
  const mine = batchesOf(files).filter((b) => b.partition === 0);
  const third = mine[2];
  if (third === undefined) throw new Error("too few batches");
  const { minTimestamp } = JSON.parse(readFileSync(third.manifest, "utf8")) as {
    minTimestamp: number;
  };
  const from = new Date(minTimestamp).toISOString();
  const since = await reported("--partition", "0", "--from", from, "--dry-run");
  expect(since.partitions.map((p) => Number(p.from))).toEqual([Number(third.start)]);
  expect(sum(since, "confirmed")).toBe(mine.length - 2);
  const before = await reported("--partition", "0", "--to", from);
  expect(sum(before, "confirmed")).toBe(2);
});

test("only below the committed offset, and only what there is", async () => {
  const far = await replay("--partition", "0", "--from", "0", "--to", "99999999");
  expect([far.code, far.stderr]).toEqual([
    2,
    expect.stringContaining("beyond the committed offset"),
  ]);
  const none = await replay("--partition", "7");
  expect(none.code).toBe(2);
});

test("ranges that Kafka lost are taken from a sink that has them, else they are named", async () => {
  const before = contentOf(files);
  const gone = batch(files, 3).start;
  await admin.fetchTopicOffsets(name);
  await admin.deleteTopicRecords({
    topic: name,
    partitions: [{ partition: 0, offset: String(gone) }],
  });
  remove(batch(files, 0).data, batch(files, 0).manifest);
  const report = await reported("--partition", "0", "--from", "0");
  expect([codes(report), report.code, sum(report, "made")]).toEqual([[], 0, 1]);
  expect(contentOf(files)).toEqual(before);
  const kept = [batch(files, 1), batch(copy, 1)];
  for (const b of kept) remove(b.data);
  const lost = await reported("--partition", "0");
  expect([lost.code, codes(lost)]).toEqual([3, ["lost"]]);
  for (const b of kept) remove(b.manifest);
  const hole = await reported("--partition", "0");
  expect([hole.code, codes(hole)]).toEqual([3, ["hole"]]);
});

test("--into writes a fresh archive that is whole by itself", async () => {
  const made = await reported("--partition", "1", "--into", "again");
  expect([codes(made), made.code]).toEqual([[], 0]);
  const again = await reported("--partition", "1", "--into", "again");
  expect([again.code, sum(again, "made")]).toEqual([0, 0]);
  const fresh = batchesOf(join(files, "again")).filter((b) => b.partition === 1);
  expect(fresh.map((b) => b.start)).toEqual(
    batchesOf(files)
      .filter((b) => b.partition === 1)
      .map((b) => b.start),
  );
});

test("killed in the middle and run again, two at once, and under load", async () => {
  const mine = (archive: string): StoredBatch[] =>
    batchesOf(archive).filter((b) => b.partition === 1);
  const before = contentOf(copy);
  for (const b of mine(copy).slice(0, -2)) remove(b.data, b.manifest);
  for (const b of mine(files).slice(1, -2)) remove(b.data);
  archive.topic.begin(40, 50);
  const argv = archive.argv("replay", "--topic", name, "--partition", "1");
  const done = (): boolean => namesOf(copy).filter((path) => path.includes("/1/0/")).length >= 5;
  await archive.killed(done, argv);
  const both = await Promise.all([reported("--partition", "1"), reported("--partition", "1")]);
  expect(both.map((r) => [r.code, codes(r)])).toEqual([
    [0, []],
    [0, []],
  ]);
  await archive.topic.stop();
  await archive.archived();
  const now = contentOf(copy);
  for (const [path, bytes] of before) if (path.includes("/1/0/")) expect(now.get(path)).toBe(bytes);
  expect(await archive.verified("--partition", "1")).toBe("ok");
});

test("offsets that were committed and never archived are cut by the normal rules", async () => {
  await archive.drain();
  for (let i = 0; i < 8; i += 1) await archive.topic.produce(500);
  const ends = await archive.topic.ends();
  await admin.setOffsets({
    groupId: name,
    topic: name,
    partitions: [{ partition: 1, offset: String(ends[1]) }],
  });
  const dry = await reported("--partition", "1", "--dry-run");
  expect(dry.code).toBe(0);
  const report = await reported("--partition", "1");
  expect([codes(report), report.code]).toEqual([[], 0]);
  expect(sum(report, "cut")).toBeGreaterThan(1);
  expect(await archive.verified("--partition", "1")).toBe("ok");
});

test("neighbours that no sink has come as other batches, and every run says that the chain is open", async () => {
  const own = (folder: string): readonly StoredBatch[] =>
    batchesOf(folder).filter((b) => b.partition === 1);
  for (const b of [...own(files).slice(1, 3), ...own(copy).slice(1, 3)]) remove(b.data, b.manifest);
  const made = await reported("--partition", "1");
  expect([made.code, codes(made), sum(made, "cut")]).toEqual([3, ["chain-open"], 1]);
  const again = await reported("--partition", "1");
  expect([again.code, codes(again), sum(again, "made")]).toEqual([3, ["chain-open"], 0]);
});

test("offsets that are committed behind the log's end are named and not waited for", async () => {
  const [, end = 0n] = await archive.topic.ends();
  const partitions = [{ partition: 1, offset: String(BigInt(end) + 10n) }];
  await admin.setOffsets({ groupId: name, topic: name, partitions });
  const report = await reported("--partition", "1", "--from", String(end));
  expect([report.code, codes(report)]).toEqual([3, ["hole"]]);
});
