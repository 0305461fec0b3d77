import { ArchiverError } from "../core/errors.ts";
import type { KafkaClient } from "./client/kafka-client.ts";
import { backoffMs, FetchPauses } from "./fetch-pauses.ts";
import type { KafkaError } from "./kafka-error.ts";
import { type LeaderPorts, Leaders } from "./leaders.ts";
import type { FetchedPartition, FetchWant } from "./requests/fetch.ts";
import type {
  EpochEnd,
  EpochWant,
  FoundOffset,
  OffsetSpec,
  TopicPartition,
} from "./requests/offsets.ts";
import type { TopicCatalogue } from "./topics.ts";

export type { FetchedPartition, FetchWant };

/** Who says what to fetch and takes what came. `deliver` only hands bytes over and never throws. */
export interface Demand {
  wants(): Iterable<FetchWant>;
  deliver(fetched: FetchedPartition): void;
  /** A broker gave no answer that can be used; it is asked again after a pause. */
  failed?(broker: number, error: ArchiverError): void;
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

const keyOf = (p: TopicPartition): string => `${p.topic}/${p.partition}`;

interface Loop {
  readonly broker: number;
  readonly lane: number;
  tries: number;
  lastError: string | null;
  wake: (() => void) | null;
}

/**
 * While one answer of a broker is taken in, the broker makes the other. Each lane has a connection and
 * memory of its own.
 */
const LANES = 2;

/**
 * One fetch at a time for each lane of a broker: the wanted partitions that it leads, from where they
 * want it, each in one lane at a time.
 */
export class Fetcher {
  readonly #client: KafkaClient;
  readonly #catalogue: TopicCatalogue;
  readonly #leaders: Leaders;
  readonly #demand: Demand;
  readonly #o: FetcherOptions;
  readonly #ports: LeaderPorts;
  readonly #loops = new Map<number, readonly Loop[]>();
  /** Partitions that are being fetched. */
  readonly #under = new Set<string>();
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
      const loops = this.#loops.get(id) ?? this.#begin(id);
      for (const loop of loops) loop.wake?.();
    }
  }

  stop(): void {
    this.#stop.abort(new ArchiverError("interrupted", "the fetcher was stopped"));
    for (const loop of [...this.#loops.values()].flat()) loop.wake?.();
  }

  state(): BrokerState[] {
    return [...this.#loops].map(([broker, loops]) => {
      const failing = loops.find((l) => l.lastError !== null);
      const busy = loops.some((l) => l.wake === null);
      const status = failing !== undefined ? "failing" : busy ? "fetching" : "idle";
      return { broker, status, lastError: failing?.lastError ?? null };
    });
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

  /** The greatest epoch up to `epoch` that the leader's log has, and where it ends there. */
  epochEnd(
    p: TopicPartition,
    epoch: number,
    signal: AbortSignal,
  ): Promise<{ epoch: number; endOffset: bigint }> {
    return this.#leaders.epochEnd(p, epoch, signal);
  }

  /** Where epochs end in the logs of their leaders; partitions that cannot be asked are left out. */
  epochEnds(wants: readonly EpochWant[], signal: AbortSignal): Promise<EpochEnd[]> {
    return this.#leaders.epochEnds(wants, signal);
  }

  #begin(broker: number): readonly Loop[] {
    const loops = Array.from({ length: LANES }, (_, lane): Loop => ({
      ...{ broker, lane, tries: 0, lastError: null, wake: null },
    }));
    this.#loops.set(broker, loops);
    for (const loop of loops) void this.#run(loop);
    return loops;
  }

  /** Never rejects: what fails is retried, and its state is visible. */
  async #run(loop: Loop): Promise<void> {
    const { signal } = this.#stop;
    while (!signal.aborted) {
      const { wants, restMs } = this.#wantsOf(loop);
      if (wants.length === 0) {
        await this.#idle(loop, restMs);
        continue;
      }
      try {
        await this.#fetch(loop, wants, signal);
        loop.tries = 0;
        // A lane that failed and has nothing to do now says nothing of a broker that answers.
        for (const lane of this.#loops.get(loop.broker) ?? []) lane.lastError = null;
      } catch (error) {
        if (signal.aborted) break;
        if (!(error instanceof ArchiverError)) throw error;
        loop.tries += 1;
        loop.lastError = error.message;
        this.#demand.failed?.(loop.broker, error);
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

  /** A lane's part of what may be asked for now: the other lanes that are free get theirs. */
  #wantsOf(loop: Loop): { wants: FetchWant[]; restMs: number | null } {
    const wants: FetchWant[] = [];
    let restMs: number | null = null;
    let unled = false;
    for (const want of this.#demand.wants()) {
      const leader = this.#catalogue.led(want.topic, want.partition)?.leader;
      if (leader === undefined) unled = true;
      if (leader !== loop.broker || this.#under.has(keyOf(want))) continue;
      const rest = this.#pauses.restMs(want);
      if (rest === 0) wants.push(want);
      else restMs = Math.min(rest, restMs ?? rest);
    }
    if (unled) this.#leaders.refreshSoon();
    this.#turn += 1;
    const cut = wants.length === 0 ? 0 : this.#turn % wants.length;
    const ours = Math.ceil(wants.length / this.#idleLanes(loop));
    return { wants: [...wants.slice(cut), ...wants.slice(0, cut)].slice(0, ours), restMs };
  }

  /** Lanes of its broker that wait for work, this one among them. */
  #idleLanes(loop: Loop): number {
    const loops = this.#loops.get(loop.broker) ?? [];
    return loops.filter((l) => l === loop || l.wake !== null).length;
  }

  async #fetch(loop: Loop, wants: readonly FetchWant[], signal: AbortSignal): Promise<void> {
    const { broker, lane } = loop;
    const { maxResponseBytes: maxBytes, maxWaitMs } = this.#o;
    for (const want of wants) this.#under.add(keyOf(want));
    try {
      const o = { wants, maxWaitMs, maxBytes };
      for (const f of await this.#leaders.fetch(broker, o, signal, `fetch ${lane}`)) {
        const first = this.#pauses.took(f);
        if (f.error?.retriable !== true) this.#demand.deliver(f);
        if (f.error !== undefined) this.#refused(f.error, first);
      }
    } finally {
      for (const want of wants) this.#under.delete(keyOf(want));
    }
    // What is free again may be more than this lane's part.
    for (const other of this.#loops.get(broker) ?? []) if (other !== loop) other.wake?.();
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
