import { mkdtempSync } from "node:fs";
import { rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { auditTopic } from "../audit/audit-topic.ts";
import { LiveTopic } from "../faults/topic.ts";
import { groupsAreReady, named, sharedKafka } from "../kafka/live-kafka.ts";
import { manifestsOf } from "./manifests.ts";
import { Member } from "./members.ts";

const dir = mkdtempSync(join(tmpdir(), "archiver-members-"));
const members: Member[] = [];

async function member(
  live: LiveTopic,
  name: string,
  more: { instanceId?: string } = {},
): Promise<Member> {
  const bootstrap = sharedKafka();
  const { topic } = live;
  // Longer than a restart on a busy machine.
  const sessionTimeout = "30s";
  const o = {
    bootstrap,
    sessionTimeout,
    group: topic,
    topics: [topic],
    age: "1s",
    batchBytes: "1MiB",
  };
  const made = await Member.prepare(join(dir, topic), name, { ...o, ...more });
  members.push(made);
  return made;
}

async function audited(live: LiveTopic): Promise<void> {
  const { topic } = live;
  const archiveDir = join(dir, topic, "files");
  const found = await auditTopic({ bootstrap: sharedKafka(), topic, archiveDir });
  expect(found.problems).toEqual([]);
  expect(found).toMatchObject({ lost: 0, duplicated: 0, different: 0 });
  expect(found.records).toBe(live.sent);
}

/** Milliseconds between a partition's batches, whoever confirmed them, from the shortest to the longest. */
function gapsOf(all: readonly Member[]): number[] {
  const times = new Map<number, number[]>();
  for (const { partition, atMs } of all.flatMap((m) => m.confirmations())) {
    times.set(partition, [...(times.get(partition) ?? []), atMs]);
  }
  const gaps = [...times.values()].flatMap((found) => {
    const sorted = found.toSorted((a, b) => a - b);
    return sorted.slice(1).map((at, i) => at - (sorted[i] ?? at));
  });
  return gaps.toSorted((a, b) => a - b);
}

const alive = (): string | null => {
  const dead = members.find((m) => !m.daemon.running);
  return dead === undefined ? null : `${dead.name} ended:\n${dead.daemon.logTail()}`;
};

beforeAll(() => groupsAreReady());
afterAll(async () => {
  for (const m of members) await m.close();
  await rm(dir, { recursive: true, force: true });
});

describe("four daemons with static membership", () => {
  it("are restarted one by one: nothing moves, and next to nothing is fetched twice", async () => {
    const live = await LiveTopic.create(sharedKafka(), named("rolling"), 40);
    const names = ["a", "b", "c", "d"];
    const all = await Promise.all(
      names.map((n) => member(live, n, { instanceId: `${live.topic}-${n}` })),
    );
    for (const m of all) m.start();
    const before = await Promise.all(all.map((m) => m.owns(10)));
    const [{ generation } = { generation: -1 }] = before;
    expect(new Set(before.flatMap((b) => b.owned)).size).toBe(40);
    expect(before.map((b) => b.generation)).toEqual(before.map(() => generation));
    live.begin(400, 40);
    await sleep(4_000);
    let fetched = 0;
    for (const [i, m] of all.entries()) {
      fetched += await m.metric("fetched_bytes_total");
      await m.daemon.drain();
      m.start();
      expect(await m.owns(10)).toEqual(before[i]);
      await sleep(2_000);
    }
    await live.stop();
    await live.archived(live.topic, 60_000, alive);
    for (const m of all) {
      fetched += await m.metric("fetched_bytes_total");
      await m.daemon.drain();
      const seen = m.generations().filter((g) => g >= generation);
      expect(seen).toEqual([generation, generation]);
    }
    await live.close();
    await audited(live);
    const archived = manifestsOf(join(dir, live.topic, "files"), live.topic)
      .map((m) => m.seal.contentSize)
      .reduce((a, b) => a + b, 0);
    const again = fetched / archived - 1;
    const gaps = gapsOf(all);
    expect(gaps.length).toBeGreaterThan(40);
    const [usual, longest] = [gaps[Math.floor(gaps.length / 2)] ?? 0, gaps.at(-1) ?? 0];
    console.log(
      `rolling: ${archived} bytes, ${(100 * again).toFixed(2)} % fetched twice; between two batches of a partition ${usual} ms as a rule, ${longest} ms at most`,
    );
    // What comes between the last look at a metric and the signal is not counted.
    expect(again).toBeGreaterThan(-0.01);
    expect(again).toBeLessThan(0.05);
    members.length = 0;
  });
});

describe("a group that grows and shrinks", () => {
  it("goes from one daemon to four and back under production, and every record is there once", async () => {
    const live = await LiveTopic.create(sharedKafka(), named("one-four-one"), 12);
    const [first, ...others] = await Promise.all(["a", "b", "c", "d"].map((n) => member(live, n)));
    if (first === undefined) throw new Error("there are four");
    live.begin(200, 25);
    first.start();
    await first.owns(12);
    for (const m of others) m.start();
    await Promise.all([first, ...others].map((m) => m.owns(3)));
    await sleep(1_500);
    await Promise.all(others.map((m) => m.daemon.drain()));
    await first.owns(12);
    await sleep(1_000);
    await live.stop();
    await live.archived(live.topic, 60_000, () => (first.daemon.running ? null : "it ended"));
    await first.daemon.drain();
    await live.close();
    await audited(live);
  });
});
