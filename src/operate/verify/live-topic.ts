import { ArchiverError } from "../../core/errors.ts";
import type { Clock, Random } from "../../core/ports.ts";
import type { KafkaClient } from "../../kafka/client/kafka-client.ts";
import type { Log } from "../../kafka/client/options.ts";
import { Fetcher } from "../../kafka/fetcher.ts";
import { KafkaError } from "../../kafka/kafka-error.ts";
import { readCommittedOffsets } from "../../kafka/offset-commits.ts";
import { TopicCatalogue } from "../../kafka/topics.ts";
import { committedHead } from "./committed-head.ts";
import { cleanupPolicies } from "./topic-config.ts";
import type { Fetched, LiveRange, TopicReader } from "./topic-items.ts";

const FETCH_BYTES = 8 << 20;
const MAX_TRIES = 8;
const PAUSE_MS = 250;

export interface LiveTopicsOptions {
  readonly client: KafkaClient;
  readonly topics: readonly string[];
  /** Whose committed offsets say how far the archive must reach; null: nobody's. */
  readonly groupOf: (topic: string) => string | null;
  readonly log: Log;
  readonly clock: Clock;
  readonly random: Random;
}

/** Reads topics raw, beside the daemon: no group membership, nothing committed. */
export class LiveTopics implements TopicReader {
  readonly #o: LiveTopicsOptions;
  readonly #catalogue: TopicCatalogue;
  readonly #fetcher: Fetcher;
  #policies: ReadonlyMap<string, string> | undefined;

  constructor(options: LiveTopicsOptions) {
    const { client, log, clock, random } = options;
    this.#o = options;
    this.#catalogue = new TopicCatalogue(client, options.topics);
    const nothing = { wants: () => [], deliver: () => undefined };
    const limits = { maxResponseBytes: FETCH_BYTES, maxWaitMs: 200 };
    this.#fetcher = new Fetcher(client, this.#catalogue, nothing, limits, { clock, random, log });
  }

  async range(
    topic: string,
    topicId: string,
    partition: number,
    signal: AbortSignal,
  ): Promise<LiveRange | undefined> {
    await this.#catalogue.refresh(signal);
    const live = this.#catalogue.get(topic);
    if (live === undefined || live.topicId !== topicId || partition >= live.partitions.length)
      return undefined;
    const { client } = this.#o;
    this.#policies ??= await this.#patiently(
      () => cleanupPolicies(client, this.#o.topics, signal),
      signal,
    );
    const at = [{ topic, partition }];
    const group = this.#o.groupOf(topic);
    const committed =
      group === null
        ? []
        : await this.#patiently(() => readCommittedOffsets(client, group, at, signal), signal);
    const [start] = await this.#patiently(
      () => this.#fetcher.offsets(at, "earliest", signal),
      signal,
    );
    const [end] = await this.#patiently(() => this.#fetcher.offsets(at, "latest", signal), signal);
    if (start === undefined || end === undefined) {
      throw new ArchiverError(
        "kafka-unreachable",
        `the offsets of ${topic}/${partition} cannot be read now`,
      );
    }
    return {
      start: start.offset,
      end: end.offset,
      compacted: this.#policies.get(topic)?.includes("compact") ?? false,
      committed: committed[0]?.offset ?? null,
      head: committedHead(committed[0]?.metadata ?? ""),
    };
  }

  fetch(topic: string, partition: number, offset: bigint, signal: AbortSignal): Promise<Fetched> {
    const want = { topic, partition, offset, maxBytes: FETCH_BYTES };
    return this.#patiently(async () => {
      const { error, records, aborted } = await this.#fetcher.fetchOnce(want, signal);
      if (error === undefined) return { bytes: records, aborted };
      if (error.kafkaCode !== "OFFSET_OUT_OF_RANGE") throw error;
      const text = `${topic}/${partition}: offset ${offset} left Kafka meanwhile; run again`;
      throw new ArchiverError("offset-out-of-range", text, { cause: error });
    }, signal);
  }

  /** Tries again what passes, such as a leader that moved; bounded. */
  async #patiently<T>(work: () => Promise<T>, signal: AbortSignal): Promise<T> {
    for (let tries = 1; ; tries++) {
      try {
        return await work();
      } catch (error) {
        if (!(error instanceof KafkaError) || !error.retriable || tries >= MAX_TRIES) throw error;
        await this.#o.clock.sleep(PAUSE_MS * tries, signal);
      }
    }
  }

  close(): void {
    this.#fetcher.stop();
  }
}
