import type { KafkaClient } from "../kafka/client/kafka-client.ts";
import { OffsetCommits, readCommittedOffsets } from "../kafka/offset-commits.ts";
import type { OffsetStore } from "../pipeline/ports.ts";

/** The committed offsets of a group, as its partitions' tasks read and write them. */
export function offsetStore(client: KafkaClient, group: string, stop: AbortSignal): OffsetStore {
  const commits = new OffsetCommits(client, stop);
  return {
    read: async (topic, partition, signal) => {
      const [found] = await readCommittedOffsets(client, group, [{ topic, partition }], signal);
      return { offset: found?.offset ?? null, metadata: found?.metadata ?? "" };
    },
    commit: (lease, entry, signal) => {
      signal.throwIfAborted();
      return commits.commit(lease, { ...entry, leaderEpoch: -1 });
    },
  };
}
