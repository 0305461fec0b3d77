import { expect, test } from "vitest";
import { changes, Live } from "../../src/observe/live.ts";
import { liveReport, type LiveReport } from "../../src/observe/live-report.ts";
import type { StatusReport } from "../../src/observe/status-report.ts";
import { description } from "./events.ts";
import { SampleView, SMALL } from "./sample-view.ts";

const NOW = Date.parse("2026-11-21T12:05:12Z");

class World {
  readonly sample = new SampleView(SMALL);
  readonly live: Live;
  started = true;
  now = NOW;

  constructor(change: (status: StatusReport) => StatusReport = (s) => s) {
    const view = this.sample.view();
    const changed = { ...view, status: () => change(view.status()) };
    this.live = new Live({
      ...{ tool: "bulk-archiver", version: "1", group: "archiver" },
      ...{ view: () => (this.started ? changed : null), wall: () => this.now },
    });
  }

  report(): LiveReport {
    this.now += 1000;
    const report = this.live.report();
    expect(liveReport.parse(report)).toEqual(report);
    return report;
  }

  said(): readonly string[] {
    const { level, code, sentence } = this.report().verdict;
    return [level, code, sentence];
  }

  async looked(): Promise<LiveReport> {
    this.now += 60_000;
    this.live.tick(true, AbortSignal.timeout(1000));
    await new Promise((resolve) => setImmediate(resolve));
    return this.report();
  }
}

test("safe: confirmed up to when, and pending for how long", () => {
  const world = new World();
  for (let i = 0; i < 16; i++) world.sample.set(i, { oldestUnconfirmedMs: 41_000 });
  expect(world.said()).toEqual([
    "ok",
    "OK",
    "All 3 sinks have confirmed up to 12:04:32, nothing is pending for more than 41\u00a0s.",
  ]);
});

test("a sink that is away: since when, what waits for it, what to do, and when it is tried again", () => {
  const world = new World();
  const text = "nn1:9870 refuses the connection";
  world.live.take({
    what: "sink-state",
    sink: "lake",
    state: "retrying",
    code: "sink-transient",
    text,
  });
  world.sample.sink("lake", { state: "retrying", next: new Date(NOW + 430_000).toISOString() });
  for (const i of [1, 2, 3]) world.sample.set(i, { waitsFor: ["lake"] });
  world.now += 7 * 60_000 - 1000;
  const { verdict, sinks, partitions, history } = world.report();
  expect(verdict.level).toBe("attention");
  expect(verdict.sentence).toBe(
    "lake (hdfs) has been away for 7\u00a0min: 3 partitions wait for it, nothing is lost.",
  );
  expect(verdict.second).toMatch(/^lake is tried again at 12:12:22 and catches up by itself\./);
  expect(verdict.todo.map((t) => t.command)).toContain("bulk-archiver check --sink lake");
  expect(partitions.filter((p) => p.state === "waiting")).toHaveLength(3);
  const lake = sinks.find((s) => s.name === "lake");
  expect(lake).toMatchObject({ level: "attention", error: { code: "sink-transient", text } });
  expect(lake?.minutes.slice(-1)).toBe("2");
  expect(history?.outages).toEqual([{ sink: "lake", fromMs: NOW, toMs: null }]);
  world.live.take({ what: "sink-state", sink: "lake", state: "ok" });
  world.sample.sink("lake", { state: "ok", next: null });
  const after = world.report();
  expect(after.verdict.code).toBe("OK");
  expect(after.history?.outages[0]?.toMs).toBe(world.now - 1000);
});

test("a stopped partition needs a person: it comes before a sink that is away", () => {
  const world = new World();
  world.live.take({ what: "sink-state", sink: "lake", state: "retrying" });
  const scope = { topic: "logs.web", topicId: "_", partition: 7, branch: 0 };
  const text = "ceph holds other bytes at 48210334";
  world.live.take({ what: "partition-stopped", scope, code: "sink-conflict", text });
  world.sample.set(7, { state: "stopped", waiting: `stopped: ${text}` });
  const { verdict } = world.report();
  expect(verdict).toMatchObject({ level: "human", code: "STOPPED", title: "logs.web 7 stopped" });
  expect(verdict.sentence).toBe(`logs.web 7 has stopped and needs you: ${text}.`);
  expect(verdict.todo.map((t) => t.command).join()).toContain("--topic logs.web --partition 7");
});

