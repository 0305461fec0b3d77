import type { HttpConfig } from "../config/config.ts";
import { checkedKnown } from "../core/checked.ts";
import { parse } from "../core/json.ts";
import { type StatusReport, statusReport } from "../observe/status-report.ts";

const TIMEOUT_MS = 2_000;
const MAX_CHARS = 64 << 20;

const WILDCARDS: ReadonlyMap<string, string> = new Map([
  ["0.0.0.0", "127.0.0.1"],
  ["::", "[::1]"],
]);

/**
 * What a daemon with this configuration says on this machine. That none answers is no failure: the
 * result then says why in words.
 */
export async function askDaemon(
  http: HttpConfig,
  signal: AbortSignal,
): Promise<StatusReport | { readonly unknown: string }> {
  const host = WILDCARDS.get(http.host) ?? (http.host.includes(":") ? `[${http.host}]` : http.host);
  const url = `http://${host}:${http.port}/api/status`;
  let text: string;
  try {
    const limit = AbortSignal.any([signal, AbortSignal.timeout(TIMEOUT_MS)]);
    const headers = http.token === null ? {} : bearer(http.token().reveal());
    const answer = await fetch(url, { headers, signal: limit, redirect: "error" });
    text = await answer.text();
    if (answer.status === 503) return { unknown: "the daemon is starting" };
    if (!answer.ok) return { unknown: `${url} answered ${answer.status}` };
  } catch (error) {
    signal.throwIfAborted();
    if (!(error instanceof TypeError) && !(error instanceof DOMException)) throw error;
    return { unknown: `no daemon answers at ${url}` };
  }
  const foreign = { unknown: `${url} is no daemon of this version` };
  if (text.length > MAX_CHARS) return foreign;
  let value: unknown;
  try {
    value = parse(text);
  } catch (error) {
    if (error instanceof SyntaxError) return foreign;
    throw error;
  }
  const parsed = checkedKnown(statusReport, bigintsOf(value));
  return parsed.success ? parsed.data : foreign;
}

const bearer = (token: string): Record<string, string> => ({ authorization: `Bearer ${token}` });

/** Fields that are offsets: JSON has no other sign of them. */
const OFFSETS = new Set(["committed", "end", "lag", "start", "records", "maxTimestamp", "behind"]);

function bigintsOf(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(bigintsOf);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, v]: [string, unknown]) => {
      if (OFFSETS.has(key) && typeof v === "number" && Number.isInteger(v)) return [key, BigInt(v)];
      return [key, bigintsOf(v)];
    }),
  );
}

/** Puts what only the daemon knows beside what was found outside. */
export function merged(outside: StatusReport, daemon: StatusReport): StatusReport {
  const known = new Map(daemon.partitions.map((p) => [`${p.group}/${p.topic}/${p.partition}`, p]));
  return {
    ...outside,
    source: "both",
    partitions: outside.partitions.map((p) => {
      const inside = known.get(`${p.group}/${p.topic}/${p.partition}`);
      if (inside === undefined) return p;
      const { state, waiting, oldestUnconfirmedMs, inFlight } = inside;
      return { ...p, state, waiting: waiting ?? p.waiting, oldestUnconfirmedMs, inFlight };
    }),
    sinks: outside.sinks.map((s) => {
      const inside = daemon.sinks.find((d) => d.name === s.name);
      if (inside === undefined) return s;
      const { state, since, lastError, next } = inside;
      return { ...s, state, since, lastError: lastError ?? s.lastError, next: next ?? s.next };
    }),
    memory: daemon.memory,
    member: daemon.member,
    ...(daemon.verdict === undefined ? {} : { verdict: daemon.verdict }),
  };
}
