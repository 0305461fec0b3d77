import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { ReconcileReport, ReplayReport } from "../../src/operate/repair/report.ts";
import type { RestoreReport } from "../../src/operate/restore/restore-report.ts";
import { withAdmin } from "../kafka/live-kafka.ts";
import { batchesOf, contentOf, remove, type StoredBatch } from "./archive-damage.ts";
import { LiveArchive } from "./live-archive.ts";

/** Ranges of which a part has expired, and a part is gone from Kafka. */
const DAY_MS = 86_400_000;
let archive: LiveArchive;
let files = "";
/** Where the expired batches end. */
let kept = 0n;

const replay = (...argv: readonly string[]): Promise<ReplayReport & { code: number }> =>
  archive.reported("replay", "--topic", archive.name, ...argv);
const young = (): readonly StoredBatch[] => batchesOf(files).filter((b) => b.start >= kept);

beforeAll(async () => {
  const given = { word: "replay-expired", partitions: 1, rounds: 0, batchBytes: "8KiB" };
  archive = await LiveArchive.begin({ ...given, extra: "retention: 2d" });
  files = archive.folder("files");
  for (let i = 0; i < 3; i += 1) {
    await archive.topic.produce(300, Date.now() - 5 * DAY_MS);
    await archive.archived();
  }
  [kept = 0n] = await archive.topic.ends();
  for (let i = 0; i < 4; i += 1) await archive.more(300);
}, 120_000);

afterAll(() => archive.close());

test("what has expired is said, and neither compared nor put back; the rest is mended", async () => {
  const pruned = await archive.run("prune", "--max-delete-percent", "100");
  expect([pruned.code, pruned.stderr]).toEqual([0, ""]);
  const old = batchesOf(files).length - young().length;
  expect(old).toBeGreaterThan(2);
  const [lost] = young();
  if (lost === undefined) throw new Error("no young batch");
  const before = contentOf(files);
  remove(lost.data);
  const report = await replay();
  const [p] = report.partitions;
  expect([report.code, p?.expired, p?.expiredTo, p?.made]).toEqual([0, old, Number(kept), 1]);
  expect(p?.confirmed).toBe(young().length - 1);
  expect(contentOf(files)).toEqual(before);
  const { stdout } = await archive.run("replay", "--topic", archive.name);
  expect(stdout).toContain(`${old} expired batches, the last ends at ${kept}`);
});

test("a range that has expired as a whole is no success", async () => {
  const range = ["--topic", archive.name, "--from", "0", "--to", String(kept)];
  const { code, stderr } = await archive.run("replay", ...range);
  expect([code, stderr]).toEqual([
    2,
    expect.stringContaining("a longer `retention` brings them in"),
  ]);
});

test("readers begin with what is kept and say what has expired, also who knows no retention", async () => {
  const said = `the data of offsets [0, ${kept}) has expired`;
  const { config } = archive;
  for (const one of [config, archive.written("for-ever.yaml", { extra: "" })]) {
    archive.config = one;
    const cat = await archive.run("cat");
    expect([cat.code, cat.stderr]).toEqual([0, expect.stringContaining(said)]);
    expect(cat.stdout.trim().split("\n")).toHaveLength(archive.topic.sent - Number(kept));
  }
  archive.config = config;
  const to = ["--topic", archive.name, "--to-topic", `${archive.name}-kept`];
  const restored = await archive.reported<RestoreReport>("restore", ...to);
  expect([restored.code, restored.warnings]).toEqual([0, [expect.stringContaining(said)]]);
  expect(restored.records).toBe(archive.topic.sent - Number(kept));
});

test("a range of which nothing is left ends with 2, and is not said to be missing", async () => {
  const day = (ago: number): string => new Date(Date.now() - ago * DAY_MS).toISOString();
  const out = ["--out", join(archive.dir, "out")];
  const to = ["--topic", archive.name, "--to-topic", `${archive.name}-gone`];
  const offsets = ["--to", String(kept)];
  const times = ["--from", day(6), "--to", day(4)];
  const ranges = [
    ...[["cat"], ["export", "--topic", archive.name, ...out], ["restore", ...to]].map((c) => [
      ...c,
      ...offsets,
    ]),
  ];
  ranges.push(["cat", ...times], ["restore", ...to, ...times], ["restore", ...to, "--from", "0"]);
  for (const [command = "", ...more] of ranges) {
    const { code, stdout, stderr } = await archive.run(command, ...more);
    expect([command, more, code, stdout]).toEqual([command, more, 2, ""]);
    expect(stderr).toContain(`the data of offsets [0, ${kept}) has expired`);
    expect(stderr).not.toContain("missing");
  }
});

test("a manifest of what has expired stays: one that is lost comes back with what is there of it", async () => {
  const [from = 0n] = await archive.topic.ends();
  await archive.topic.produce(300, Date.now() - 5 * DAY_MS);
  await archive.archived();
  await archive.more(300);
  const before = contentOf(archive.folder("copy"));
  const due = batchesOf(archive.folder("copy")).find((b) => b.start === from);
  if (due === undefined) throw new Error("no batch begins there");
  remove(due.data, due.manifest);
  const between = ["--source", "files", "--target", "copy"];
  const report = await archive.reported<ReconcileReport>("reconcile", ...between);
  expect([report.code, report.ok, report.partitions.map((p) => p.copied)]).toEqual([0, true, [1]]);
  expect(contentOf(archive.folder("copy"))).toEqual(before);
});

test("two at once, of a range that is partly gone from Kafka, make nothing twice", async () => {
  const [, second, third] = young();
  if (second === undefined || third === undefined) throw new Error("too few batches");
  await withAdmin(async (admin) => {
    await admin.fetchTopicOffsets(archive.name);
    const partitions = [{ partition: 0, offset: String(third.start) }];
    await admin.deleteTopicRecords({ topic: archive.name, partitions });
  });
  const before = contentOf(files);
  // One that Kafka no longer has and the copy has, and one that nobody has but Kafka.
  remove(second.data, second.manifest, third.data);
  remove(third.data.replace(files, archive.folder("copy")));
  const both = await Promise.all([replay(), replay()]);
  expect(both.map((r) => [r.code, r.partitions.flatMap((p) => p.problems)])).toEqual([
    [0, []],
    [0, []],
  ]);
  expect(contentOf(files)).toEqual(before);
  expect(contentOf(archive.folder("copy"))).toEqual(before);
  // Nobody has it any more: said as what it is.
  remove(second.data, second.data.replace(files, archive.folder("copy")));
  const lost = await replay();
  expect([lost.code, lost.partitions.flatMap((p) => p.problems.map((q) => q.code))]).toEqual([
    3,
    ["lost"],
  ]);
});
