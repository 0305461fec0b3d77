import type { Clock, Random } from "../core/ports.ts";
import type { KafkaError } from "./kafka-error.ts";
import type { FetchedPartition } from "./requests/fetch.ts";
import type { TopicPartition } from "./requests/offsets.ts";

const BACKOFF_MS = { first: 100, most: 10_000 };

interface Pause {
  readonly tries: number;
  readonly until: number;
  readonly error: KafkaError;
}

const keyOf = (p: TopicPartition): string => `${p.topic}/${p.partition}`;

/** Milliseconds before try number `tries` + 1: doubling, with jitter. */
export const backoffMs = (tries: number, random: Random): number =>
  Math.min(BACKOFF_MS.most, BACKOFF_MS.first * 2 ** Math.min(tries, 16)) *
  (0.5 + random.unit() / 2);

/**
 * Partitions that Kafka refused and that are asked again later, each by itself: one that is being moved
 * or was deleted does not slow the others of its broker.
 */
export class FetchPauses {
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #paused = new Map<string, Pause>();

  constructor(clock: Clock, random: Random) {
    this.#clock = clock;
    this.#random = random;
  }

  /** Milliseconds the partition still has to wait; 0 when it may be asked. */
  restMs(p: TopicPartition): number {
    const pause = this.#paused.get(keyOf(p));
    return pause === undefined ? 0 : Math.max(0, pause.until - this.#clock.now());
  }

  /** True for a first refusal in a row. */
  took(f: FetchedPartition): boolean {
    const key = keyOf(f);
    if (f.error === undefined) {
      this.#paused.delete(key);
      return false;
    }
    const tries = (this.#paused.get(key)?.tries ?? 0) + 1;
    const until = this.#clock.now() + backoffMs(tries, this.#random);
    this.#paused.set(key, { tries, until, error: f.error });
    return tries === 1;
  }

  refusals(): { readonly partition: string; readonly tries: number; readonly error: string }[] {
    return [...this.#paused].map(([partition, p]) => ({
      partition,
      tries: p.tries,
      error: p.error.message,
    }));
  }
}
