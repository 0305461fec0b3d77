import { ArchiverError } from "../../core/errors.ts";
import type { TopicPartition } from "../requests/offsets.ts";
import { SinkError } from "../../sdk/sink-error.ts";
import { isFenced, isKafkaError } from "./kafka-answers.ts";
import { type ProducerOptions, TransactionalProducer } from "./producer.ts";
import type { TargetCluster } from "./target-cluster.ts";
import { sleep } from "./topics-of-target.ts";

const ABORT_MS = 2_000;
/**
 * Who was fenced waits so long for what the other writes. To take the id back at once would end that one's
 * transaction in turn: many writers, or a slow target, and none of them would ever come to its end.
 */
const OTHER = { everyMs: 100, tries: 30 };

/** What a transaction is to do, and how to see whether it is done. */
export interface Work<T> {
  readonly transactionalId: string;
  /** Reads the ledger; undefined while what this would write is not there. */
  look(signal: AbortSignal): Promise<T | undefined>;
  readonly partitions: readonly TopicPartition[];
  write(producer: TransactionalProducer, signal: AbortSignal): Promise<void>;
  /** After the commit: resolves when every reader sees it. */
  written(signal: AbortSignal): Promise<T>;
}

/**
 * Create-only by fencing: a transactional id belongs to one writer at a time. Who takes it over looks
 * again, after what the one before had begun was ended by the coordinator, and writes only what is not
 * there. While it holds the id, nobody else can have written; a commit of one that lost it is refused.
 */
export class Transactions {
  readonly #target: TargetCluster;
  readonly #options: Omit<ProducerOptions, "transactionalId">;
  readonly #producers = new Map<string, TransactionalProducer>();
  readonly #queues = new Map<string, Promise<unknown>>();

  constructor(target: TargetCluster, options: Omit<ProducerOptions, "transactionalId">) {
    this.#target = target;
    this.#options = options;
  }

  /** What is there afterwards, found or written. One at a time for a transactional id. */
  async once<T>(work: Work<T>, signal: AbortSignal): Promise<T> {
    const { transactionalId: id } = work;
    const before = this.#queues.get(id) ?? Promise.resolve();
    const run = before.then(() => this.#once(work, signal));
    const settled = Promise.allSettled([run]);
    this.#queues.set(id, settled);
    try {
      return await run;
    } finally {
      if (this.#queues.get(id) === settled) this.#queues.delete(id);
    }
  }

  /** Writes and gives up: for `check`. */
  async probe(
    transactionalId: string,
    partitions: readonly TopicPartition[],
    write: (producer: TransactionalProducer) => Promise<void>,
    signal: AbortSignal,
  ): Promise<void> {
    const options = { ...this.#options, transactionalId };
    const producer = await TransactionalProducer.open(this.#target, options, signal);
    await producer.begin(partitions, signal);
    await write(producer);
    await producer.end(false, signal);
  }

  async #once<T>(work: Work<T>, signal: AbortSignal): Promise<T> {
    signal.throwIfAborted();
    const there = await work.look(signal);
    if (there !== undefined) return there;
    let producer = this.#producers.get(work.transactionalId);
    if (producer === undefined) {
      producer = await this.#open(work.transactionalId, signal);
      const found = await work.look(signal);
      if (found !== undefined) return found;
    }
    let ending = false;
    try {
      await producer.begin(work.partitions, signal);
      await work.write(producer, signal);
      signal.throwIfAborted();
      ending = true;
      await producer.end(true, signal);
    } catch (error) {
      this.#producers.delete(work.transactionalId);
      if (ending || isFenced(error)) return this.#settled(work, error, ending, signal);
      await giveUp(producer);
      throw error;
    }
    return work.written(signal);
  }

  async #open(transactionalId: string, signal: AbortSignal): Promise<TransactionalProducer> {
    const options = { ...this.#options, transactionalId };
    const producer = await TransactionalProducer.open(this.#target, options, signal);
    this.#producers.set(transactionalId, producer);
    return producer;
  }

  /** Another writer took the id over, or the outcome of the commit is not known: what is there? */
  async #settled<T>(
    work: Work<T>,
    error: unknown,
    unknown: boolean,
    signal: AbortSignal,
  ): Promise<T> {
    if (!(error instanceof ArchiverError) || signal.aborted) throw error;
    const taken = isKafkaError(error, "INVALID_PRODUCER_EPOCH", "PRODUCER_FENCED");
    // A new epoch ends what is open, so that afterwards nothing is undecided.
    if (unknown && !isFenced(error)) await this.#open(work.transactionalId, signal);
    for (let tries = taken ? OTHER.tries : 1; tries > 0; tries -= 1) {
      const found = await work.look(signal);
      if (found !== undefined) return found;
      if (tries > 1) await sleep(OTHER.everyMs, signal);
    }
    const text = `${work.transactionalId}: another writer is at work, or the commit did not arrive`;
    throw new SinkError("sink-transient", `${text} (${error.message})`, { cause: error });
  }
}

/** Frees readers that wait for the open transaction. If it fails, the next epoch or the time-out does it. */
async function giveUp(producer: TransactionalProducer): Promise<void> {
  await Promise.allSettled([producer.end(false, AbortSignal.timeout(ABORT_MS))]);
}
