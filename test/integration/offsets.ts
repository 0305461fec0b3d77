import { setTimeout as sleep } from "node:timers/promises";
import { KafkaError } from "../../src/kafka/kafka-error.ts";
import { readCommittedOffsets } from "../../src/kafka/offset-commits.ts";
import { listOffsets, type TopicPartition } from "../../src/kafka/requests/offsets.ts";
import { connected, never } from "../kafka/live-kafka.ts";
import type { KafkaClient } from "../../src/kafka/client/kafka-client.ts";

/** By `topic/partition`. Only to wait for the daemon; what it archived is checked by others. */
export type Offsets = ReadonlyMap<string, bigint>;

async function partitionsOf(
  client: KafkaClient,
  topics: readonly string[],
): Promise<TopicPartition[]> {
  const found = await client.metadata(topics, never);
  return found.topics.flatMap((t) =>
    t.partitions.map(({ partition }) => ({ topic: t.topic, partition })),
  );
}

async function asked(
  bootstrap: string,
  topics: readonly string[],
  ask: (
    client: KafkaClient,
    all: readonly TopicPartition[],
  ) => Promise<readonly (TopicPartition & { readonly offset: bigint | null })[]>,
): Promise<Offsets> {
  const client = await connected(bootstrap);
  try {
    for (let tries = 0; ; tries += 1) {
      try {
        const found = await ask(client, await partitionsOf(client, topics));
        return new Map(found.map((f) => [`${f.topic}/${f.partition}`, f.offset ?? -1n]));
      } catch (error) {
        // A broker that was just started loads its groups first.
        if (!(error instanceof KafkaError) || !error.retriable || tries > 100) throw error;
        await sleep(100);
      }
    }
  } finally {
    await client.close();
  }
}

/** The last stable offset of each partition: what a reader of committed records can reach. */
export const stableEnds = (bootstrap: string, topics: readonly string[]): Promise<Offsets> =>
  asked(bootstrap, topics, (client, all) =>
    client.send(client.brokerIds[0] ?? -1, listOffsets(all, "latest"), never),
  );

export const committed = (
  bootstrap: string,
  group: string,
  topics: readonly string[],
): Promise<Offsets> =>
  asked(bootstrap, topics, (client, all) => readCommittedOffsets(client, group, all, never));