test("a sink over whose content partitions stopped waits for a person, with what to do; the others are well", () => {
  const world = new World();
  world.sample.set(7, { state: "stopped", conflictIn: "ceph" });
  world.sample.set(8, { state: "stopped", conflictIn: "ceph" });
  const rows = (): unknown[] =>
    world.report().sinks.map((s) => [s.name, s.level, s.conflicts, s.todo]);
  const todo = expect.stringContaining("`verify --across-sinks`, then `reconcile`");
  const well = [
    ["files", "ok", 0, null],
    ["lake", "ok", 0, null],
  ];
  expect(rows()).toEqual([well[0], ["ceph", "human", 2, todo], well[1]]);
  // It is away as well: what that takes is said too.
  world.live.take({ what: "sink-state", sink: "ceph", state: "retrying" });
  expect(rows()[1]).toEqual([
    ...["ceph", "human", 2],
    expect.stringMatching(/`reconcile`.*Start ceph or open the way to it/),
  ]);
  world.live.take({ what: "sink-state", sink: "ceph", state: "ok" });
  world.sample.set(7, { state: "running", conflictIn: null });
  world.sample.set(8, { state: "stopped", conflictIn: "files" });
  const deep = expect.stringContaining("`verify --deep --sink files`");
  expect(rows()).toEqual([["files", "human", 1, deep], ["ceph", "ok", 0, null], well[1]]);
});

test("refused credentials, changing owners, lateness, a drain: each has its words", () => {
  const parked = new World();
  parked.live.take({
    what: "sink-state",
    sink: "ceph",
    state: "parked",
    code: "sink-unauthorized",
  });
  expect(parked.said().slice(0, 2)).toEqual(["human", "SINK_PARKED"]);
  const moving = new World();
  for (const i of [0, 1]) moving.sample.set(i, { state: "locating" });
  expect(moving.said()[2]).toBe("2 of 22 partitions are changing owner; nothing is lost.");
  const behind = new World();
  behind.sample.set(3, { oldestUnconfirmedMs: 480_000 });
  expect(behind.said()).toEqual([
    "attention",
    "BEHIND",
    "All 3 sinks have confirmed up to 11:57:13; the oldest unconfirmed record is 8\u00a0min old.",
  ]);
  const filling = new World();
  filling.sample.set(0, { lacks: ["lake"] });
  for (const i of [...Array(22).keys()]) filling.sample.set(i, { oldestUnconfirmedMs: 1_000 });
  expect(filling.said()).toEqual([
    "attention",
    "SINK_FILLING",
    "lake lacks batches of 1 partition and is being filled; the other 2 sinks have confirmed up to 12:05:12.",
  ]);
  expect(filling.report().sinks.map((s) => [s.name, s.level, s.lacking])).toContainEqual([
    ...["lake", "work", 1],
  ]);
  const cut = new World();
  cut.sample.set(0, { waiting: "Kafka: broker 1 at b1:9092 refuses the connection" });
  expect(cut.said().slice(0, 2)).toEqual(["attention", "KAFKA_AWAY"]);
  const paused = new World();
  paused.sample.set(0, { state: "paused" });
  expect(paused.said().slice(0, 2)).toEqual(["attention", "PAUSED"]);
  const draining = new World();
  draining.live.take({ what: "daemon-stopping", deadlineMs: 1 });
  expect(draining.said().slice(0, 2)).toEqual(["work", "STOPPING"]);
});

test("while it starts: which sink is waited for", () => {
  const world = new World();
  world.started = false;
  expect(world.said()[1]).toBe("STARTING");
  world.live.take({ what: "sink-state", sink: "lake", state: "retrying", text: "refused" });
  expect(world.said()[2]).toMatch(/^Starting: lake has not answered for 1\u00a0s/);
});

