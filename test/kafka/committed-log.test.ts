import { type Admin, Kafka, logLevel } from "kafkajs";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { CommittedLog } from "../../src/kafka/target/committed-log.ts";
import { TargetCluster } from "../../src/kafka/target/target-cluster.ts";
import { createTopic, named, never, optionsFor, sharedKafka, withAdmin } from "./live-kafka.ts";

/** A ledger read back: committed records only, whatever became of the topic meanwhile. */
const kafka = new Kafka({ brokers: sharedKafka().split(","), logLevel: logLevel.NOTHING });
const producer = kafka.producer({
  transactionalId: named("ledger"),
  idempotent: true,
  maxInFlightRequests: 1,
});
let target: TargetCluster;
let topic = "";
let values: string[] = [];
let log: CommittedLog;

beforeAll(() => producer.connect());
afterAll(() => producer.disconnect());
beforeEach(async () => {
  target = new TargetCluster(optionsFor(sharedKafka()));
  topic = await createTopic(named("log"), 1);
  values = [];
  log = new CommittedLog(target, topic, {
    take: ({ value }) => values.push(Buffer.from(value ?? []).toString()),
    forget: () => {
      values = [];
    },
  });
  return () => target.close();
});

async function written(value: string, outcome: "commit" | "abort"): Promise<void> {
  const transaction = await producer.transaction();
  await transaction.send({ topic, messages: [{ value }] });
  await transaction[outcome]();
}

/** A transaction's marker may come shortly after its producer heard that it is committed. */
const readUntil = (wanted: readonly string[]): Promise<void> =>
  expect.poll(() => log.catchUp(never).then(() => values)).toEqual(wanted);

const ends = async (admin: Admin): Promise<number[]> =>
  (await admin.fetchTopicOffsets(topic)).map((p) => Number(p.high));

test("what was aborted is not read; what comes later is read on", async () => {
  await written("a", "commit");
  await written("b", "abort");
  await readUntil(["a"]);
  await written("c", "commit");
  await readUntil(["a", "c"]);
});

test("a topic that was cut at its beginning is read from there", async () => {
  for (const value of ["a", "b", "c"]) await written(value, "commit");
  // A record and its marker each.
  const cut = [{ partition: 0, offset: "4" }];
  await withAdmin(async (admin) => {
    await admin.fetchTopicMetadata({ topics: [topic] });
    await expect.poll(() => ends(admin)).toEqual([6]);
    await admin.deleteTopicRecords({ topic, partitions: cut });
  });
  await readUntil(["c"]);
});

test("a topic that was deleted is empty, and one made anew is read from its beginning", async () => {
  for (const value of ["a", "b", "c"]) await written(value, "commit");
  await readUntil(["a", "b", "c"]);
  await withAdmin(async (admin) => {
    await admin.deleteTopics({ topics: [topic] });
    await expect.poll(async () => (await admin.listTopics()).includes(topic)).toBe(false);
  });
  await readUntil([]);
  await createTopic(topic, 1);
  await written("d", "commit");
  await readUntil(["d"]);
});
