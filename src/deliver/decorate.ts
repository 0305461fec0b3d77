import type { Clock, Random } from "../core/ports.ts";
import type { Sink } from "../sdk/sink.ts";
import { deadline } from "./deadline.ts";
import { discreet } from "./discreet.ts";
import { type HealthView, SinkHealth } from "./health.ts";
import { instrument, type SinkEvent } from "./instrument.ts";
import { limit, type LimitOptions } from "./limit.ts";
import { replaceable } from "./replaceable.ts";
import { retry, type RetryOptions } from "./retry.ts";

export interface DecorateOptions {
  /** The name the configuration gave the sink. */
  readonly name: string;
  readonly retry?: RetryOptions;
  readonly limit?: LimitOptions;
  /** Of one try. @default 120000 */
  readonly tryTimeoutMs?: number;
}

export interface DecoratePorts {
  readonly clock: Clock;
  readonly random: Random;
  /** Cuts secrets out of what a store says. */
  readonly redact?: (text: string) => string;
  readonly onEvent?: (event: SinkEvent) => void;
  readonly onHealth?: (name: string, health: HealthView) => void;
}

/** A sink with everything around it, and its health. */
export interface DecoratedSink {
  readonly name: string;
  readonly sink: Sink;
  readonly health: SinkHealth;
  /** From now on calls go to `plain`, a sink of the same place; the old one is closed. */
  replace(plain: Sink, options: Pick<DecorateOptions, "limit" | "tryTimeoutMs">): Promise<void>;
}

const TRY_TIMEOUT_MS = 120_000;

/**
 * The order matters: a call that pauses between tries holds no place, waiting for a place is not
 * part of a try's time, and an event is one try.
 */
export function decorate(
  plain: Sink,
  options: DecorateOptions,
  ports: DecoratePorts,
): DecoratedSink {
  const { name } = options;
  const { clock, random, redact, onEvent, onHealth } = ports;
  const health = new SinkHealth(clock, (view) => onHealth?.(name, view));
  const bounded = (sink: Sink, o: Pick<DecorateOptions, "limit" | "tryTimeoutMs">): Sink => {
    const quiet = redact === undefined ? sink : discreet(sink, redact);
    const told = onEvent === undefined ? quiet : instrument(quiet, name, onEvent, clock);
    return limit(deadline(told, o.tryTimeoutMs ?? TRY_TIMEOUT_MS, clock), o.limit ?? {}, clock);
  };
  const inner = replaceable(bounded(plain, options), clock);
  return {
    name,
    health,
    sink: retry(inner.sink, options.retry ?? {}, { clock, random, health }),
    replace: (next, o) => inner.replace(bounded(next, o), options.tryTimeoutMs ?? TRY_TIMEOUT_MS),
  };
}
