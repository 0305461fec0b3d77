import type { StatusReport } from "../observe/status-report.ts";

type Partition = StatusReport["partitions"][number];

/** Everything in it that changes while a partition gets on. */
const stateOf = (p: Partition): string =>
  [p.state, p.committed, p.inFlight, p.lastBatch?.end, p.pendingPlans.length, p.waiting].join(" ");

interface Seen {
  readonly state: string;
  readonly sinceMs: number;
}

/**
 * Finds partitions that have work and do not get on, although nothing that they wait for is away: what a
 * restart cures. A sink or a broker that does not answer, or a partition that stopped, is not.
 */
export class StallWatch {
  readonly #limitMs: number;
  #seen = new Map<string, Seen>();

  constructor(limitMs: number) {
    this.#limitMs = limitMs;
  }

  /** The partition that has stalled for longest, in words; null: none. Times are monotonic. */
  look(status: StatusReport, nowMs: number): string | null {
    const calm = status.sinks.every((s) => s.state === "ok") && status.member?.lastError === null;
    const seen = new Map<string, Seen>();
    let worst: { readonly p: Partition; readonly ms: number } | null = null;
    for (const p of status.partitions) {
      const key = `${p.group} ${p.topic}/${p.partition}`;
      const state = stateOf(p);
      const before = this.#seen.get(key);
      const sinceMs = calm && hasWork(p) && before?.state === state ? before.sinceMs : nowMs;
      seen.set(key, { state, sinceMs });
      const ms = nowMs - sinceMs;
      if (ms > this.#limitMs && ms > (worst?.ms ?? 0)) worst = { p, ms };
    }
    this.#seen = seen;
    if (worst === null) return null;
    const { p, ms } = worst;
    return `${p.topic} ${p.partition} has not got on for ${Math.round(ms / 1000)} s: ${p.state}, ${p.waiting ?? "it should move"}`;
  }
}

const hasWork = (p: Partition): boolean =>
  p.state === "locating" ||
  p.state === "walking" ||
  (p.state === "running" && (p.lag ?? 0n) > 0n && p.waiting?.startsWith("Kafka:") !== true);
