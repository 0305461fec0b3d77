import { messageOf } from "../core/message.ts";
import { ArchiverError } from "../core/errors.ts";
import { SinkError, type SinkErrorCode } from "./sink-error.ts";

/** What a store over HTTP said; a `Response` of `fetch` is one. */
export interface HttpAnswer {
  readonly status: number;
  readonly headers: { get(name: string): string | null };
}

/** Later dates and longer waits are taken for nonsense; the daemon has bounds of its own as well. */
const MAX_RETRY_AFTER_MS = 3_600_000;

/** Of everything else a 4xx says that the request is wrong, and will be wrong again. */
const PASSES: ReadonlySet<number> = new Set([404, 408, 409, 412, 421, 423, 425, 429]);

/**
 * An answer that is no success as what the daemon acts upon: credentials refused park the sink, what
 * passes by itself is tried again (no sooner than the store asks), the rest stops the partition.
 * `doing` names the request and its object, `detail` is what the store said, for the operator.
 */
export function sinkErrorOf(answer: HttpAnswer, doing: string, detail = ""): SinkError {
  const { status } = answer;
  const said = detail.replaceAll(/\s+/g, " ").trim().slice(0, 300);
  const text = `${doing}: HTTP ${status}${said === "" ? "" : `: ${said}`}`;
  const wait = retryAfterMs(answer.headers.get("retry-after"), Date.now());
  return new SinkError(codeOf(status), text, wait === undefined ? {} : { retryAfterMs: wait });
}

/**
 * What `fetch` or `node:http` raised as what the daemon acts upon: nobody knows whether the request
 * arrived, so it is tried again, and the next try looks first. Aborts and our own errors stay.
 */
export function transportError(error: unknown, doing: string, signal: AbortSignal): unknown {
  if (signal.aborted) return signal.reason;
  if (error instanceof ArchiverError) return error;
  const cause = error instanceof Error ? (error.cause ?? error) : error;
  return new SinkError("sink-transient", `${doing}: ${messageOf(cause)}`, { cause: error });
}

function codeOf(status: number): SinkErrorCode {
  if (status === 401 || status === 403 || status === 407) return "sink-unauthorized";
  const passes = status < 400 || status >= 500 || PASSES.has(status);
  return passes ? "sink-transient" : "sink-permanent";
}

/** `Retry-After` is seconds or a date (RFC 9110, 10.2.3). */
function retryAfterMs(header: string | null, nowMs: number): number | undefined {
  if (header === null) return undefined;
  const ms = /^\d{1,9}$/.test(header) ? Number(header) * 1000 : Date.parse(header) - nowMs;
  return Number.isNaN(ms) || ms < 0 ? undefined : Math.min(ms, MAX_RETRY_AFTER_MS);
}
