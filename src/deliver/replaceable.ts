import type { Clock } from "../core/ports.ts";
import { SinkError } from "../sdk/sink-error.ts";
import type { Sink } from "../sdk/sink.ts";
import { around } from "./around.ts";

/** A sink that can be opened anew, with other credentials or limits, under those who use it. */
export interface Replaceable {
  readonly sink: Sink;
  /**
   * Calls that begin from now on wait until those under way have ended, at most `waitMs`; then the old
   * sink is closed and they go to `next`. So the two never work at once, unless a call hangs.
   */
  replace(next: Sink, waitMs: number): Promise<void>;
}

/** What decorates the sink belongs inside, except what waits between tries. */
export function replaceable(first: Sink, clock: Clock): Replaceable {
  let current = first;
  let underWay = 0;
  let idle: (() => void) | null = null;
  /** While the sink is replaced. */
  let gate: Promise<void> | null = null;

  async function within<T>(work: () => Promise<T>): Promise<T> {
    while (gate !== null) await gate;
    underWay += 1;
    try {
      return await work();
    } finally {
      underWay -= 1;
      if (underWay === 0) idle?.();
    }
  }

  async function quiet(waitMs: number): Promise<void> {
    if (underWay === 0) return;
    const late = new AbortController();
    const ended = new Promise<void>((resolve) => {
      idle = resolve;
    });
    const waited = clock.sleep(waitMs, late.signal).catch((reason: unknown) => {
      if (!late.signal.aborted) throw reason;
    });
    await Promise.race([ended, waited]);
    idle = null;
    late.abort();
  }

  async function swap(next: Sink, waitMs: number): Promise<void> {
    await quiet(waitMs);
    const old = current;
    current = next;
    await old.close();
  }

  // Each method looks the sink up when it is called; what the first one lacks stays lacking.
  const face = new Proxy(first, {
    get: (_first, name: keyof Sink) => {
      const found = current[name];
      return typeof found === "function" ? found.bind(current) : found;
    },
  });
  return {
    sink: around(face, {
      call: (_op, _bytes, run, signal) => within(() => run(signal)),
      stream: async function* (_op, open, signal) {
        // An item holds the sink, not the stream: who reads slowly does not keep it from being replaced.
        const items = open(signal)[Symbol.asyncIterator]();
        let opened: Sink | null = null;
        let done = false;
        const step = (): Promise<
          IteratorResult<Awaited<ReturnType<typeof items.next>>["value"]>
        > => {
          opened ??= current;
          if (opened === current) return items.next();
          throw new SinkError("sink-transient", "the sink was opened anew meanwhile");
        };
        try {
          while (!done) {
            const next = await within(step);
            done = next.done === true;
            if (next.done === true) return;
            yield next.value;
          }
        } finally {
          if (!done) await items.return?.();
        }
      },
    }),
    replace: async (next, waitMs) => {
      while (gate !== null) await gate;
      const swapped = swap(next, waitMs);
      gate = swapped.finally(() => {
        gate = null;
      });
      await swapped;
    },
  };
}
