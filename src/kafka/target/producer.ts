import type { ArchivedRecord } from "../../core/record.ts";
import { produce } from "../requests/produce.ts";
import type { TopicPartition } from "../requests/offsets.ts";
import type { KafkaRequest } from "../requests/request.ts";
import {
  addPartitionsToTxn,
  endTxn,
  initProducerId,
  type ProducerRef,
} from "../requests/transactions.ts";
import type { RecordCodec } from "../../record-batch/header.ts";
import { stampProducer } from "../../record-batch/stamp.ts";
import { encodeRecordBatch } from "../../record-batch/writer.ts";
import { isKafkaError } from "./kafka-answers.ts";
import type { TargetCluster } from "./target-cluster.ts";
import { sleep } from "./topics-of-target.ts";

const PRODUCE_TIMEOUT_MS = 30_000;
/** The coordinator answers CONCURRENT_TRANSACTIONS until the markers of the last one are written. */
const CONCURRENT_MS = 15;
const MAX_CONCURRENT_MS = 30_000;
/** Connections to one broker, at most. */
const PRODUCE_LANES = 4;
const LEADER = { everyMs: 50, tries: 60 };
/** Sequence numbers count up to here and then begin again at 0. */
const SEQUENCES = 2 ** 31;

export interface ProducerOptions {
  readonly transactionalId: string;
  readonly transactionTimeoutMs: number;
  readonly codec: RecordCodec;
}

export type ProducedRecord = Omit<ArchivedRecord, "timestampType" | "offset">;

/**
 * One epoch of one transactional id: whoever opens the next one fences this, and the coordinator ends
 * what this had begun. Of no more use after any error.
 */
export class TransactionalProducer {
  readonly ref: ProducerRef;
  readonly #target: TargetCluster;
  readonly #codec: RecordCodec;
  readonly #sequences = new Map<string, number>();

  private constructor(target: TargetCluster, ref: ProducerRef, codec: RecordCodec) {
    this.#target = target;
    this.ref = ref;
    this.#codec = codec;
  }

  /** When it resolves, every earlier transaction of this id is ended and its markers are written. */
  static async open(
    target: TargetCluster,
    o: ProducerOptions,
    signal: AbortSignal,
  ): Promise<TransactionalProducer> {
    const request = initProducerId(o.transactionalId, o.transactionTimeoutMs);
    const ref = await whenNotConcurrent(target, o.transactionalId, request, signal);
    return new TransactionalProducer(target, ref, o.codec);
  }

  async begin(partitions: readonly TopicPartition[], signal: AbortSignal): Promise<void> {
    const request = addPartitionsToTxn(this.ref, partitions);
    await whenNotConcurrent(this.#target, this.ref.transactionalId, request, signal);
  }

  /** One record batch; the offset of its first record in the target's log. */
  async send(
    to: TopicPartition,
    records: readonly ProducedRecord[],
    signal: AbortSignal,
  ): Promise<bigint> {
    const recordBatch = encodeRecordBatch({
      baseOffset: 0n,
      records: records.map((r, i) => ({ ...r, offset: BigInt(i) })),
      codec: this.#codec,
    });
    return this.sendBatch(to, recordBatch, records.length, signal);
  }

  /**
   * One record batch whose offsets are 0 to `records` - 1; its header is overwritten with what this
   * producer says there. May be called again before it resolves: order is kept.
   */
  async sendBatch(
    to: TopicPartition,
    recordBatch: Uint8Array,
    records: number,
    signal: AbortSignal,
  ): Promise<bigint> {
    const at = `${to.topic}/${to.partition}`;
    const baseSequence = this.#sequences.get(at) ?? 0;
    this.#sequences.set(at, (baseSequence + records) % SEQUENCES);
    const { transactionalId, producerId, epoch } = this.ref;
    stampProducer(recordBatch, { producerId, producerEpoch: epoch, baseSequence });
    const timeoutMs = PRODUCE_TIMEOUT_MS;
    const request = produce({ ...to, transactionalId, recordBatch, timeoutMs });
    const { baseOffset } = await this.#led(to, request, signal);
    return baseOffset;
  }

  /** A broker that just became the leader may not know it yet; its refusal says that nothing was written. */
  async #led<T>(to: TopicPartition, request: KafkaRequest<T>, signal: AbortSignal): Promise<T> {
    for (let tries = 1; ; tries += 1) {
      try {
        return await this.#target.sendToLeader(to, request, signal, laneOf(to));
      } catch (error) {
        const moved = isKafkaError(error, "NOT_LEADER_OR_FOLLOWER", "UNKNOWN_TOPIC_OR_PARTITION");
        if (!moved || tries === LEADER.tries) throw error;
      }
      await sleep(LEADER.everyMs, signal);
    }
  }

  /** When it resolves, the outcome is durable; readers see it once the markers are written. */
  async end(commit: boolean, signal: AbortSignal): Promise<void> {
    const { transactionalId } = this.ref;
    await this.#target.sendToCoordinator(transactionalId, endTxn(this.ref, commit), signal);
  }
}

/** The same for all that goes to one partition, so that order is kept; a few, so that partitions overlap. */
const laneOf = ({ partition }: TopicPartition): `produce ${number}` =>
  `produce ${partition % PRODUCE_LANES}`;

async function whenNotConcurrent<T>(
  target: TargetCluster,
  transactionalId: string,
  request: KafkaRequest<T>,
  signal: AbortSignal,
): Promise<T> {
  for (let waitedMs = 0; ; waitedMs += CONCURRENT_MS) {
    try {
      return await target.sendToCoordinator(transactionalId, request, signal);
    } catch (error) {
      const again = isKafkaError(error, "CONCURRENT_TRANSACTIONS") && waitedMs < MAX_CONCURRENT_MS;
      if (!again) throw error;
    }
    await sleep(CONCURRENT_MS, signal);
  }
}
