import { spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { type Admin, Kafka, logLevel } from "kafkajs";
import { nodeClock, nodeRandom } from "../../src/daemon/node-ports.ts";
import { KafkaClient } from "../../src/kafka/client/kafka-client.ts";
import type { KafkaOptions, Log } from "../../src/kafka/client/options.ts";
import { KafkaError } from "../../src/kafka/kafka-error.ts";
import type { FetchedPartition } from "../../src/kafka/requests/fetch.ts";
import { offsetFetch } from "../../src/kafka/requests/offsets.ts";

export const sharedKafka = (): string => {
  const found = process.env["TEST_KAFKA"];
  if (found === undefined) throw new Error("the global set-up has not set TEST_KAFKA");
  return found;
};

export const never = new AbortController().signal;
export const named = (word: string): string => `${word}-${randomUUID().slice(0, 8)}`;

/** What was said, for tests that look at it. */
export class SaidLog implements Log {
  readonly lines: { level: string; text: string; fields: object }[] = [];
  debug = (fields: object, text: string): void => this.#add("debug", fields, text);
  info = (fields: object, text: string): void => this.#add("info", fields, text);
  warn = (fields: object, text: string): void => this.#add("warn", fields, text);
  error = (fields: object, text: string): void => this.#add("error", fields, text);

  #add(level: string, fields: object, text: string): void {
    this.lines.push({ level, fields, text });
  }
}

export const ports = (log: Log = new SaidLog()) => ({ clock: nodeClock, random: nodeRandom, log });

export const optionsFor = (bootstrap: string): KafkaOptions => ({
  brokers: bootstrap.split(","),
  clientId: "test",
  connectionTimeoutMs: 3_000,
});

export const connected = (
  bootstrap = sharedKafka(),
  more: Partial<KafkaOptions> = {},
): Promise<KafkaClient> =>
  KafkaClient.open({ ...optionsFor(bootstrap), ...more }, new SaidLog(), never);

/** kafkajs' own admin: nothing of the product. */
export async function withAdmin<T>(
  work: (admin: Admin) => Promise<T>,
  bootstrap = sharedKafka(),
): Promise<T> {
  const kafka = new Kafka({ brokers: bootstrap.split(","), logLevel: logLevel.NOTHING });
  const admin = kafka.admin();
  await admin.connect();
  try {
    return await work(admin);
  } finally {
    await admin.disconnect();
  }
}

/** Resolves when every partition has a leader and the broker asked knows it. */
export async function createTopic(
  topic: string,
  numPartitions: number,
  bootstrap = sharedKafka(),
  more: { config?: Readonly<Record<string, string>>; copies?: number } = {},
): Promise<string> {
  const configEntries = Object.entries(more.config ?? {}).map(([name, value]) => ({ name, value }));
  const replicationFactor = more.copies ?? -1;
  const topics = [{ topic, numPartitions, replicationFactor, configEntries }];
  // kafkajs' own wait for leaders gives up when a broker has not heard of the topic yet.
  await withAdmin((admin) => admin.createTopics({ topics, waitForLeaders: false }), bootstrap);
  await allLed(topic, numPartitions, bootstrap);
  return topic;
}

/** Resolves when the broker knows all of them: its answer to the request comes before that. */
export async function addPartitions(topic: string, count: number): Promise<void> {
  await withAdmin((admin) => admin.createPartitions({ topicPartitions: [{ topic, count }] }));
  await allLed(topic, count, sharedKafka());
}

async function allLed(topic: string, count: number, bootstrap: string): Promise<void> {
  const client = await connected(bootstrap);
  await until(`${topic} has ${count} partitions with leaders`, 20_000, async () => {
    const [found] = (await client.metadata([topic], never)).topics;
    return found?.partitions.filter((p) => p.leader >= 0).length === count;
  });
  await client.close();
}

/** A new broker makes the topic of its groups when it is first asked for one. */
export async function groupsAreReady(bootstrap = sharedKafka()): Promise<void> {
  const client = await connected(bootstrap);
  for (let tries = 0; ; tries += 1) {
    try {
      await client.sendToCoordinator("ready", offsetFetch("ready", []), never);
      break;
    } catch (error) {
      const passes = error instanceof KafkaError && error.retriable && tries < 100;
      if (!passes) throw error;
      client.forgetCoordinator("ready");
      await sleep(100);
    }
  }
  await client.close();
}

/** Lines to one partition by librdkafka. */
export async function send(
  o: { topic: string; partition?: number; codec?: string; bootstrap?: string },
  lines: readonly string[],
): Promise<void> {
  const to = ["-P", "-b", o.bootstrap ?? sharedKafka(), "-t", o.topic, "-p", `${o.partition ?? 0}`];
  const child = spawn("kcat", [...to, "-z", o.codec ?? "none"], {
    stdio: ["pipe", "ignore", "inherit"],
  });
  child.stdin.end(lines.map((l) => `${l}\n`).join(""));
  const code = await new Promise((resolve) => child.once("close", resolve));
  if (code !== 0) throw new Error(`kcat ended with ${String(code)}`);
}

/** Answers as they came, and a wait for one that is wanted. */
export class Deliveries {
  readonly all: FetchedPartition[] = [];

  of(topic: string, partition: number): FetchedPartition[] {
    return this.all.filter((f) => f.topic === topic && f.partition === partition);
  }
}

/** Looks every few milliseconds; fails loudly after the limit. */
export async function until(
  what: string,
  limitMs: number,
  holds: () => boolean | Promise<boolean>,
): Promise<number> {
  const began = performance.now();
  while (!(await holds())) {
    if (performance.now() - began > limitMs) throw new Error(`not within ${limitMs} ms: ${what}`);
    await sleep(10);
  }
  return performance.now() - began;
}
