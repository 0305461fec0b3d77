import { ArchiverError } from "../core/errors.ts";
import type { Clock, Random } from "../core/ports.ts";
import type { KafkaClient } from "./client/kafka-client.ts";
import type { Log } from "./client/options.ts";
import { fetchRecords, type FetchedPartition, type FetchWant } from "./requests/fetch.ts";
import {
  type FoundOffset,
  listOffsets,
  type OffsetSpec,
  type TopicPartition,
} from "./requests/offsets.ts";
import type { TopicCatalogue } from "./topics.ts";

export type { FetchedPartition, FetchWant };

/** Who says what to fetch and takes what came. `deliver` only hands bytes over and never throws. */
export interface Demand {
  wants(): Iterable<FetchWant>;
  deliver(fetched: FetchedPartition): void;
}

export interface FetcherOptions {
  /** Of one answer, over all its partitions. */
  readonly maxResponseBytes: number;
  readonly maxWaitMs: number;
}

export interface BrokerState {
  readonly broker: number;
  readonly status: "idle" | "fetching" | "failing";
  readonly lastError: string | null;
}

const BACKOFF_MS = { first: 100, most: 10_000 };
/** Partitions of one ListOffsets request at most. */
const MAX_ASKED = 2000;

interface Loop {
  running: boolean;
  tries: number;
  lastError: string | null;
  wake: (() => void) | null;
}

/** One fetch at a time and broker: the wanted partitions that it leads, from where they want it. */
export class Fetcher {
  readonly #client: KafkaClient;
  readonly #catalogue: TopicCatalogue;
  readonly #demand: Demand;
  readonly #o: FetcherOptions;
  readonly #ports: { readonly clock: Clock; readonly random: Random; readonly log: Log };
  readonly #loops = new Map<number, Loop>();
  readonly #stop = new AbortController();
  #refreshing: Promise<void> | null = null;
  /** Which want comes first moves on, so that one answer's bound starves nobody. */
  #turn = 0;

  constructor(
    client: KafkaClient,
    catalogue: TopicCatalogue,
    demand: Demand,
    options: FetcherOptions,
    ports: { readonly clock: Clock; readonly random: Random; readonly log: Log },
  ) {
    this.#client = client;
    this.#catalogue = catalogue;
    this.#demand = demand;
    this.#o = options;
    this.#ports = ports;
  }

  /** Something new may be wanted: brokers without work look again. */
  wake(): void {
    if (this.#stop.signal.aborted) return;
    for (const id of this.#client.brokerIds) {
      const loop = this.#loops.get(id);
      if (loop === undefined) this.#begin(id);
      else loop.wake?.();
    }
  }

  stop(): void {
    this.#stop.abort(new ArchiverError("interrupted", "the fetcher was stopped"));
    for (const loop of this.#loops.values()) loop.wake?.();
  }

  state(): BrokerState[] {
    return [...this.#loops].map(([broker, l]) => ({
      broker,
      status: l.tries > 0 ? "failing" : l.wake === null ? "fetching" : "idle",
      lastError: l.lastError,
    }));
  }

  /** One fetch of one partition, beside the loops. */
  async fetchOnce(want: FetchWant, signal: AbortSignal): Promise<FetchedPartition> {
    const leader = await this.#leader(want, signal);
    const { maxWaitMs } = this.#o;
    const request = fetchRecords({ wants: [want], maxWaitMs, maxBytes: want.maxBytes });
    const [found] = await this.#client.send(leader, request, signal);
    if (found === undefined) {
      throw new ArchiverError(
        "kafka-refused",
        `the fetch of ${want.topic}/${want.partition} came back empty`,
      );
    }
    if (found.error?.retriable === true) await this.#refresh(signal);
    return found;
  }

