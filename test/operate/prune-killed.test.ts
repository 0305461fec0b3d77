import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { PruneReport } from "../../src/operate/prune/prune-report.ts";
import { batchesOf } from "./archive-damage.ts";
import { killedAtEachChange } from "./killed-at-change.ts";
import { LiveArchive } from "./live-archive.ts";

/** Old data goes from folders by runs that die at each step, beside a daemon under load. */
const DAY_MS = 86_400_000;
const SINKS = ["files", "copy"] as const;
const all = ["--max-delete-percent", "100"];
let archive: LiveArchive;
let forEver = "";

const prune = (...argv: readonly string[]): Promise<PruneReport & { code: number }> =>
  archive.reported("prune", ...argv);
const sum = (r: PruneReport, of: "batches"): number[] =>
  r.pipelines
    .flatMap((p) => p.sinks)
    .map((s) => s.partitions.reduce((n, partition) => n + partition[of], 0));

const starts = (sink: string, partition: number): readonly bigint[] =>
  batchesOf(archive.folder(sink))
    .filter((b) => b.partition === partition)
    .map((b) => b.start);
const withoutData = (sink: string, partition: number): readonly bigint[] =>
  batchesOf(archive.folder(sink))
    .filter((b) => b.partition === partition && !existsSync(b.data))
    .map((b) => b.start);

/** Up to where a sink says that data may be gone. */
function said(sink: string): bigint {
  const place = join(archive.folder(sink), "pruned");
  if (!existsSync(place)) return 0n;
  const names = readdirSync(place, { recursive: true, encoding: "utf8" });
  const ends = names.filter((n) => n.endsWith(".json")).map((n) => n.slice(-25, -5));
  return ends.map(BigInt).reduce((a, b) => (a > b ? a : b), 0n);
}

beforeAll(async () => {
  const given = { word: "prune-killed", partitions: 2, rounds: 0, batchBytes: "8KiB" };
  archive = await LiveArchive.begin({ ...given, extra: "retention: 2d" });
  forEver = archive.written("for-ever.yaml", { extra: "" });
  for (let i = 0; i < 3; i += 1) {
    await archive.topic.produce(240, Date.now() - 5 * DAY_MS);
    await archive.archived();
  }
  await archive.more(50);
}, 120_000);

afterAll(() => archive.close());

test("a topic that is not there is said, and nothing goes", async () => {
  const { code, stderr } = await archive.run("prune", "--topic", "nowhere", ...all);
  expect([code, stderr]).toEqual([2, expect.stringContaining("no batch of topic nowhere")]);
});

test("killed at every step and run again: what is gone was said before, and the rest is there", async () => {
  const argv = ["--partition", "0", ...all];
  const due = sum(await prune("--partition", "0", "--dry-run"), "batches");
  const [each = 0] = due;
  expect(each).toBeGreaterThan(2);
  const before = starts("files", 0);
  const gone: number[] = [];
  archive.topic.begin(20, 300);
  const { killed, last } = await killedAtEachChange(archive.argv("prune", ...argv), () => {
    for (const sink of SINKS) {
      expect(starts(sink, 0)).toEqual(expect.arrayContaining([...before]));
      expect(withoutData(sink, 0).every((start) => start < said(sink))).toBe(true);
    }
    gone.push(withoutData("files", 0).length + withoutData("copy", 0).length);
  });
  await archive.topic.stop();
  await archive.archived();
  expect([last.code, last.stderr]).toEqual([0, ""]);
  // Before anything was said, before anything was gone, and between two batches of one sink.
  expect([killed > 4, gone.slice(0, 2)]).toEqual([true, [0, 0]]);
  expect(gone.some((n) => n > 0 && n < each)).toBe(true);
  expect(SINKS.map((sink) => withoutData(sink, 0).length)).toEqual(due);
  expect(withoutData("copy", 0)).toEqual(withoutData("files", 0));
  expect(sum(await prune(...argv), "batches")).toEqual([0, 0]);
}, 120_000);

test("two at once: each says it is done, and what is young stays", async () => {
  const due = sum(await prune("--dry-run"), "batches");
  expect(due[0]).toBeGreaterThan(2);
  const both = await Promise.all([prune(...all), prune(...all)]);
  expect(both.map((r) => [r.code, r.ok])).toEqual([
    [0, true],
    [0, true],
  ]);
  expect(SINKS.map((sink) => withoutData(sink, 1).length)).toEqual(due);
}, 60_000);

test("nobody takes it for a loss, with the retention or by the record alone", async () => {
  expect(await archive.verified()).toBe("ok");
  archive.config = forEver;
  expect(await archive.verified()).toBe("ok");
}, 60_000);
