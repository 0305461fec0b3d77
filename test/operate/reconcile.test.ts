import { readFileSync, writeFileSync } from "node:fs";
import { afterAll, beforeAll, expect, test } from "vitest";
import {
  descriptionOf,
  encodeManifest,
  makeManifest,
  parseManifest,
} from "../../src/core/manifest.ts";
import type { ReconcileReport } from "../../src/operate/repair/report.ts";
import {
  batchesOf,
  contentOf,
  copyOver,
  flipBit,
  namesOf,
  quarantined,
  remove,
  type StoredBatch,
  truncate,
} from "./archive-damage.ts";
import { LiveArchive } from "./live-archive.ts";

/** Two archives of one topic, one of them hurt, on a real Kafka with the daemon at work. */
let archive: LiveArchive;
let [files, copy] = ["", ""];

const between = ["--source", "files", "--target", "copy"];
const reported = (...argv: readonly string[]): Promise<ReconcileReport & { code: number }> =>
  archive.reported("reconcile", ...between, ...argv);

const sum = (r: ReconcileReport, of: "copied" | "replaced" | "same"): number =>
  r.partitions.reduce((n, p) => n + p[of], 0);

/** Some batch of the copy that is not the newest: the daemon looks at that one. */
const batch = (at: number): StoredBatch => archive.batch("copy", at);

beforeAll(async () => {
  archive = await LiveArchive.begin({ word: "reconcile", partitions: 2, rounds: 8 });
  [files, copy] = [archive.folder("files"), archive.folder("copy")];
}, 120_000);

afterAll(() => archive.close());

test("what is missing is created, in any state it may be in, beside the daemon", async () => {
  const before = contentOf(copy);
  expect(batchesOf(copy).length).toBeGreaterThan(10);
  remove(batch(1).data, batch(1).manifest);
  remove(batch(2).data);
  remove(batch(3).manifest);
  const dry = await reported("--dry-run");
  expect([dry.code, sum(dry, "copied"), dry.proof]).toEqual([0, 3, null]);
  expect(contentOf(copy).size).toBe(before.size - 4);
  const report = await reported();
  expect([report.code, report.ok, sum(report, "copied"), sum(report, "replaced")]).toEqual([
    0,
    true,
    3,
    0,
  ]);
  expect(report.proof?.ok).toBe(true);
  expect(contentOf(copy)).toEqual(before);
  const again = await reported("--quick");
  expect([again.code, sum(again, "copied")]).toEqual([0, 0]);
});

test("what is damaged goes to quarantine while the partition is paused, and is copied", async () => {
  const before = contentOf(copy);
  flipBit(batch(1).data);
  truncate(batch(2).data);
  const report = await reported();
  expect([report.code, report.ok, sum(report, "replaced")]).toEqual([0, true, 2]);
  expect(contentOf(copy)).toEqual(before);
  expect(quarantined(copy).length).toBe(2);
  // The daemon goes on, and both sinks stay the same.
  await archive.more(300);
  expect(contentOf(copy)).toEqual(contentOf(files));
});

test("a valid batch that differs is reported, and replaced only with --repair", async () => {
  const before = contentOf(copy);
  const [one, two, other] = [batch(3), batch(4), batch(5)];
  const m = parseManifest(readFileSync(one.manifest));
  const forged = encodeManifest(makeManifest({ ...descriptionOf(m), revision: 1 }, m.prevLink));
  writeFileSync(one.manifest, forged);
  const refused = await reported("--no-proof");
  expect(refused.code).toBe(3);
  expect(refused.partitions.flatMap((p) => p.problems.map((q) => q.code))).toEqual(["different"]);
  // The manifest of another batch is no valid one under this name: that is damage.
  copyOver(other.manifest, two.manifest);
  const report = await reported("--repair");
  expect([report.code, report.ok, sum(report, "replaced")]).toEqual([0, true, 2]);
  expect(contentOf(copy)).toEqual(before);
});

test("what has expired is not put back", async () => {
  const [now, old] = [archive.config, archive.written("old.yaml", { extra: "retention: 2d" })];
  const mine = [batchesOf(files)[1], batch(1)].flatMap((b) => (b === undefined ? [] : [b]));
  const m = parseManifest(readFileSync(batch(1).manifest));
  const long = { ...descriptionOf(m), minTimestamp: 1n, maxTimestamp: 1n };
  for (const b of mine) writeFileSync(b.manifest, encodeManifest(makeManifest(long, m.prevLink)));
  const before = contentOf(copy);
  remove(batch(1).data);
  archive.config = old;
  const none = await reported();
  expect([none.code, sum(none, "copied")]).toEqual([0, 0]);
  archive.config = now;
  const back = await reported();
  expect([back.code, sum(back, "copied")]).toEqual([0, 1]);
  expect(contentOf(copy)).toEqual(before);
  for (const b of mine) writeFileSync(b.manifest, encodeManifest(m));
});

test("killed in the middle and run again, two at once, and under load", async () => {
  for (const b of batchesOf(copy).slice(0, -4)) remove(b.data, b.manifest);
  archive.topic.begin(40, 50);
  await archive.killed(() => namesOf(copy).length >= 8, archive.argv("reconcile", ...between));
  const both = await Promise.all([reported("--no-proof"), reported("--no-proof")]);
  expect(both.map((r) => [r.code, r.partitions.flatMap((p) => p.problems)])).toEqual([
    [0, []],
    [0, []],
  ]);
  await archive.topic.stop();
  await archive.archived();
  const report = await reported();
  expect([report.code, report.ok, sum(report, "copied")]).toEqual([0, true, 0]);
  expect(contentOf(copy)).toEqual(contentOf(files));
});
