import { assert } from "../core/assert.ts";
import { Places } from "../core/places.ts";
import type { Clock } from "../core/ports.ts";
import type { Sink } from "../sdk/sink.ts";
import { around } from "./around.ts";

export interface LimitOptions {
  /** Calls at once. @default 8 */
  readonly concurrency?: number;
  /** Of what is written and read together; left out: none. */
  readonly bytesPerSecond?: number;
}

/**
 * At most so many calls at once, first come first served. A stream holds a place only while it
 * waits for its next item, so that readers which use the same sink meanwhile cannot lock each other
 * out.
 */
export function limit(sink: Sink, options: LimitOptions, clock: Clock): Sink {
  const places = new Places(options.concurrency ?? 8);
  const within = async <T>(run: () => Promise<T>, signal: AbortSignal): Promise<T> => {
    const giveBack = await places.take(signal);
    try {
      return await run();
    } finally {
      giveBack();
    }
  };
  const pace = new Pace(options.bytesPerSecond, clock);
  return around(sink, {
    call: (_op, bytes, run, signal) =>
      within(async () => {
        await pace.pay(bytes, signal);
        return run(signal);
      }, signal),
    stream: async function* (_op, open, signal) {
      const items = open(signal)[Symbol.asyncIterator]();
      let done = false;
      try {
        while (!done) {
          const next = await within(() => items.next(), signal);
          done = next.done === true;
          if (next.done === true) return;
          if (next.value instanceof Uint8Array) await pace.pay(next.value.length, signal);
          yield next.value;
        }
      } finally {
        if (!done) await items.return?.();
      }
    },
  });
}

/** Spreads bytes over time: each payment waits until those before it are over. */
class Pace {
  readonly #bytesPerMs: number | undefined;
  readonly #clock: Clock;
  #freeAtMs = 0;

  constructor(bytesPerSecond: number | undefined, clock: Clock) {
    assert(bytesPerSecond === undefined || bytesPerSecond > 0, "limit: a rate is positive");
    this.#bytesPerMs = bytesPerSecond === undefined ? undefined : bytesPerSecond / 1000;
    this.#clock = clock;
  }

  async pay(bytes: number, signal: AbortSignal): Promise<void> {
    if (this.#bytesPerMs === undefined || bytes === 0) return;
    const nowMs = this.#clock.now();
    const fromMs = Math.max(nowMs, this.#freeAtMs);
    this.#freeAtMs = fromMs + bytes / this.#bytesPerMs;
    if (fromMs > nowMs) await this.#clock.sleep(fromMs - nowMs, signal);
  }
}
