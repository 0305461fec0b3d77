import { assert } from "../core/assert.ts";
import { ArchiverError, isTransient } from "../core/errors.ts";
import type { Clock, Random } from "../core/ports.ts";
import { SinkError } from "../sdk/sink-error.ts";
import type { Sink } from "../sdk/sink.ts";
import { around, type SinkOp } from "./around.ts";
import type { SinkHealth } from "./health.ts";

export interface RetryOptions {
  /** Longest first pause; each later one is at most twice as long. @default 200 */
  readonly firstMs?: number;
  /** Longest pause. @default 30000 */
  readonly maxMs?: number;
  /** Pause while the sink refuses the credentials. @default 60000 */
  readonly parkedMs?: number;
  /**
   * Calls of one operation in all, for commands; an unauthorized sink then fails at once. Left out,
   * for the daemon: until the signal aborts.
   */
  readonly tries?: number;
}

export interface RetryPorts {
  readonly clock: Clock;
  readonly random: Random;
  readonly health: SinkHealth;
}

/** Acting on what an operator saw is never repeated: after an unknown outcome they look again. */
const ONCE: ReadonlySet<SinkOp> = new Set(["setAside", "remove"]);

/** Doublings after which the pause is the longest anyway; keeps the power small. */
const MAX_DOUBLINGS = 30;

/**
 * Repeats what failed for now: transient errors after a pause chosen at random up to a doubling
 * limit (full jitter, so that many workers do not come back at once), or after what the store asked
 * for. A stream continues behind what it yielded, and starts counting anew once it got further.
 */
export function retry(sink: Sink, options: RetryOptions, ports: RetryPorts): Sink {
  return around(sink, {
    call: async (op, _bytes, run, signal) => {
      const attempts = new Attempts(op, options, ports);
      try {
        for (;;) {
          try {
            return await run(signal);
          } catch (error) {
            await attempts.pause(error, signal);
          }
        }
      } finally {
        attempts.end();
      }
    },
    stream: async function* (op, open, signal) {
      const attempts = new Attempts(op, options, ports);
      try {
        for (;;) {
          try {
            for await (const item of guarded(open(signal))) {
              if (item.failed) throw item.error;
              attempts.succeeded();
              yield item.value;
            }
            return;
          } catch (error) {
            if (!(error instanceof SourceError)) throw error;
            await attempts.pause(error.cause, signal);
          }
        }
      } finally {
        attempts.end();
      }
    },
  });
}

/** Sets what the sink's stream raised apart from what the reader of our stream throws into it. */
class SourceError extends Error {}

async function* guarded<T>(
  source: AsyncIterable<T>,
): AsyncGenerator<{ failed: false; value: T } | { failed: true; error: SourceError }> {
  try {
    for await (const value of source) yield { failed: false, value };
  } catch (cause) {
    yield { failed: true, error: new SourceError("the stream failed", { cause }) };
  }
}

/** The tries of one call. */
class Attempts {
  readonly #op: SinkOp;
  readonly #options: RetryOptions;
  readonly #ports: RetryPorts;
  #failures = 0;

  constructor(op: SinkOp, options: RetryOptions, ports: RetryPorts) {
    assert(options.tries === undefined || options.tries >= 1, "retry: at least one try");
    this.#op = op;
    this.#options = options;
    this.#ports = ports;
  }

  succeeded(): void {
    if (this.#failures === 0) return;
    this.#failures = 0;
    this.end();
  }

  end(): void {
    this.#ports.health.ended(this);
  }

  /** Resolves when it is time for the next try; rejects with the error when there is none. */
  async pause(error: unknown, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    this.#failures += 1;
    if (!(error instanceof ArchiverError) || !this.#again(error)) throw error;
    const waitMs = this.#waitMs(error);
    this.#ports.health.failed(this, error, waitMs);
    await this.#ports.clock.sleep(waitMs, signal);
  }

  #again(error: ArchiverError): boolean {
    const { tries } = this.#options;
    if (ONCE.has(this.#op)) return false;
    if (error.code === "sink-unauthorized") return tries === undefined;
    return isTransient(error) && (tries === undefined || this.#failures < tries);
  }

  #waitMs(error: ArchiverError): number {
    const { firstMs = 200, maxMs = 30_000, parkedMs = 60_000 } = this.#options;
    if (error.code === "sink-unauthorized") return parkedMs;
    const doublings = Math.min(this.#failures - 1, MAX_DOUBLINGS);
    const jittered = this.#ports.random.unit() * Math.min(maxMs, firstMs * 2 ** doublings);
    const asked = error instanceof SinkError ? error.retryAfterMs : undefined;
    // What the store asked for is a floor, but a nonsense value must not stop the sink for days.
    return asked === undefined ? jittered : Math.min(asked, parkedMs) + jittered;
  }
}
