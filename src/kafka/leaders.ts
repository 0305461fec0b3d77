import { ArchiverError } from "../core/errors.ts";
import type { Clock, Random } from "../core/ports.ts";
import type { KafkaClient, Purpose } from "./client/kafka-client.ts";
import type { Log } from "./client/options.ts";
import { backoffMs } from "./fetch-pauses.ts";
import type { KafkaError } from "./kafka-error.ts";
import {
  FETCH_KEY,
  type FetchedPartition,
  type FetchOptions,
  fetchRecords,
  type FetchWant,
} from "./requests/fetch.ts";
import type { PartitionMetadata } from "./requests/metadata.ts";
import {
  type EpochEnd,
  type EpochWant,
  type FoundOffset,
  listOffsets,
  offsetForLeaderEpoch,
  type OffsetSpec,
  type TopicPartition,
} from "./requests/offsets.ts";
import type { KafkaRequest } from "./requests/request.ts";
import type { TopicCatalogue } from "./topics.ts";

/** Partitions of one request for offsets at most. */
const MAX_ASKED = 2000;
/** How often a single fetch is tried while its partition has no leader that answers. */
const FETCH_TRIES = 5;

export interface LeaderPorts {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
}

/** Requests to the leaders of partitions, and finding out when they moved. */
export class Leaders {
  readonly #client: KafkaClient;
  readonly #catalogue: TopicCatalogue;
  readonly #ports: LeaderPorts;
  readonly #stop: AbortSignal;
  /** Called after the leaders were looked up. */
  readonly #found: () => void;
  #refreshing: Promise<void> | null = null;
  /** Somebody asked for new leaders a moment ago. */
  #soon = false;

  constructor(
    client: KafkaClient,
    catalogue: TopicCatalogue,
    ports: LeaderPorts,
    found: () => void,
    stop: AbortSignal,
  ) {
    this.#client = client;
    this.#catalogue = catalogue;
    this.#ports = ports;
    this.#found = found;
    this.#stop = stop;
  }

  /** One fetch of one partition, beside the loops. What passes is tried again a few times. */
  async fetchOnce(
    want: FetchWant,
    maxWaitMs: number,
    signal: AbortSignal,
  ): Promise<FetchedPartition> {
    for (let tries = 1; ; tries += 1) {
      const found = await this.#fetchOne(want, maxWaitMs, signal);
      if (found.error?.retriable !== true || tries === FETCH_TRIES) return found;
      await this.refresh(signal);
      await this.#ports.clock.sleep(backoffMs(tries, this.#ports.random), signal);
    }
  }

  /** Offsets by leader, `latest` as read_committed sees it; partitions that cannot be asked are left out. */
  offsets(
    partitions: readonly TopicPartition[],
    spec: OffsetSpec,
    signal: AbortSignal,
  ): Promise<FoundOffset[]> {
    return this.#ofEach(partitions, (list) => listOffsets(list, spec), signal);
  }

  /** Where epochs end in the logs of their leaders; partitions that cannot be asked are left out. */
  epochEnds(wants: readonly EpochWant[], signal: AbortSignal): Promise<EpochEnd[]> {
    return this.#ofEach(wants, offsetForLeaderEpoch, signal);
  }

  /** Partitions that this broker leads, or ("range") follows. */
  async fetch(
    broker: number,
    o: { wants: readonly FetchWant[]; maxWaitMs: number; maxBytes: number },
    signal: AbortSignal,
    purpose: Purpose,
  ): Promise<FetchedPartition[]> {
    const wants = o.wants.map((w) => ({
      ...w,
      topicId: this.#catalogue.get(w.topic)?.topicId ?? "_",
      leaderEpoch: this.#catalogue.led(w.topic, w.partition)?.leaderEpoch ?? -1,
    }));
    const options: FetchOptions = { ...o, wants };
    const choose = (version: number) => fetchRecords(options, version);
    try {
      return await this.#client.send(broker, { apiKey: FETCH_KEY, choose }, signal, purpose);
    } catch (error) {
      if (!signal.aborted) this.refreshSoon();
      throw error;
    }
  }