test("nothing archived yet is not called safe", () => {
  const world = new World((s) => ({
    ...s,
    partitions: s.partitions.map((p) => ({ ...p, committed: 0n, end: 9n, lastBatch: null })),
  }));
  expect(world.said().slice(0, 2)).toEqual(["none", "FRESH"]);
});

test("the others of the group: owner, lag and rate, through Kafka alone", async () => {
  const world = new World();
  const first = await world.looked();
  expect(first.partitions).toHaveLength(64);
  expect(first.members.map((m) => [m.name, m.partitions, m.self])).toEqual([
    ["archiver-1", 22, true],
    ["archiver-2", 22, false],
    ["archiver-3", 20, false],
  ]);
  expect(first.members[1]?.offsetsPerS).toBeNull();
  for (let i = 0; i < 9; i++) world.sample.tick();
  const second = await world.looked();
  expect(second.members[1]?.offsetsPerS).toBeGreaterThan(0);
  expect(second.totals.retentionLeftMs).toBeGreaterThan(6 * 86_400_000);
  expect(second.partitions.filter((p) => !p.self).every((p) => p.owner !== "archiver-1")).toBe(
    true,
  );
});

test("a Kafka that does not answer leaves what was known, and says so", async () => {
  const sample = new SampleView(SMALL);
  const view = { ...sample.view(), groups: () => Promise.reject(new Error("no coordinator")) };
  let now = NOW;
  const about = { tool: "bulk-archiver", version: "1", group: "archiver" };
  const live = new Live({ ...about, view: () => view, wall: () => now });
  live.tick(true, AbortSignal.timeout(1000));
  await new Promise((resolve) => setImmediate(resolve));
  now += 1000;
  expect(live.report().groupError).toBe("no coordinator");
  expect(live.report().partitions).toHaveLength(22);
});

test("an hour of history in 240 steps, with gaps where the process was frozen", () => {
  const world = new World();
  for (let s = 0; s < 2 * 3600; s++) {
    world.now += 1000;
    if (s === 7000) world.now += 60_000;
    world.live.take({ what: "batch-confirmed", batch: description(), ms: 1 });
    world.sample.produce(s);
    world.live.tick(false, AbortSignal.timeout(1000));
  }
  const { history } = world.report();
  const produced = (history?.producedPerS ?? []).filter((v) => v !== null);
  expect(produced).toHaveLength(237);
  // 22 partitions get 3,500 to 4,900 a second each, also while the process was frozen.
  expect(Math.min(...produced)).toBeGreaterThan(10_000);
  expect(Math.max(...produced)).toBeLessThan(22 * 4_900);
  expect(history?.recordsPerS).toHaveLength(240);
  expect(history?.recordsPerS.filter((v) => v === null)).toHaveLength(3);
  expect(history?.recordsPerS.at(-1)).toBe(10);
  expect(history?.oldestMs.at(-1)).toBeGreaterThan(0);
});

test("events are kept to two hundred, and an update holds only what changed", () => {
  const world = new World();
  for (let i = 0; i < 1000; i++) world.live.take({ what: "warned", code: "x", text: `w${i}` });
  for (let i = 0; i < 22; i++) world.sample.set(i, { oldestUnconfirmedMs: null });
  const before = world.report();
  expect(before.events).toHaveLength(200);
  world.sample.set(5, { lag: 77n });
  world.live.take({ what: "warned", code: "x", text: "new" });
  const update = changes(before, world.report());
  expect(update.partitions.map((p) => p.partition)).toEqual([5]);
  expect(update.events.map((e) => e.text)).toEqual(["new"]);
  expect(update.history).toBeNull();
  expect(update.gone).toEqual([]);
});

test("a partition that went to nobody known is said to be gone", () => {
  let drop = false;
  const world = new World((s) => ({ ...s, partitions: s.partitions.slice(drop ? 1 : 0) }));
  const before = world.report();
  drop = true;
  expect(changes(before, world.report()).gone).toEqual(["archiver/logs.web/0"]);
});
