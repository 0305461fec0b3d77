import { SinkError } from "../../src/sdk/sink-error.ts";

/** What a request or one item of a bulk request was refused with. */
export interface Refusal {
  readonly status: number;
  /** Elasticsearch's name of it, such as `strict_dynamic_mapping_exception`. */
  readonly type: string;
  readonly reason: string;
}

/** Shards that are moving, breakers, blocks by a full disk: the same request can succeed later. */
const PASSING = new Set([408, 425, 429, 500, 502, 503, 504]);

export const isPassing = ({ status, type }: Refusal): boolean =>
  PASSING.has(status) || type === "cluster_block_exception" || type === "index_not_found_exception";

export function errorOf(r: Refusal, what: string, retryAfterMs?: number): SinkError {
  const type = r.type === "" ? "" : ` ${r.type}`;
  const reason = r.reason === "" ? "" : `: ${r.reason.slice(0, 500)}`;
  const text = `${what}: Elasticsearch answered ${r.status}${type}${reason}`;
  if (isPassing(r)) {
    const after = retryAfterMs === undefined ? {} : { retryAfterMs };
    return new SinkError("sink-transient", text, after);
  }
  if (r.status === 401 || r.status === 403) return new SinkError("sink-unauthorized", text);
  return new SinkError("sink-permanent", text);
}

/** `Retry-After` in seconds or as a date. */
export function retryAfterMs(header: string | undefined, nowMs: number): number | undefined {
  if (header === undefined) return undefined;
  if (/^\d{1,9}$/.test(header)) return Number(header) * 1000;
  const at = Date.parse(header);
  return Number.isNaN(at) ? undefined : Math.max(0, at - nowMs);
}
