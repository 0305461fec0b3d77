import type { Cut } from "../core/cut.ts";

export interface BatchPolicy {
  /** Raw bytes at which a batch is cut. */
  readonly bytes: number;
  /** From the arrival of the first record. */
  readonly ageMs: number;
  /** From the arrival of the last record; null: no such rule. */
  readonly idleMs: number | null;
}

/** What the rules look at. Times are milliseconds of one monotonic clock. */
export interface Fill {
  readonly bytes: number;
  readonly records: bigint;
  readonly firstAt: number;
  readonly lastAt: number;
  /** Everything that was in Kafka when the partition got its turn is in. */
  readonly caughtUp: boolean;
  /** Other partitions wait for this one's turn, so it cuts as soon as it has caught up. */
  readonly byTurns: boolean;
}

/** Which rule cuts now, if any. Any rule may cut: the plan is committed before the cut is used. */
export function whyCut(fill: Fill, policy: BatchPolicy, now: number): Cut["reason"] | null {
  if (fill.records === 0n) return null;
  if (fill.bytes >= policy.bytes) return "bytes";
  if (fill.byTurns && fill.caughtUp) return "pressure";
  if (now - fill.firstAt >= policy.ageMs) return "age";
  if (policy.idleMs !== null && now - fill.lastAt >= policy.idleMs) return "idle";
  return null;
}

/** Share of `age` after which a waiting partition asks for its turn: it needs some time to fill. */
export const TURN_AT_AGE = 0.9;
