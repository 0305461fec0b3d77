import type { Config, PipelineConfig } from "../config/config.ts";
import { kafkaOptions } from "../config/kafka-options.ts";
import { decodeRequests, type OperatorRequest, requestGroup } from "../core/operator-requests.ts";
import type { Clock, Random } from "../core/ports.ts";
import { KafkaClient } from "../kafka/client/kafka-client.ts";
import { type FetchedPartition, Fetcher, type FetchWant } from "../kafka/fetcher.ts";
import { KafkaError } from "../kafka/kafka-error.ts";
import { readCommittedOffsets } from "../kafka/offset-commits.ts";
import type { TopicMetadata } from "../kafka/requests/metadata.ts";
import type { CommittedOffset, OffsetSpec, TopicPartition } from "../kafka/requests/offsets.ts";
import { TopicCatalogue } from "../kafka/topics.ts";
import { quietLog } from "./quiet-log.ts";

const CONNECT_MS = 5_000;
const REQUEST_MS = 15_000;
const MAX_TRIES = 6;
const PAUSE_MS = 250;
const MAX_ASKED = 1000;

export interface ViewPorts {
  readonly clock: Clock;
  readonly random: Random;
  readonly signal: AbortSignal;
}

/** Kafka as a command sees it: nothing joined, nothing committed, a few tries and then an error. */
export class KafkaView {
  readonly client: KafkaClient;
  readonly #ports: ViewPorts;

  private constructor(client: KafkaClient, ports: ViewPorts) {
    this.client = client;
    this.#ports = ports;
  }

  /** @throws ArchiverError kafka-unreachable, kafka-auth */
  static async open(config: Config, ports: ViewPorts): Promise<KafkaView> {
    const times = { connectionTimeoutMs: CONNECT_MS, requestTimeoutMs: REQUEST_MS };
    const options = { ...kafkaOptions(config.kafka), ...times };
    return KafkaView.over(await KafkaClient.open(options, quietLog, ports.signal), ports);
  }

  /** Over a client that is connected. */
  static over(client: KafkaClient, ports: ViewPorts): KafkaView {
    return new KafkaView(client, ports);
  }

  /** What one pipeline selects. @throws ArchiverError topic-missing */
  async pipeline(pipeline: PipelineConfig): Promise<PipelineView> {
    const catalogue = new TopicCatalogue(this.client, pipeline.topics);
    await this.patiently(() => catalogue.refresh(this.#ports.signal, true));
    const nothing = { wants: () => [], deliver: () => undefined };
    const limits = { maxResponseBytes: 1 << 20, maxWaitMs: 200 };
    const { clock, random } = this.#ports;
    const fetcher = new Fetcher(this.client, catalogue, nothing, limits, {
      clock,
      random,
      log: quietLog,
    });
    return new PipelineView(this, pipeline, catalogue, fetcher, this.#ports.signal);
  }

  /** Tries again what passes, such as a coordinator that is being elected. */
  async patiently<T>(work: () => Promise<T>): Promise<T> {
    for (let tries = 1; ; tries++) {
      try {
        return await work();
      } catch (error) {
        if (!(error instanceof KafkaError) || !error.retriable || tries >= MAX_TRIES) throw error;
        if (error.code === "kafka-unreachable") throw error;
        await this.#ports.clock.sleep(PAUSE_MS * tries, this.#ports.signal);
      }
    }
  }

  close(): Promise<void> {
    return this.client.close();
  }
}

/** The topics of one pipeline. */
export class PipelineView {
  readonly pipeline: PipelineConfig;
  readonly catalogue: TopicCatalogue;
  readonly #view: KafkaView;
  readonly #fetcher: Fetcher;
  readonly #signal: AbortSignal;

  constructor(
    view: KafkaView,
    pipeline: PipelineConfig,
    catalogue: TopicCatalogue,
    fetcher: Fetcher,
    signal: AbortSignal,
  ) {
    this.pipeline = pipeline;
    this.catalogue = catalogue;
    this.#view = view;
    this.#fetcher = fetcher;
    this.#signal = signal;
  }

  get clusterId(): string {
    return this.catalogue.clusterId;
  }

  /** By name. */
  get topics(): readonly TopicMetadata[] {
    return [...this.catalogue.topics].sort((a, b) => (a.topic < b.topic ? -1 : 1));
  }

  get partitions(): readonly TopicPartition[] {
    return this.topics.flatMap(({ topic, partitions }) =>
      partitions
        .map(({ partition }) => ({ topic, partition }))
        .sort((a, b) => a.partition - b.partition),
    );
  }

  async committed(): Promise<ReadonlyMap<string, CommittedOffset>> {
    const found: CommittedOffset[] = [];
    const { partitions } = this;
    for (let i = 0; i < partitions.length; i += MAX_ASKED) {
      const some = partitions.slice(i, i + MAX_ASKED);
      const { client } = this.#view;
      const { group } = this.pipeline;
      const read = () => readCommittedOffsets(client, group, some, this.#signal);
      found.push(...(await this.#view.patiently(read)));
    }
    return new Map(found.map((c) => [keyOf(c), c]));
  }

  /** What operators ask of owners now; nothing where one may not read it. By partition. */
  async orders(): Promise<ReadonlyMap<string, readonly OperatorRequest[]>> {
    const orders = new Map<string, readonly OperatorRequest[]>();
    const group = requestGroup(this.pipeline.group);
    const read = (): Promise<readonly CommittedOffset[]> =>
      readCommittedOffsets(this.#view.client, group, null, this.#signal);
    try {
      for (const c of await this.#view.patiently(read)) {
        const requests = decodeRequests(c.metadata);
        if (!("invalid" in requests)) orders.set(keyOf(c), requests);
      }
    } catch (error) {
      if (!(error instanceof KafkaError) || error.code !== "kafka-auth") throw error;
    }
    return orders;
  }

  /** Partitions without a leader are left out; `latest` is the last stable offset. */
  async offsets(spec: OffsetSpec): Promise<ReadonlyMap<string, bigint>> {
    const found = await this.#view.patiently(() =>
      this.#fetcher.offsets(this.partitions, spec, this.#signal),
    );
    return new Map(found.map((f) => [keyOf(f), f.offset]));
  }

  fetch(want: FetchWant): Promise<FetchedPartition> {
    return this.#view.patiently(() => this.#fetcher.fetchOnce(want, this.#signal));
  }
}

export const keyOf = (p: TopicPartition): string => `${p.topic}/${p.partition}`;
