import { ArchiverError } from "../core/errors.ts";
import type { Scope } from "../core/scope.ts";
import type { TopicPartition } from "../kafka/requests/offsets.ts";
import type { TopicCatalogue } from "../kafka/topics.ts";
import type { Sink } from "../sdk/sink.ts";

/** The scope of each partition: the topic's present id, and the newest branch that the primary holds. */
export async function branchesOf(
  partitions: readonly TopicPartition[],
  primary: Sink | undefined,
  catalogue: TopicCatalogue,
  signal: AbortSignal,
): Promise<Scope[]> {
  const newest = new Map<string, number>();
  if (primary !== undefined) {
    for await (const s of primary.scopes(signal)) {
      const key = `${s.topic}/${s.topicId}/${s.partition}`;
      newest.set(key, Math.max(newest.get(key) ?? 0, s.branch));
    }
  }
  return partitions.map(({ topic, partition }) => {
    const found = catalogue.get(topic);
    if (found === undefined) {
      throw new ArchiverError("kafka-unreachable", `topic ${topic} is not in the metadata now`);
    }
    const { topicId } = found;
    const branch = newest.get(`${topic}/${topicId}/${partition}`) ?? 0;
    return { topic, topicId, partition, branch };
  });
}
