import kafkajs, { type Admin } from "kafkajs";

const { Kafka, logLevel } = kafkajs;
/** A Kafka that has just started knows nothing of groups for a while. */
const PATIENCE = { retries: 30, maxRetryTime: 2_000 };
let admin: Admin | null = null;

/** How much of the topic the group named like it has committed, from 0 to 1: asked of Kafka itself. */
export async function committedShare(bootstrap: string, topic: string): Promise<number> {
  if (admin === null) {
    const brokers = bootstrap.split(",");
    admin = new Kafka({ brokers, logLevel: logLevel.NOTHING, retry: PATIENCE }).admin();
    await admin.connect();
  }
  const ends = await admin.fetchTopicOffsets(topic);
  const [found] = await admin.fetchOffsets({ groupId: topic, topics: [topic] });
  const total = ends.reduce((n, p) => n + Number(p.high), 0);
  const done = (found?.partitions ?? []).reduce((n, p) => n + Math.max(0, Number(p.offset)), 0);
  return total === 0 ? 0 : done / total;
}
