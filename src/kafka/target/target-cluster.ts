import { ArchiverError } from "../../core/errors.ts";
import { KafkaClient, type Purpose, type Sendable } from "../client/kafka-client.ts";
import type { KafkaOptions, Log } from "../client/options.ts";
import { KafkaError } from "../kafka-error.ts";
import type { Metadata, TopicMetadata } from "../requests/metadata.ts";
import type { TopicPartition } from "../requests/offsets.ts";
import type { KafkaRequest } from "../requests/request.ts";
import { findTransactionCoordinator } from "../requests/transactions.ts";
import { isKafkaError } from "./kafka-answers.ts";

/** A sink does not log: what matters is raised. */
const SILENT: Log = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
};

/** The cluster that is written to: who leads what, and who coordinates which transactional id. */
export class TargetCluster {
  readonly #options: KafkaOptions;
  #client: KafkaClient | null = null;
  #opening: Promise<KafkaClient> | null = null;
  #clusterId: string | null = null;
  #closed = false;
  readonly #topics = new Map<string, TopicMetadata>();
  readonly #coordinators = new Map<string, number>();

  constructor(options: KafkaOptions) {
    this.#options = options;
  }

  async clusterId(signal: AbortSignal): Promise<string> {
    this.#clusterId ??= (await this.metadata([], signal)).clusterId;
    return this.#clusterId;
  }

  async metadata(topics: readonly string[], signal: AbortSignal): Promise<Metadata> {
    const client = await this.#connected(signal);
    const found = await client.metadata(topics, signal);
    this.#clusterId = found.clusterId;
    for (const t of found.topics) {
      if (t.error === undefined) this.#topics.set(t.topic, t);
      else this.#topics.delete(t.topic);
    }
    return found;
  }

  /** Undefined when it does not exist. */
  async topic(name: string, signal: AbortSignal): Promise<TopicMetadata | undefined> {
    const [found] = (await this.metadata([name], signal)).topics;
    const error = found?.error;
    if (error === undefined) return found;
    if (isKafkaError(error, "UNKNOWN_TOPIC_OR_PARTITION")) return undefined;
    throw error;
  }

  known(topic: string): TopicMetadata | undefined {
    return this.#topics.get(topic);
  }

  /** To the partition's leader; after a refusal the leader is looked up for the next call. */
  async sendToLeader<T>(
    p: TopicPartition,
    request: Sendable<T>,
    signal: AbortSignal,
    purpose?: Purpose,
  ): Promise<T> {
    const client = await this.#connected(signal);
    const leader = await this.#leader(p, signal);
    try {
      return await client.send(leader, request, signal, purpose);
    } catch (error) {
      this.forget(p.topic);
      throw error;
    }
  }

  async sendToCoordinator<T>(
    transactionalId: string,
    request: KafkaRequest<T>,
    signal: AbortSignal,
  ): Promise<T> {
    const client = await this.#connected(signal);
    let node = this.#coordinators.get(transactionalId);
    if (node === undefined) {
      const found = await this.sendToAny(findTransactionCoordinator(transactionalId), signal);
      node = found.nodeId;
      if (!client.brokerIds.includes(node)) await this.metadata([], signal);
      this.#coordinators.set(transactionalId, node);
    }
    try {
      return await client.send(node, request, signal);
    } catch (error) {
      if (!(error instanceof KafkaError) || error.retriable)
        this.#coordinators.delete(transactionalId);
      throw error;
    }
  }

  /** The first broker that answers. */
  async sendToAny<T>(request: Sendable<T>, signal: AbortSignal): Promise<T> {
    const client = await this.#connected(signal);
    let last: unknown;
    for (const node of client.brokerIds) {
      try {
        return await client.send(node, request, signal);
      } catch (error) {
        if (!(error instanceof ArchiverError) || error.code !== "kafka-unreachable") throw error;
        last = error;
      }
    }
    throw last ?? new ArchiverError("kafka-unreachable", "the cluster shows no brokers");
  }

  forget(topic: string): void {
    this.#topics.delete(topic);
  }

  async close(): Promise<void> {
    this.#closed = true;
    await this.#client?.close();
  }

  async #leader({ topic, partition }: TopicPartition, signal: AbortSignal): Promise<number> {
    const found = this.#topics.get(topic) ?? (await this.topic(topic, signal));
    const leader = found?.partitions.find((p) => p.partition === partition)?.leader ?? -1;
    if (leader >= 0) return leader;
    this.forget(topic);
    const code = found === undefined ? "UNKNOWN_TOPIC_OR_PARTITION" : "LEADER_NOT_AVAILABLE";
    const text = `${topic}/${partition} of the target has no leader now`;
    throw new KafkaError("kafka-refused", code, true, text);
  }

  /** Connected when first used, so that a target which is away at start is one that is away. */
  async #connected(signal: AbortSignal): Promise<KafkaClient> {
    signal.throwIfAborted();
    if (this.#client !== null) return this.#client;
    this.#opening ??= KafkaClient.open(this.#options, SILENT, new AbortController().signal)
      .then(async (client) => {
        if (this.#closed) await client.close();
        this.#client = client;
        return client;
      })
      .finally(() => {
        this.#opening = null;
      });
    const client = await this.#opening;
    signal.throwIfAborted();
    return client;
  }
}
