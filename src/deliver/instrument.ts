import { ArchiverError, type ErrorCode } from "../core/errors.ts";
import type { Clock } from "../core/ports.ts";
import type { Published, Sink } from "../sdk/sink.ts";
import { around, type SinkOp } from "./around.ts";

/** One try of one operation. `failed` is anything that is not an error of ours. */
export interface SinkEvent {
  readonly sink: string;
  readonly op: SinkOp;
  readonly outcome: "ok" | Published["outcome"] | "aborted" | "failed" | ErrorCode;
  /** Of a stream: without the time its reader took. */
  readonly ms: number;
  /** Written by a call, read by a stream. */
  readonly bytes: number;
}

/** Tells `listener` of every try; a stream once, when it ends. */
export function instrument(
  sink: Sink,
  name: string,
  listener: (event: SinkEvent) => void,
  clock: Clock,
): Sink {
  const tell = (op: SinkOp, outcome: SinkEvent["outcome"], ms: number, bytes: number): void =>
    listener({ sink: name, op, outcome, ms, bytes });
  return around(sink, {
    call: async (op, bytes, run, signal) => {
      const fromMs = clock.now();
      const tellNow = (outcome: SinkEvent["outcome"]): void =>
        tell(op, outcome, clock.now() - fromMs, bytes);
      let result;
      try {
        result = await run(signal);
      } catch (error) {
        tellNow(outcomeOf(error, signal));
        throw error;
      }
      tellNow(answerOf(op, result));
      return result;
    },
    stream: async function* (op, open, signal) {
      let [ms, bytes, fromMs] = [0, 0, clock.now()];
      let outcome: SinkEvent["outcome"] = "ok";
      try {
        for await (const item of open(signal)) {
          ms += clock.now() - fromMs;
          if (item instanceof Uint8Array) bytes += item.length;
          yield item;
          fromMs = clock.now();
        }
        ms += clock.now() - fromMs;
      } catch (error) {
        outcome = outcomeOf(error, signal);
        throw error;
      } finally {
        tell(op, outcome, ms, bytes);
      }
    },
  });
}

function answerOf(op: SinkOp, result: unknown): SinkEvent["outcome"] {
  return op === "publish" || op === "describe" ? (result as Published).outcome : "ok";
}

function outcomeOf(error: unknown, signal: AbortSignal): SinkEvent["outcome"] {
  if (signal.aborted) return "aborted";
  return error instanceof ArchiverError ? error.code : "failed";
}
