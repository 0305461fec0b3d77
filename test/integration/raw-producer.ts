import { setTimeout as sleep } from "node:timers/promises";
import type { KafkaClient } from "../../src/kafka/client/kafka-client.ts";
import { kafkaError } from "../../src/kafka/kafka-error.ts";
import type { KafkaRequest } from "../../src/kafka/requests/request.ts";
import type { RecordCodec } from "../../src/record-batch/header.ts";
import { encodeRecordBatch, type RecordBatchOptions } from "../../src/record-batch/writer.ts";
import { connected, never } from "../kafka/live-kafka.ts";
import {
  addPartition,
  endTransaction,
  findTransactionCoordinator,
  initProducerId,
  produceBatch,
} from "./transaction-requests.ts";

export type NewRecord = Omit<RecordBatchOptions["records"][number], "offset">;

/** Null, a text or bytes: shorter to write than a record. */
export const bytes = (text: string | Buffer | null): Buffer | null =>
  typeof text === "string" ? Buffer.from(text) : text;

/** A partition that is new, a coordinator that loads, and a transaction that is just being ended. */
const PASSING = new Set([3, 5, 6, 14, 15, 16, 51]);

/**
 * A producer that sends exactly the record batches it is told to: one batch a call, any codec, any
 * timestamps and headers, and the steps of a transaction one by one. Against one broker.
 */
export class RawProducer {
  readonly #client: KafkaClient;
  readonly #node: number;
  readonly #id: string | null;
  #producerId = -1n;
  #epoch = -1;
  readonly #sequence = new Map<string, number>();

  private constructor(client: KafkaClient, id: string | null) {
    this.#client = client;
    this.#node = client.brokerIds[0] ?? -1;
    this.#id = id;
  }

  /** @param transactionalId null: neither transactions nor sequence numbers */
  static async open(bootstrap: string, transactionalId: string | null): Promise<RawProducer> {
    const client = await connected(bootstrap);
    await client.metadata([], never);
    const p = new RawProducer(client, transactionalId);
    if (transactionalId !== null) {
      await p.#settled(() => p.#ask(findTransactionCoordinator(transactionalId)));
      await p.#settled(async () => {
        const made = await p.#ask(initProducerId(transactionalId));
        [p.#producerId, p.#epoch] = [made.producerId, made.epoch];
        return made.error;
      });
    }
    return p;
  }

  /** Answers the offset of the first record. */
  async send(
    topic: string,
    partition: number,
    records: readonly NewRecord[],
    codec: RecordCodec = "none",
  ): Promise<bigint> {
    const key = `${topic}/${partition}`;
    const sequence = this.#sequence.get(key) ?? 0;
    const own = this.#id === null;
    const batch = encodeRecordBatch({
      baseOffset: 0n,
      records: records.map((r, i) => ({ ...r, offset: BigInt(i) })),
      codec,
      producerId: this.#producerId,
      producerEpoch: this.#epoch,
      baseSequence: own ? -1 : sequence,
      transactional: !own,
    });
    let baseOffset = -1n;
    await this.#settled(async () => {
      const answer = await this.#ask(produceBatch(this.#id, topic, partition, batch));
      baseOffset = answer.baseOffset;
      return answer.error;
    });
    this.#sequence.set(key, sequence + records.length);
    return baseOffset;
  }

  /** The partition takes part in the transaction from here on, also when nothing is sent to it. */
  add(topic: string, partition: number): Promise<void> {
    return this.#settled(() => this.#ask(addPartition(this.#ref(), topic, partition)));
  }

  end(commit: boolean): Promise<void> {
    return this.#settled(() => this.#ask(endTransaction(this.#ref(), commit)));
  }

  close(): Promise<void> {
    return this.#client.close();
  }

  #ref(): { transactionalId: string | null; producerId: bigint; epoch: number } {
    return { transactionalId: this.#id, producerId: this.#producerId, epoch: this.#epoch };
  }

  #ask<T>(request: KafkaRequest<T>): Promise<T> {
    return this.#client.send(this.#node, request, never);
  }

  async #settled(work: () => Promise<number>): Promise<void> {
    for (let tries = 0; ; tries += 1) {
      const code = await work();
      if (code === 0) return;
      const error = kafkaError(code, "the test's producer");
      if (!PASSING.has(code) || tries >= 600) throw error;
      await sleep(50);
    }
  }
}
