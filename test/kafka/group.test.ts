import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, beforeAll, describe, expect, test } from "vitest";
import { ArchiverError } from "../../src/core/errors.ts";
import { settled, TestMember, type TestMemberOptions } from "./group-member.ts";
import { addPartitions, createTopic, groupsAreReady, named, never, until } from "./live-kafka.ts";

const members: TestMember[] = [];
const started = async (o: TestMemberOptions): Promise<TestMember> => {
  const member = await TestMember.start(o);
  members.push(member);
  return member;
};

beforeAll(() => groupsAreReady());
afterEach(async () => {
  for (const m of members.splice(0)) await m.stop();
});

const kept = (before: readonly string[], after: readonly string[]): boolean =>
  after.every((p) => before.includes(p)) || before.every((p) => after.includes(p));

describe("dynamic members", () => {
  test("share the partitions as they come, leave and die, and keep what they can", async () => {
    const topic = await createTopic(named("share"), 7);
    const o = { group: named("g"), selectors: [topic] };
    const a = await started(o);
    await settled([a], 7);
    const b = await started(o);
    const two = await settled([a, b], 7);
    expect([a.owned.length, b.owned.length].sort((x, y) => x - y)).toEqual([3, 4]);
    const [ofA, ofB] = [a.owned, b.owned];
    const c = await started(o);
    const three = await settled([a, b, c], 7);
    expect(three).toBeGreaterThan(two);
    expect([a.owned.length, b.owned.length, c.owned.length].sort((x, y) => x - y)).toEqual([
      2, 2, 3,
    ]);
    expect(kept(ofA, a.owned) && kept(ofB, b.owned)).toBe(true);
    const before = [a.owned, b.owned];
    await c.stop();
    await settled([a, b], 7);
    expect(kept(before[0] ?? [], a.owned) && kept(before[1] ?? [], b.owned)).toBe(true);
    await b.kill();
    await settled([a], 7);
    expect([a.lost, b.lost]).toEqual([[], []]);
  });

  test("a new topic that an expression matches, and new partitions, reach their owners", async () => {
    const word = named("grow");
    await createTopic(`${word}.a`, 2);
    const o = { group: named("g"), selectors: [{ regex: `^${word}\\.` }] };
    const [a, b] = [await started(o), await started(o)];
    await settled([a, b], 2);
    await createTopic(`${word}.b`, 3);
    expect(await a.catalogue.refresh(never)).toBe(true);
    a.member.rejoin();
    // The other one has not seen the topic yet: what it does not subscribe to is not given to it.
    await until("one owns the new topic", 10_000, () => a.owned.includes(`${word}.b/2`));
    expect(await b.catalogue.refresh(never)).toBe(true);
    b.member.rejoin();
    await settled([a, b], 5);
    expect(Math.abs(a.owned.length - b.owned.length)).toBe(1);
    await addPartitions(`${word}.a`, 4);
    for (const m of [a, b]) {
      expect(await m.catalogue.refresh(never)).toBe(true);
      m.member.rejoin();
    }
    await settled([a, b], 7);
  });
});

describe("static members", () => {
  test("started again within the session time-out are where they were: no rebalance, nothing moves", async () => {
    const topic = await createTopic(named("static"), 6);
    const base = { group: named("g"), selectors: [topic] };
    const names = ["x", "y", "z"];
    const all: TestMember[] = [];
    for (const instanceId of names) all.push(await started({ ...base, instanceId }));
    const generation = await settled(all, 6);
    const before = all.map((m) => m.owned);
    for (const [i, instanceId] of names.entries()) {
      await all[i]?.[i === 1 ? "kill" : "stop"]();
      const began = performance.now();
      const again = await started({ ...base, instanceId });
      await until(`${instanceId} is back`, 5_000, () => again.lease !== undefined);
      expect(performance.now() - began).toBeLessThan(2_000);
      expect([again.lease?.generation, again.owned]).toEqual([generation, before[i]]);
      all[i] = again;
    }
    await sleep(500);
    expect(all.map((m) => m.leases.length)).toEqual([1, 1, 1]);
    // The next rebalance still knows who had what.
    const more = await started({ ...base, instanceId: "w" });
    await settled([...all, more], 6);
    for (const [i, m] of all.entries()) expect(kept(before[i] ?? [], m.owned)).toBe(true);
  });

  test("partitions that came while the leader was away are found by it", async () => {
    const topic = await createTopic(named("away"), 2);
    const o = { group: named("g"), selectors: [topic], instanceId: "only" };
    const before = await started(o);
    await settled([before], 2);
    await before.stop();
    await addPartitions(topic, 5);
    const after = await started(o);
    await settled([after], 5);
  });

  test("of two with one id the older one ends, and says what to change", async () => {
    const topic = await createTopic(named("twin"), 2);
    const o = { group: named("g"), selectors: [topic], instanceId: "same" };
    const old = await started(o);
    await settled([old], 2);
    const twin = await started(o);
    const error = await old.ended;
    expect(error).toBeInstanceOf(ArchiverError);
    expect(error).toMatchObject({
      code: "usage",
      message: expect.stringMatching(/instanceId same/),
    });
    expect(old.lost).toEqual(["FENCED_INSTANCE_ID"]);
    await until("the twin owns all", 5_000, () => twin.owned.length === 2);
  });
});
