import { readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { Kafka, logLevel } from "kafkajs";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { ReplayReport } from "../../src/operate/repair/report.ts";
import { configDir } from "../config/load.ts";
import { writeConfig } from "../faults/daemon.ts";
import { LiveTopic } from "../faults/topic.ts";
import { groupsAreReady } from "../kafka/live-kafka.ts";
import {
  batchesOf,
  contentOf,
  flipBit,
  quarantined,
  remove,
  type StoredBatch,
  truncate,
} from "./archive-damage.ts";
import { cli, type Ended, start, type Started } from "./cli-process.ts";
import { mismatches, type Schema } from "./json-schema.ts";

/** Ranges archived again, on a real Kafka, beside the daemon that archived them. */
const bootstrap = process.env["TEST_KAFKA"] ?? "";
const name = `replay-${process.pid}`;
const dir = configDir();
const [files, copy] = [join(dir, "files"), join(dir, "copy")];
const admin = new Kafka({ brokers: bootstrap.split(","), logLevel: logLevel.NOTHING }).admin();
let topic: LiveTopic;
let daemon: Started;
let config = "";

const schema = JSON.parse(
  readFileSync(new URL("../../docs/schema/replay.schema.json", import.meta.url), "utf8"),
) as Schema;

const replay = (...argv: readonly string[]): Promise<Ended> =>
  cli(["replay", "--config", config, "--topic", name, ...argv]);

async function reported(...argv: readonly string[]): Promise<ReplayReport & { code: number }> {
  const { code, stdout, stderr } = await replay("--json", ...argv);
  if (!stdout.includes('"partitions"')) throw new Error(`replay ended with ${code}: ${stderr}`);
  expect(mismatches(schema, JSON.parse(stdout))).toEqual([]);
  return { ...(JSON.parse(stdout) as ReplayReport), code: code ?? -1 };
}

type Count = "confirmed" | "made" | "replaced" | "cut";
const sum = (r: ReplayReport, of: Count): number => r.partitions.reduce((n, p) => n + p[of], 0);
const codes = (r: ReplayReport): string[] =>
  r.partitions.flatMap((p) => p.problems.map((q) => q.code));

function batch(archive: string, at: number): StoredBatch {
  const found = batchesOf(archive)[at];
  if (found === undefined) throw new Error(`the archive has no batch ${at}`);
  return found;
}

const alive = (): string | null => (daemon.child.exitCode === null ? null : "the daemon ended");

beforeAll(async () => {
  await groupsAreReady(bootstrap);
  await admin.connect();
  topic = await LiveTopic.create(bootstrap, name, 2);
  config = writeConfig(dir, "replay.yaml", {
    ...{ bootstrap, group: name, topics: [name], batchBytes: "16KiB", age: "300ms" },
    sinks: ["files", "copy"],
  });
  daemon = start(["run", "--config", config]);
  await daemon.said("partitions assigned");
  for (let i = 0; i < 8; i += 1) {
    await topic.produce(300);
    await topic.archived(name, 30_000, alive);
  }
}, 120_000);

afterAll(async () => {
  daemon.child.kill("SIGKILL");
  await daemon.ended;
  await topic.close();
  await admin.disconnect();
  rmSync(dir, { recursive: true, force: true });
});

test("what is there is confirmed, what every sink lost is made again with the same bytes", async () => {
  const before = [contentOf(files), contentOf(copy)];
  const committed = await topic.committed(name);
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
  expect(await topic.committed(name)).toEqual(committed);
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
  expect([quarantined(files).length, quarantined(copy).length]).toEqual([2, 4]);
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
  topic.begin(40, 50);
  const argv = ["replay", "--config", config, "--topic", name, "--partition", "1"];
  const killed = start(argv);
  for (let i = 0; mine(copy).length < 5 && i < 400 && killed.child.exitCode === null; i += 1) {
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  killed.child.kill("SIGKILL");
  await killed.ended;
  const both = await Promise.all([reported("--partition", "1"), reported("--partition", "1")]);
  expect(both.map((r) => [r.code, codes(r)])).toEqual([
    [0, []],
    [0, []],
  ]);
  await topic.stop();
  await topic.archived(name, 30_000, alive);
  const now = contentOf(copy);
  for (const [path, bytes] of before) if (path.includes("/1/0/")) expect(now.get(path)).toBe(bytes);
  const verified = await cli([
    "verify",
    "--config",
    config,
    "--partition",
    "1",
    "--deep",
    "--across-sinks",
    "--against-kafka",
  ]);
  expect([verified.code, verified.stdout]).toEqual([0, expect.any(String)]);
});

test("offsets that were committed and never archived are cut by the normal rules", async () => {
  daemon.child.kill("SIGTERM");
  expect((await daemon.ended).code).toBe(0);
  for (let i = 0; i < 8; i += 1) await topic.produce(500);
  const ends = await topic.ends();
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
  const verified = await cli([
    "verify",
    "--config",
    config,
    "--partition",
    "1",
    "--deep",
    "--across-sinks",
    "--against-kafka",
  ]);
  expect([verified.code, verified.stdout]).toEqual([0, expect.any(String)]);
});