  /** Offsets by leader, `latest` as read_committed sees it; partitions that cannot be asked are left out. */
  async offsets(
    partitions: readonly TopicPartition[],
    spec: OffsetSpec,
    signal: AbortSignal,
  ): Promise<FoundOffset[]> {
    const byLeader = new Map<number, TopicPartition[]>();
    for (const p of partitions) {
      const leader = this.#catalogue.leader(p.topic, p.partition);
      if (leader === undefined) continue;
      const list = byLeader.get(leader);
      if (list === undefined) byLeader.set(leader, [p]);
      else list.push(p);
    }
    const found: FoundOffset[] = [];
    for (const [leader, list] of byLeader) {
      for (let i = 0; i < list.length; i += MAX_ASKED) {
        const request = listOffsets(list.slice(i, i + MAX_ASKED), spec);
        found.push(...(await this.#client.send(leader, request, signal)));
      }
    }
    if (found.some((f) => f.error?.retriable === true)) await this.#refresh(signal);
    return found.filter((f) => f.error === undefined);
  }

  #begin(broker: number): void {
    const loop: Loop = { running: true, tries: 0, lastError: null, wake: null };
    this.#loops.set(broker, loop);
    void this.#run(broker, loop);
  }

  /** Never rejects: what fails is retried, and its state is visible. */
  async #run(broker: number, loop: Loop): Promise<void> {
    const { signal } = this.#stop;
    while (!signal.aborted) {
      const wants = this.#wantsOf(broker);
      if (wants.length === 0) {
        await new Promise<void>((resolve) => {
          loop.wake = resolve;
        });
        loop.wake = null;
        continue;
      }
      try {
        await this.#fetch(broker, wants, signal);
        loop.tries = 0;
        loop.lastError = null;
      } catch (error) {
        if (signal.aborted) break;
        loop.tries += 1;
        loop.lastError = error instanceof Error ? error.message : String(error);
        this.#ports.log.warn({ broker, error: loop.lastError, tries: loop.tries }, "fetch failed");
        await this.#pause(loop.tries, signal);
      }
    }
  }

  #wantsOf(broker: number): FetchWant[] {
    const wants: FetchWant[] = [];
    let unled = false;
    for (const want of this.#demand.wants()) {
      const leader = this.#catalogue.leader(want.topic, want.partition);
      if (leader === broker) wants.push(want);
      else if (leader === undefined) unled = true;
    }
    if (unled) void this.#refreshSoon();
    this.#turn += 1;
    const cut = wants.length === 0 ? 0 : this.#turn % wants.length;
    return [...wants.slice(cut), ...wants.slice(0, cut)];
  }

  async #fetch(broker: number, wants: readonly FetchWant[], signal: AbortSignal): Promise<void> {
    const { maxResponseBytes: maxBytes, maxWaitMs } = this.#o;
    const request = fetchRecords({ wants, maxWaitMs, maxBytes });
    const fetched = await this.#client.send(broker, request, signal);
    let stale: string | null = null;
    for (const f of fetched) {
      if (f.error?.retriable === true) stale = f.error.message;
      else this.#demand.deliver(f);
    }
    if (stale === null) return;
    await this.#refresh(signal);
    throw new ArchiverError("kafka-refused", stale);
  }

  async #leader(p: TopicPartition, signal: AbortSignal): Promise<number> {
    const known = this.#catalogue.leader(p.topic, p.partition);
    if (known !== undefined) return known;
    await this.#refresh(signal);
    const found = this.#catalogue.leader(p.topic, p.partition);
    if (found !== undefined) return found;
    throw new ArchiverError("kafka-unreachable", `${p.topic}/${p.partition} has no leader now`);
  }

  /** At most one refresh at a time; new brokers get their loops. */
  #refresh(signal: AbortSignal): Promise<void> {
    this.#refreshing ??= this.#catalogue
      .refresh(signal)
      .then(() => this.wake())
      .finally(() => {
        this.#refreshing = null;
      });
    return this.#refreshing;
  }

  async #refreshSoon(): Promise<void> {
    const { signal } = this.#stop;
    if (this.#refreshing !== null) return;
    try {
      await this.#refresh(signal);
      await this.#pause(1, signal);
      this.wake();
    } catch (error) {
      if (signal.aborted) return;
      this.#ports.log.warn(
        { error: String(error) },
        "metadata could not be read; it is tried again",
      );
      await this.#pause(3, signal);
      this.wake();
    }
  }

  async #pause(tries: number, signal: AbortSignal): Promise<void> {
    const most = Math.min(BACKOFF_MS.most, BACKOFF_MS.first * 2 ** Math.min(tries, 16));
    const ms = most * (0.5 + this.#ports.random.unit() / 2);
    await this.#ports.clock.sleep(ms, signal).catch((reason: unknown) => {
      if (!signal.aborted) throw reason;
    });
  }
}