  /** The greatest epoch up to `epoch` that the leader's log has, and where it ends there. */
  async epochEnd(
    p: TopicPartition,
    epoch: number,
    signal: AbortSignal,
  ): Promise<{ epoch: number; endOffset: bigint }> {
    const { leader } = await this.#led(p, signal);
    const [found] = await this.#client.send(
      leader,
      offsetForLeaderEpoch([{ topic: p.topic, partition: p.partition, epoch }]),
      signal,
    );
    if (found?.error !== undefined) throw found.error;
    return found ?? { epoch: -1, endOffset: -1n };
  }

  /** Every leader is asked for its own; what could not be had is left out. */
  async #ofEach<W extends TopicPartition, F extends { readonly error: KafkaError | undefined }>(
    wants: readonly W[],
    request: (list: readonly W[]) => KafkaRequest<F[]>,
    signal: AbortSignal,
  ): Promise<F[]> {
    const byLeader = new Map<number, W[]>();
    for (const want of wants) {
      const leader = this.#catalogue.led(want.topic, want.partition)?.leader;
      if (leader === undefined) continue;
      const list = byLeader.get(leader);
      if (list === undefined) byLeader.set(leader, [want]);
      else list.push(want);
    }
    const asked = [...byLeader].map(([leader, list]) =>
      this.#inParts(leader, list, request, signal),
    );
    const answers = await Promise.allSettled(asked);
    const found = answers.flatMap((a) => (a.status === "fulfilled" ? a.value : []));
    const failed = answers.find((a) => a.status === "rejected");
    const refused = found.map((f) => f.error).find((e) => e !== undefined);
    if (failed !== undefined || refused !== undefined) await this.refresh(signal);
    const good = found.filter((f) => f.error === undefined);
    // Some brokers' answers are of use while another one is away; none at all is an error.
    if (good.length === 0 && failed !== undefined) throw failed.reason;
    if (good.length === 0 && refused?.retriable === false) throw refused;
    return good;
  }

  async #inParts<W, F>(
    leader: number,
    list: readonly W[],
    request: (list: readonly W[]) => KafkaRequest<F[]>,
    signal: AbortSignal,
  ): Promise<F[]> {
    const found: F[] = [];
    for (let i = 0; i < list.length; i += MAX_ASKED) {
      const part = request(list.slice(i, i + MAX_ASKED));
      found.push(...(await this.#client.send(leader, part, signal)));
    }
    return found;
  }

  async #fetchOne(
    want: FetchWant,
    maxWaitMs: number,
    signal: AbortSignal,
  ): Promise<FetchedPartition> {
    const led = await this.#led(want, signal);
    const follower = led.inSync.find((id) => id !== led.leader);
    const from = want.avoidLeader === true ? (follower ?? led.leader) : led.leader;
    const options = { wants: [want], maxWaitMs, maxBytes: want.maxBytes };
    const [found] = await this.fetch(from, options, signal, "range");
    if (found !== undefined) return found;
    throw new ArchiverError(
      "kafka-refused",
      `the fetch of ${want.topic}/${want.partition} came back empty`,
    );
  }

  async #led(p: TopicPartition, signal: AbortSignal): Promise<PartitionMetadata> {
    const known = this.#catalogue.led(p.topic, p.partition);
    if (known !== undefined) return known;
    await this.refresh(signal);
    const found = this.#catalogue.led(p.topic, p.partition);
    if (found !== undefined) return found;
    throw new ArchiverError("kafka-unreachable", `${p.topic}/${p.partition} has no leader now`);
  }

  /** At most one refresh at a time. */
  async refresh(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    this.#refreshing ??= this.#catalogue
      .refreshLeaders(this.#stop)
      .then(() => this.#found())
      .finally(() => {
        this.#refreshing = null;
      });
    await this.#refreshing;
    signal.throwIfAborted();
  }

  /** Never rejects, and asks no more often than the first pause allows. */
  refreshSoon(): void {
    if (this.#refreshing !== null || this.#soon) return;
    this.#soon = true;
    void this.#refreshAndRest().finally(() => {
      this.#soon = false;
    });
  }

  async #refreshAndRest(): Promise<void> {
    const signal = this.#stop;
    let tries = 2;
    try {
      await this.refresh(signal);
    } catch (error) {
      if (signal.aborted) return;
      tries = 4;
      this.#ports.log.warn(
        { error: String(error) },
        "metadata could not be read; it is tried again",
      );
    }
    const ms = backoffMs(tries, this.#ports.random);
    await this.#ports.clock.sleep(ms, signal).catch((reason: unknown) => {
      if (!signal.aborted) throw reason;
    });
    this.#found();
  }
}
