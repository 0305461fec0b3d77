import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { KafkaClient } from "../../src/kafka/client/kafka-client.ts";
import { Fetcher } from "../../src/kafka/fetcher.ts";
import { TopicCatalogue } from "../../src/kafka/topics.ts";
import { connected, createTopic, named, never, ports, SaidLog, send } from "./live-kafka.ts";

const LIMITS = { maxResponseBytes: 1 << 20, maxWaitMs: 100 };

let client: KafkaClient;
beforeAll(async () => {
  client = await connected();
});
afterAll(() => client.close());

async function fetcherOf(topics: readonly string[]): Promise<Fetcher> {
  const catalogue = new TopicCatalogue(client, topics);
  await catalogue.refresh(never);
  const demand = { wants: () => [], deliver: () => undefined };
  return new Fetcher(client, catalogue, demand, LIMITS, ports(new SaidLog()));
}

test("offsets by time, as Kafka resolves them", async () => {
  const topic = await createTopic(named("times"), 2);
  await send({ topic, partition: 0 }, ["a"]);
  await sleep(20);
  const between = BigInt(Date.now());
  await sleep(20);
  await send({ topic, partition: 0 }, ["b", "c"]);
  const fetcher = await fetcherOf([topic]);
  const both = [0, 1].map((partition) => ({ topic, partition }));
  const at = async (spec: "earliest" | "latest" | bigint) =>
    (await fetcher.offsets(both, spec, never))
      .sort((a, b) => a.partition - b.partition)
      .map((f) => f.offset);
  expect(await at("earliest")).toEqual([0n, 0n]);
  expect(await at("latest")).toEqual([3n, 0n]);
  expect(await at(between)).toEqual([1n, -1n]);
});

test("where epochs end in the log, as its leader says that is still the same one", async () => {
  const topic = await createTopic(named("epochs"), 2);
  await send({ topic, partition: 0 }, ["a", "b", "c"]);
  const { topics } = await client.metadata([topic], never);
  const leaderEpoch = topics[0]?.partitions[0]?.leaderEpoch ?? -1;
  expect(leaderEpoch).toBeGreaterThanOrEqual(0);
  const fetcher = await fetcherOf([topic]);
  const both = [0, 1].map((partition) => ({ topic, partition, epoch: leaderEpoch }));
  const latest = await fetcher.offsets(both, "latest", never);
  expect(latest.map((f) => f.leaderEpoch)).toEqual([leaderEpoch, leaderEpoch]);
  const ends = await fetcher.epochEnds(
    both.map((p) => ({ ...p, leaderEpoch })),
    never,
  );
  expect(
    ends
      .sort((a, b) => a.partition - b.partition)
      .map((e) => [e.partition, e.epoch, e.endOffset, e.error]),
  ).toEqual([
    [0, leaderEpoch, 3n, undefined],
    [1, leaderEpoch, 0n, undefined],
  ]);
  // What another leader would say is left out: it is asked again.
  const later = both.map((p) => ({ ...p, leaderEpoch: leaderEpoch + 1 }));
  expect(await fetcher.epochEnds(later, never)).toEqual([]);
});
