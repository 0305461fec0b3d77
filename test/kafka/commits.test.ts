import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { ArchiverError } from "../../src/core/errors.ts";
import type { KafkaClient } from "../../src/kafka/client/kafka-client.ts";
import type { Lease } from "../../src/kafka/lease.ts";
import { OffsetCommits, readCommittedOffsets } from "../../src/kafka/offset-commits.ts";
import { settled, TestMember } from "./group-member.ts";
import { connected, createTopic, groupsAreReady, named, never } from "./live-kafka.ts";

let client: KafkaClient;
let topic: string;
beforeAll(async () => {
  await groupsAreReady();
  client = await connected();
  topic = await createTopic(named("commits"), 4);
});
afterAll(() => client.close());

const entry = (partition: number, offset: bigint, metadata = "") => ({
  topic,
  partition,
  offset,
  metadata,
  leaderEpoch: -1,
});

async function leased(work: (m: TestMember, lease: Lease) => Promise<void>): Promise<void> {
  const member = await TestMember.start({ group: named("g"), selectors: [topic] });
  try {
    await settled([member], 4);
    if (member.lease === undefined) throw new Error("no lease");
    await work(member, member.lease);
  } finally {
    await member.stop();
  }
}

const read = async (group: string) => {
  const all = [0, 1, 2, 3].map((partition) => ({ topic, partition }));
  const found = await readCommittedOffsets(client, group, all, never);
  return [...found].sort((a, b) => a.partition - b.partition);
};

const refused = async (work: Promise<void>): Promise<ArchiverError> => {
  const error = await work.then(
    () => null,
    (e: unknown) => e,
  );
  if (error instanceof ArchiverError) return error;
  throw new Error(`expected a refusal, got ${String(error)}`);
};

describe("a commit under a lease", () => {
  test("is read back with its metadata; what was never committed is null", async () => {
    await leased(async (_, lease) => {
      const commits = new OffsetCommits(client, never);
      const plan = `plan ${"x".repeat(3_995)}`;
      await Promise.all([
        commits.commit(lease, { ...entry(0, 2n ** 40n, plan), leaderEpoch: 7 }),
        commits.commit(lease, entry(2, 0n)),
      ]);
      const found = await read(lease.group);
      expect(found.map((f) => f.offset)).toEqual([2n ** 40n, null, 0n, null]);
      expect([found[0]?.metadata, found[0]?.leaderEpoch]).toEqual([plan, 7]);
      expect(found[2]?.metadata).toBe("");
    });
  });

  test("too long a text is refused by name and size, and the others of the request are kept", async () => {
    await leased(async (_, lease) => {
      const commits = new OffsetCommits(client, never);
      const [long, good] = [
        refused(commits.commit(lease, entry(0, 1n, "x".repeat(5_000)))),
        commits.commit(lease, entry(1, 1n, "x".repeat(4_000))),
      ];
      expect((await long).message).toMatch(/5000 bytes of metadata.*offset\.metadata\.max\.bytes/);
      await good;
      expect((await read(lease.group)).map((f) => f.offset)).toEqual([null, 1n, null, null]);
    });
  });

  test("of one partition come in order, also when many wait", async () => {
    await leased(async (_, lease) => {
      const commits = new OffsetCommits(client, never);
      const all = Array.from({ length: 200 }, (_x, i) =>
        commits.commit(lease, entry(i % 4, BigInt(i), `${i}`)),
      );
      await Promise.all(all);
      expect((await read(lease.group)).map((f) => f.metadata)).toEqual([
        "196",
        "197",
        "198",
        "199",
      ]);
    });
  });

  test("is refused as fenced once the group has moved on, and not sent under the new generation", async () => {
    await leased(async (member, old) => {
      const commits = new OffsetCommits(client, never);
      await commits.commit(old, entry(0, 5n, "before"));
      const other = await TestMember.start({ group: old.group, selectors: [topic] });
      await settled([member, other], 4);
      const error = await refused(commits.commit(old, entry(0, 6n, "zombie")));
      expect(error.code).toBe("fenced");
      expect(error.message).toMatch(/ILLEGAL_GENERATION/);
      expect((await read(old.group))[0]?.metadata).toBe("before");
      const now = member.lease;
      if (now === undefined) throw new Error("no lease");
      await commits.commit(now, entry(0, 6n, "after"));
      expect((await read(old.group))[0]?.metadata).toBe("after");
      await other.stop();
    });
  });

  test("is refused as fenced when the member is unknown, or another has its instance id", async () => {
    await leased(async (_, lease) => {
      const commits = new OffsetCommits(client, never);
      const unknown = refused(commits.commit({ ...lease, memberId: "nobody" }, entry(0, 1n)));
      expect((await unknown).code).toBe("fenced");
    });
    const o = { group: named("g"), selectors: [topic], instanceId: "i" };
    const old = await TestMember.start(o);
    await settled([old], 4);
    const lease = old.lease;
    const twin = await TestMember.start(o);
    await settled([twin], 4);
    if (lease === undefined) throw new Error("no lease");
    const error = await refused(new OffsetCommits(client, never).commit(lease, entry(0, 1n)));
    expect([error.code, error.message]).toEqual([
      "fenced",
      expect.stringMatching(/FENCED_INSTANCE/),
    ]);
    await old.stop();
    await twin.stop();
  });
});

test("a thousand partitions commit full plans at once", async () => {
  const many = await createTopic(named("many"), 1_000);
  const member = await TestMember.start({
    group: named("g"),
    selectors: [many],
    sessionTimeoutMs: 20_000,
    rebalanceTimeoutMs: 20_000,
  });
  await settled([member], 1_000);
  const { lease } = member;
  if (lease === undefined) throw new Error("no lease");
  const commits = new OffsetCommits(client, never);
  const plan = "x".repeat(4_000);
  const began = performance.now();
  await Promise.all(
    lease.partitions.map((p) =>
      commits.commit(lease, { ...p, offset: 9n, metadata: plan, leaderEpoch: -1 }),
    ),
  );
  expect(performance.now() - began).toBeLessThan(10_000);
  const found = await readCommittedOffsets(client, lease.group, lease.partitions, never);
  expect(found.length).toBe(1_000);
  expect(found.every((f) => f.offset === 9n && f.metadata === plan)).toBe(true);
  await member.stop();
});
