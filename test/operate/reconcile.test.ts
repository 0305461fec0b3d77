import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import {
  descriptionOf,
  encodeManifest,
  makeManifest,
  parseManifest,
} from "../../src/core/manifest.ts";
import type { ReconcileReport } from "../../src/operate/repair/report.ts";
import { configDir } from "../config/load.ts";
import { writeConfig } from "../faults/daemon.ts";
import { LiveTopic } from "../faults/topic.ts";
import { groupsAreReady } from "../kafka/live-kafka.ts";
import {
  batchesOf,
  contentOf,
  copyOver,
  flipBit,
  quarantined,
  remove,
  type StoredBatch,
  truncate,
} from "./archive-damage.ts";
import { cli, type Ended, start, type Started } from "./cli-process.ts";

/** Two archives of one topic, one of them hurt, on a real Kafka with the daemon at work. */
const bootstrap = process.env["TEST_KAFKA"] ?? "";
const name = `reconcile-${process.pid}`;
const dir = configDir();
const [files, copy] = [join(dir, "files"), join(dir, "copy")];
let topic: LiveTopic;
let daemon: Started;
let config = "";

const reconcile = (...argv: readonly string[]): Promise<Ended> =>
  cli(["reconcile", "--config", config, "--source", "files", "--target", "copy", ...argv]);

async function reported(...argv: readonly string[]): Promise<ReconcileReport & { code: number }> {
  const { code, stdout, stderr } = await reconcile("--json", ...argv);
  if (!stdout.startsWith("{")) throw new Error(`reconcile ended with ${code}: ${stderr}`);
  return { ...(JSON.parse(stdout) as ReconcileReport), code: code ?? -1 };
}

const sum = (r: ReconcileReport, of: "copied" | "replaced" | "same"): number =>
  r.partitions.reduce((n, p) => n + p[of], 0);

/** Some batch of the copy that is not the newest: the daemon looks at that one. */
function batch(at: number): StoredBatch {
  const found = batchesOf(copy)[at];
  if (found === undefined) throw new Error(`the archive has no batch ${at}`);
  return found;
}

const alive = (): string | null => (daemon.child.exitCode === null ? null : "the daemon ended");

beforeAll(async () => {
  await groupsAreReady(bootstrap);
  topic = await LiveTopic.create(bootstrap, name, 2);
  config = writeConfig(dir, "reconcile.yaml", {
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
  rmSync(dir, { recursive: true, force: true });
});

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
  expect(quarantined(copy).length).toBe(4);
  // The daemon goes on, and both sinks stay the same.
  await topic.produce(300);
  await topic.archived(name, 30_000, alive);
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
  const old = writeConfig(dir, "old.yaml", {
    ...{ bootstrap, group: name, topics: [name], sinks: ["files", "copy"] },
    extra: "retention: 2d",
  });
  const mine = [batchesOf(files)[1], batch(1)].flatMap((b) => (b === undefined ? [] : [b]));
  const m = parseManifest(readFileSync(batch(1).manifest));
  const long = { ...descriptionOf(m), minTimestamp: 1n, maxTimestamp: 1n };
  for (const b of mine) writeFileSync(b.manifest, encodeManifest(makeManifest(long, m.prevLink)));
  const before = contentOf(copy);
  remove(batch(1).data);
  const argv = ["reconcile", "--config", old, "--source", "files", "--target", "copy", "--json"];
  const { code, stdout, stderr } = await cli(argv);
  expect([code, stderr]).toEqual([0, ""]);
  expect(sum(JSON.parse(stdout) as ReconcileReport, "copied")).toBe(0);
  const back = await reported();
  expect([back.code, sum(back, "copied")]).toEqual([0, 1]);
  expect(contentOf(copy)).toEqual(before);
  for (const b of mine) writeFileSync(b.manifest, encodeManifest(m));
});

test("killed in the middle and run again, two at once, and under load", async () => {
  for (const b of batchesOf(copy).slice(0, -4)) remove(b.data, b.manifest);
  topic.begin(40, 50);
  const killed = start([
    ...["reconcile", "--config", config, "--source", "files", "--target", "copy"],
  ]);
  for (let i = 0; batchesOf(copy).length < 8 && i < 400 && killed.child.exitCode === null; i += 1) {
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  killed.child.kill("SIGKILL");
  await killed.ended;
  const both = await Promise.all([reported("--no-proof"), reported("--no-proof")]);
  expect(both.map((r) => [r.code, r.partitions.flatMap((p) => p.problems)])).toEqual([
    [0, []],
    [0, []],
  ]);
  await topic.stop();
  await topic.archived(name, 30_000, alive);
  const report = await reported();
  expect([report.code, report.ok, sum(report, "copied")]).toEqual([0, true, 0]);
  expect(contentOf(copy)).toEqual(contentOf(files));
});
