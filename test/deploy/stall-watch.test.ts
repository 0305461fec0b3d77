import { expect, test } from "vitest";
import type { StatusReport } from "../../src/observe/status-report.ts";
import { StallWatch } from "../../src/operate/stall-watch.ts";

type Partition = StatusReport["partitions"][number];

const partition = (more: Partial<Partition> = {}): Partition => ({
  ...{ group: "g", topic: "logs", topicId: "_", partition: 3, branch: 0, state: "running" },
  ...{ committed: 5n, end: 9n, lag: 4n, pendingPlans: [], lastBatch: null },
  ...{ waiting: "delivers to the sinks", oldestUnconfirmedMs: 1_500, inFlight: 1 },
  ...more,
});

function report(p: Partial<Partition>, sink: "ok" | "retrying" = "ok"): StatusReport {
  const state = { state: sink, since: null, lastError: null, next: null, behind: 0n };
  return {
    ...{ tool: "t", version: "0", source: "daemon", group: "g", clusterId: "c" },
    partitions: [partition(p)],
    sinks: [{ name: "lake", kind: "hdfs", primary: true, ...state }],
    memory: null,
    member: { id: "m", generation: 1, instanceId: null, state: "stable", lastError: null },
  };
}

/** Looks every 40 ms at what `of` gives, 200 ms long, with a limit of 100. */
function looked(of: (i: number) => StatusReport): (string | null)[] {
  const watch = new StallWatch(100);
  return [0, 1, 2, 3, 4, 5].map((i) => watch.look(of(i), 40 * i));
}

test("work that does not get on, where everything answers, is a stall", () => {
  const found = looked(() => report({}));
  expect(found.slice(0, 3)).toEqual([null, null, null]);
  expect(found[3]).toMatch(/^logs 3 has not got on for 0 s: running, delivers to the sinks$/);
});

test.each<[string, (i: number) => StatusReport]>([
  ["it commits", (i) => report({ committed: BigInt(i) })],
  ["batches come and go", (i) => report({ inFlight: i % 2 })],
  ["there is nothing to do", () => report({ lag: 0n })],
  ["a sink is away, which a restart does not cure", () => report({}, "retrying")],
  ["it stopped and needs a person", () => report({ state: "stopped" })],
  ["Kafka refuses", () => report({ waiting: "Kafka: no leader" })],
  ["the group is not joined", () => ({ ...report({}), member: null })],
])("no stall: %s", (_why, of) => {
  expect(looked(of)).toEqual([null, null, null, null, null, null]);
});

test("a sink that was away starts the clock anew when it is back", () => {
  const found = looked((i) => report({}, i === 2 ? "retrying" : "ok"));
  expect(found.slice(0, 5)).toEqual([null, null, null, null, null]);
});
