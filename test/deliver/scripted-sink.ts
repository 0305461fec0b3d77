import type { Clock, Random } from "../../src/core/ports.ts";
import type { Sink } from "../../src/sdk/sink.ts";

/** A sink whose methods are the ones given; any other call is a failure of the test. */
export function scriptedSink(methods: Partial<Sink>): Sink {
  return new Proxy(methods as Sink, {
    get: (target, name) => {
      const found: unknown = Reflect.get(target, name);
      const optional = ["setAside", "remove", "readRecords", "then"].includes(String(name));
      if (found !== undefined || optional) return found;
      return () => {
        throw new Error(`the test has no ${String(name)}`);
      };
    },
  });
}

/** Time that passes only by sleeping: every sleeper wakes in order, at once. */
export class StepClock implements Clock {
  #nowMs = 0;
  readonly slept: number[] = [];

  now(): number {
    return this.#nowMs;
  }

  wall(): number {
    return 1_700_000_000_000 + this.#nowMs;
  }

  async sleep(ms: number, signal?: AbortSignal): Promise<void> {
    signal?.throwIfAborted();
    this.slept.push(ms);
    this.#nowMs += ms;
    await Promise.resolve();
    signal?.throwIfAborted();
  }
}

/** Real time, for what is about waiting itself. */
export const realClock: Clock = {
  now: () => performance.now(),
  wall: () => Date.now(),
  sleep: (ms, signal) =>
    new Promise((resolve, reject) => {
      if (signal?.aborted === true) return reject(signal.reason as Error);
      const timer = setTimeout(resolve, ms);
      signal?.addEventListener("abort", () => {
        clearTimeout(timer);
        reject(signal.reason as Error);
      });
    }),
};

export const always = (unit: number): Random => ({
  bytes: (n) => new Uint8Array(n),
  unit: () => unit,
});
