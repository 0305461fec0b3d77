import { ArchiverError } from "../core/errors.ts";
import type { KafkaClient } from "./client/kafka-client.ts";
import { backoffMs, FetchPauses } from "./fetch-pauses.ts";
import type { KafkaError } from "./kafka-error.ts";
import { type LeaderPorts, Leaders } from "./leaders.ts";
import type { FetchedPartition, FetchWant } from "./requests/fetch.ts";
import type { FoundOffset, OffsetSpec, TopicPartition } from "./requests/offsets.ts";
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

interface Loop {
  tries: number;
  lastError: string | null;
  wake: (() => void) | null;
}

/** One fetch at a time and broker: the wanted partitions that it leads, from where they want it. */
export class Fetcher {
  readonly #client: KafkaClient;
  readonly #catalogue: TopicCatalogue;
  readonly #leaders: Leaders;
  readonly #demand: Demand;
  readonly #o: FetcherOptions;
  readonly #ports: LeaderPorts;
  readonly #loops = new Map<number, Loop>();
  readonly #stop = new AbortController();
  readonly #pauses: FetchPauses;
  /** Which want comes first moves on, so that one answer's bound starves nobody. */
  #turn = 0;

  constructor(
    client: KafkaClient,
    catalogue: TopicCatalogue,
    demand: Demand,
    options: FetcherOptions,
    ports: LeaderPorts,
  ) {
    this.#client = client;
    this.#catalogue = catalogue;
    this.#demand = demand;
    this.#o = options;
    this.#ports = ports;
    const { signal } = this.#stop;
    this.#leaders = new Leaders(client, catalogue, ports, () => this.wake(), signal);
    this.#pauses = new FetchPauses(ports.clock, ports.random);
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

  /** Partitions that Kafka refuses for now, and why. */
  refusals(): ReturnType<FetchPauses["refusals"]> {
    return this.#pauses.refusals();
  }

  /** One fetch of one partition, beside the loops. */
  fetchOnce(want: FetchWant, signal: AbortSignal): Promise<FetchedPartition> {
    return this.#leaders.fetchOnce(want, this.#o.maxWaitMs, signal);
  }

  /** Offsets by leader, `latest` as read_committed sees it; partitions that cannot be asked are left out. */
  offsets(
    partitions: readonly TopicPartition[],
    spec: OffsetSpec,
    signal: AbortSignal,
  ): Promise<FoundOffset[]> {
    return this.#leaders.offsets(partitions, spec, signal);
  }

  #begin(broker: number): void {
    const loop: Loop = { tries: 0, lastError: null, wake: null };
    this.#loops.set(broker, loop);
    void this.#run(broker, loop);
  }

  /** Never rejects: what fails is retried, and its state is visible. */
  async #run(broker: number, loop: Loop): Promise<void> {
    const { signal } = this.#stop;
    while (!signal.aborted) {
      const { wants, restMs } = this.#wantsOf(broker);
      if (wants.length === 0) {
        await this.#idle(loop, restMs);
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

  /** Until somebody wakes it, or the first of the paused partitions may be asked again. */
  async #idle(loop: Loop, restMs: number | null): Promise<void> {
    const awake = new AbortController();
    loop.wake = () => awake.abort();
    const over = new Promise<void>((resolve) => {
      awake.signal.addEventListener("abort", () => resolve(), { once: true });
    });
    const rested = restMs === null ? [] : [this.#ports.clock.sleep(restMs, awake.signal)];
    await Promise.race([over, ...rested]).catch((reason: unknown) => {
      if (!awake.signal.aborted) throw reason;
    });
    loop.wake = null;
    awake.abort();
  }

  #wantsOf(broker: number): { wants: FetchWant[]; restMs: number | null } {
    const wants: FetchWant[] = [];
    let restMs: number | null = null;
    let unled = false;
    for (const want of this.#demand.wants()) {
      const leader = this.#catalogue.led(want.topic, want.partition)?.leader;
      if (leader === undefined) unled = true;
      if (leader !== broker) continue;
      const rest = this.#pauses.restMs(want);
      if (rest === 0) wants.push(want);
      else restMs = Math.min(rest, restMs ?? rest);
    }
    if (unled) this.#leaders.refreshSoon();
    this.#turn += 1;
    const cut = wants.length === 0 ? 0 : this.#turn % wants.length;
    return { wants: [...wants.slice(cut), ...wants.slice(0, cut)], restMs };
  }

  async #fetch(broker: number, wants: readonly FetchWant[], signal: AbortSignal): Promise<void> {
    const { maxResponseBytes: maxBytes, maxWaitMs } = this.#o;
    const fetched = await this.#leaders.fetch(
      broker,
      { wants, maxWaitMs, maxBytes },
      signal,
      "fetch",
    );
    for (const f of fetched) {
      const first = this.#pauses.took(f);
      if (f.error?.retriable !== true) this.#demand.deliver(f);
      if (f.error !== undefined) this.#refused(f.error, first);
    }
  }

  /** Kafka refused one partition; it is asked again later. */
  #refused(error: KafkaError, first: boolean): void {
    if (first)
      this.#ports.log.warn({ error: error.message }, "a partition cannot be fetched for now");
    if (error.retriable) this.#leaders.refreshSoon();
  }

  async #pause(tries: number, signal: AbortSignal): Promise<void> {
    const ms = backoffMs(tries, this.#ports.random);
    await this.#ports.clock.sleep(ms, signal).catch((reason: unknown) => {
      if (!signal.aborted) throw reason;
    });
  }
}
