import { setTimeout as sleep } from "node:timers/promises";
import { type Admin, CompressionTypes, Kafka, logLevel, type Producer } from "kafkajs";

/** A topic under live production, seen through kafkajs' own producer and admin: nothing of the product. */
export class LiveTopic {
  readonly topic: string;
  readonly partitions: number;
  readonly #admin: Admin;
  readonly #producer: Producer;
  #running = true;
  #loop: Promise<void> = Promise.resolve();
  #sent = 0;

  private constructor(topic: string, partitions: number, admin: Admin, producer: Producer) {
    this.topic = topic;
    this.partitions = partitions;
    this.#admin = admin;
    this.#producer = producer;
  }

  /** @param idempotent false: goes on through a broker's death, and may write a record twice */
  static async create(
    bootstrap: string,
    topic: string,
    partitions: number,
    idempotent = true,
  ): Promise<LiveTopic> {
    const kafka = new Kafka({ brokers: bootstrap.split(","), logLevel: logLevel.NOTHING });
    const admin = kafka.admin();
    await admin.connect();
    await admin.createTopics({
      topics: [{ topic, numPartitions: partitions }],
      waitForLeaders: false,
    });
    await led(admin, topic, partitions);
    const producer = kafka.producer({
      ...{ allowAutoTopicCreation: false, idempotent },
      ...(idempotent ? { maxInFlightRequests: 1 } : {}),
    });
    await producer.connect();
    return new LiveTopic(topic, partitions, admin, producer);
  }

  /** Exactly so many are in the topic: an idempotent producer writes once what it sends again. */
  get sent(): number {
    return this.#sent;
  }

  /** Some hundred records now, spread over the partitions, with keys, headers and odd values; `at`: their time. */
  async produce(records: number, at?: number): Promise<void> {
    const time = at === undefined ? {} : { timestamp: String(at) };
    const messages = Array.from({ length: records }, () => ({ ...this.#message(), ...time }));
    await this.#producer.send({ topic: this.topic, messages, compression: CompressionTypes.GZIP });
  }

  /** Goes on producing until `stop`. */
  begin(perBatch: number, everyMs: number): void {
    this.#running = true;
    this.#loop = (async () => {
      while (this.#running) {
        await this.produce(perBatch);
        await sleep(everyMs);
      }
    })();
  }

  async stop(): Promise<void> {
    this.#running = false;
    await this.#loop;
  }

  async close(): Promise<void> {
    await this.stop();
    await this.#producer.disconnect();
    await this.#admin.disconnect();
  }

  async ends(): Promise<bigint[]> {
    const offsets = await this.#admin.fetchTopicOffsets(this.topic);
    return offsets.sort((a, b) => a.partition - b.partition).map((p) => BigInt(p.high));
  }

  async committed(group: string): Promise<bigint[]> {
    const [of] = await this.#offsetsOf(group);
    const partitions = [...(of?.partitions ?? [])].sort((a, b) => a.partition - b.partition);
    return partitions.map((p) => BigInt(p.offset));
  }

  /** Waits until the group's committed offset has reached the end of every partition. */
  async archived(group: string, ms: number, alive: () => string | null): Promise<void> {
    const until = Date.now() + ms;
    for (;;) {
      const ends = await this.ends();
      const committed = await this.committed(group);
      if (ends.every((end, i) => (committed[i] ?? -1n) >= end)) return;
      const dead = alive();
      if (dead !== null) throw new Error(dead);
      if (Date.now() > until) {
        throw new Error(
          `not archived within ${ms} ms: ends ${ends.join()}, committed ${committed.join()}`,
        );
      }
      await sleep(200);
    }
  }

  async #offsetsOf(group: string): ReturnType<Admin["fetchOffsets"]> {
    try {
      return await this.#admin.fetchOffsets({ groupId: group, topics: [this.topic] });
    } catch (error) {
      // On a Kafka that has just started the first group's coordinator is still being made.
      const { type } = error as { type?: unknown };
      if (type === "NOT_COORDINATOR_FOR_GROUP" || type === "GROUP_LOAD_IN_PROGRESS") return [];
      throw error;
    }
  }

  #message(): { key: Buffer | null; value: Buffer | null; headers: Record<string, Buffer> } {
    const n = this.#sent++;
    const value = Buffer.from(
      JSON.stringify({
        n,
        at: n * 7,
        level: n % 5 === 0 ? "warn" : "info",
        text: "x".repeat(n % 300),
      }),
    );
    return {
      key: n % 11 === 0 ? null : Buffer.from(`key-${n % 97}`),
      value: n % 53 === 0 ? null : n % 17 === 0 ? Buffer.from([0xff, 0xfe, n & 255]) : value,
      headers: n % 3 === 0 ? { trace: Buffer.from(String(n)), empty: Buffer.alloc(0) } : {},
    };
  }
}

/** kafkajs gives up waiting when the broker it asks has not heard of the topic yet. */
async function led(admin: Admin, topic: string, partitions: number): Promise<void> {
  for (let tries = 1; ; tries += 1) {
    try {
      const { topics } = await admin.fetchTopicMetadata({ topics: [topic] });
      const leaders = topics[0]?.partitions.filter(({ leader }) => leader >= 0) ?? [];
      if (leaders.length === partitions) {
        // A leader that has no log yet refuses, and what kafkajs then sends again is out of sequence elsewhere.
        await admin.fetchTopicOffsets(topic);
        return;
      }
    } catch (error) {
      const { type } = error as { type?: unknown };
      const passing =
        type === "UNKNOWN_TOPIC_OR_PARTITION" ||
        type === "LEADER_NOT_AVAILABLE" ||
        type === "NOT_LEADER_FOR_PARTITION";
      if (!passing || tries > 150) throw error;
    }
    if (tries > 150) throw new Error(`${topic} has no leaders`);
    await sleep(100);
  }
}
