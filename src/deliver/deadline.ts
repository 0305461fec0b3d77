import type { Clock } from "../core/ports.ts";
import { SinkError } from "../sdk/sink-error.ts";
import type { Sink } from "../sdk/sink.ts";
import { around, type SinkOp } from "./around.ts";

/**
 * Bounds one try: a call, or one item of a stream. The call's own signal aborts at the deadline and
 * the caller goes on without it, because a hung file system answers no signal; a sink looks at its
 * signal before it publishes, so what comes back late changes nothing. `check` has its own measure.
 */
export function deadline(sink: Sink, timeoutMs: number, clock: Clock): Sink {
  return around(sink, {
    call: (op, _bytes, run, signal) => bounded(op, run, timeoutMs, clock, signal),
    stream: (op, open, signal) => boundedStream(op, open, timeoutMs, clock, signal),
  });
}

async function bounded<T>(
  op: SinkOp,
  run: (signal: AbortSignal) => Promise<T>,
  timeoutMs: number,
  clock: Clock,
  signal: AbortSignal,
): Promise<T> {
  const late = new AbortController();
  const done = new AbortController();
  const expired = clock.sleep(timeoutMs, AbortSignal.any([signal, done.signal])).then(
    () => {
      const error = new SinkError("sink-transient", `${op}: no answer within ${timeoutMs} ms`);
      late.abort(error);
      throw error;
    },
    (reason: unknown) => {
      // Ended by the call itself (no one listens then), or by the caller, who is not kept waiting.
      throw signal.aborted ? signal.reason : reason;
    },
  );
  try {
    return await Promise.race([run(AbortSignal.any([signal, late.signal])), expired]);
  } finally {
    done.abort(new Error("the call ended"));
  }
}

async function* boundedStream<T>(
  op: SinkOp,
  open: (signal: AbortSignal) => AsyncIterable<T>,
  timeoutMs: number,
  clock: Clock,
  signal: AbortSignal,
): AsyncIterable<T> {
  const ended = new AbortController();
  const items = open(AbortSignal.any([signal, ended.signal]))[Symbol.asyncIterator]();
  let waiting = false;
  try {
    for (;;) {
      waiting = true;
      const next = await bounded(op, () => items.next(), timeoutMs, clock, signal);
      waiting = false;
      if (next.done === true) return;
      yield next.value;
    }
  } finally {
    ended.abort(new Error("the stream ended"));
    // A generator that hangs in next() would hang in return() as well: it sees the abort instead.
    if (!waiting) await items.return?.();
  }
}
