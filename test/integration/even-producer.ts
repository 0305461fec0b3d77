import { setTimeout as sleep } from "node:timers/promises";
import type { KafkaClient } from "../../src/kafka/client/kafka-client.ts";
import type { KafkaRequest } from "../../src/kafka/requests/request.ts";
import { Writer } from "../../src/kafka/wire.ts";
import { connected, never } from "../kafka/live-kafka.ts";

/** Partitions of one request. */
const AT_ONCE = 50;

/**
 * The same record batch to every partition of a topic, spread evenly over a time: many partitions at
 * a steady rate for next to no work of this process.
 */
export class EvenProducer {
  readonly #client: KafkaClient;
  readonly #topic: string;
  readonly #partitions: number;
  #bytes = 0;
  /** By the first partition of each request: when its record batches were there. */
  readonly #sentAt = new Map<number, number[]>();

  private constructor(client: KafkaClient, topic: string, partitions: number) {
    this.#client = client;
    this.#topic = topic;
    this.#partitions = partitions;
  }

  static async open(bootstrap: string, topic: string, partitions: number): Promise<EvenProducer> {
    const client = await connected(bootstrap);
    await client.metadata([], never);
    return new EvenProducer(client, topic, partitions);
  }

  /** The least that one partition got within any `ms` from that round on, as it was in fact. */
  leastWithin(ms: number, fromRound: number): number {
    const counts = [...this.#sentAt.values()].flatMap((times) => {
      const end = times.at(-1) ?? 0;
      const begins = times.slice(fromRound).filter((t) => t + ms <= end);
      return begins.map((t) => times.filter((u) => u >= t && u <= t + ms).length);
    });
    return Math.min(...counts) * this.#bytes;
  }

  /** Takes `ms`, or longer where the broker is slower. */
  async everywhere(batch: Buffer, ms: number): Promise<void> {
    const began = performance.now();
    for (let from = 0; from < this.#partitions; from += AT_ONCE) {
      const count = Math.min(AT_ONCE, this.#partitions - from);
      await this.#client.send(
        this.#client.brokerIds[0] ?? -1,
        this.#request(from, count, batch),
        never,
      );
      const times = this.#sentAt.get(from);
      if (times === undefined) this.#sentAt.set(from, [performance.now()]);
      else times.push(performance.now());
      const due = began + (ms * (from + count)) / this.#partitions;
      await sleep(Math.max(0, due - performance.now()));
    }
    this.#bytes = batch.length;
  }

  close(): Promise<void> {
    return this.#client.close();
  }

  #request(from: number, count: number, batch: Buffer): KafkaRequest<number> {
    return {
      apiKey: 0,
      apiVersion: 7,
      apiName: "Produce",
      encode: () =>
        new Writer()
          .string(null)
          .int16(-1)
          .int32(20_000)
          .array([this.#topic], (w, t) =>
            w.string(t).array(
              Array.from({ length: count }, (_, i) => from + i),
              (x, p) => x.int32(p).bytes(batch),
            ),
          )
          .done(),
      decode: (b) => {
        // Two lengths and a name, then 30 bytes a partition with its error after its number.
        let at = 4 + 2 + b.readInt16BE(4) + 4;
        for (let i = 0; i < count; i += 1, at += 30) {
          const error = b.readInt16BE(at + 4);
          if (error !== 0) throw new Error(`Produce to ${from + i}: Kafka's error ${error}`);
        }
        return count;
      },
    };
  }
}
