import { setTimeout as sleep } from "node:timers/promises";
import { Kafka, logLevel } from "kafkajs";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import type { ArchiverError } from "../../src/core/errors.ts";
import { type FetchedPartition, Fetcher } from "../../src/kafka/fetcher.ts";
import { TopicCatalogue } from "../../src/kafka/topics.ts";
import { KafkaServer } from "../servers/kafka.ts";
import { settled, TestMember, type TestMemberOptions } from "./group-member.ts";
import {
  connected,
  createTopic,
  groupsAreReady,
  named,
  never,
  ports,
  until,
} from "./live-kafka.ts";

/** Members and a fetcher through the death and the silence of their broker: one of its own. */
let server: KafkaServer;
let bootstrap: string;
let topic: string;
const members: TestMember[] = [];

const started = async (o: Partial<TestMemberOptions> & { group: string }): Promise<TestMember> => {
  const member = await TestMember.start({ selectors: [topic], bootstrap, ...o });
  members.push(member);
  return member;
};

beforeAll(async () => {
  server = await KafkaServer.start();
  bootstrap = server.bootstrap;
  topic = await createTopic(named("t"), 4, bootstrap);
  await groupsAreReady(bootstrap);
});
afterEach(async () => {
  for (const m of members.splice(0)) await m.stop();
});
afterAll(() => server.stop());

test("a coordinator that restarts costs neither a rebalance nor a partition", async () => {
  const group = named("g");
  const o = { group, sessionTimeoutMs: 30_000, rebalanceTimeoutMs: 30_000 };
  const both = [await started(o), await started(o)];
  const generation = await settled(both, 4);
  const counts = both.map((m) => m.leases.length);
  await server.restart(0);
  const beating = (m: TestMember): boolean => m.member.state().lastError === null;
  await until("both saw it", 20_000, () => both.every(beating));
  await sleep(1_000);
  expect(both.map((m) => m.leases.length)).toEqual(counts);
  expect(both.map((m) => m.lease?.generation)).toEqual([generation, generation]);
  expect(both.flatMap((m) => m.lost)).toEqual([]);
  const admin = new Kafka({ brokers: bootstrap.split(","), logLevel: logLevel.NOTHING }).admin();
  await admin.connect();
  const described = await admin.describeGroups([group]);
  expect(described.groups[0]?.state).toBe("Stable");
  await admin.disconnect();
});

test("a fetcher says which broker gives no answer, and goes on when it is back", async () => {
  const client = await connected(bootstrap);
  const catalogue = new TopicCatalogue(client, [topic]);
  await catalogue.refresh(never);
  const [failures, came]: [ArchiverError[], FetchedPartition[]] = [[], []];
  const fetcher = new Fetcher(
    client,
    catalogue,
    {
      wants: () => [{ topic, partition: 0, offset: 0n, maxBytes: 1_000 }],
      deliver: (f) => void came.push(f),
      failed: (broker, error) => {
        expect(broker).toBe(1);
        failures.push(error);
      },
    },
    { maxResponseBytes: 1 << 20, maxWaitMs: 100 },
    ports(),
  );
  fetcher.wake();
  await until("it fetches", 10_000, () => came.length > 0);
  await server.restart(0);
  await until("it was told", 10_000, () => failures.length > 0);
  expect(failures[0]).toMatchObject({ code: "kafka-unreachable" });
  const before = came.length;
  await until("it fetches again", 20_000, () => came.length > before);
  await until("no lane fails", 20_000, () => fetcher.state().every((b) => b.lastError === null));
  expect(fetcher.state().map((b) => b.broker)).toEqual([1]);
  fetcher.stop();
  await client.close();
});

test("a frozen coordinator: after a session time-out the partitions count as gone, and come back", async () => {
  const group = named("g");
  const member = await started({ group, sessionTimeoutMs: 6_000, rebalanceTimeoutMs: 6_000 });
  await settled([member], 4);
  const began = performance.now();
  server.signal(0, "SIGSTOP");
  await until("it gives up", 20_000, () => member.lost.length > 0);
  const took = performance.now() - began;
  server.signal(0, "SIGCONT");
  expect(took).toBeGreaterThan(5_000);
  expect(took).toBeLessThan(8_000);
  expect(member.lost[0]).toMatch(/did not answer for \d+ ms/);
  const leases = member.leases.length;
  await until(
    "it is back",
    30_000,
    () => member.leases.length > leases && member.owned.length === 4,
  );
});
