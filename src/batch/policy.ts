import { BLOCK_BYTES } from "../core/bytes.ts";
import type { Cut } from "../core/cut.ts";

export interface BatchPolicy {
  /** Raw bytes at which a batch is cut. */
  readonly bytes: number;
  /** From the arrival of the first record. */
  readonly ageMs: number;
  /** From the arrival of the last record; null: no such rule. */
  readonly idleMs: number | null;
  /** Raw bytes that no batch of more than one record batch goes beyond; left out: no such limit. */
  readonly maxBytes?: number;
}

/** Of the age header, stanzas of many recipients, and the table of a seekable file. */
const SEALING_BYTES = 128 * 1024;
/** What frames of incompressible blocks and the tags of encrypted ones add is less than a hundredth. */
const SEALING_SHARE = 1.01;
/** A line of JSON is longer than its record, and usually compressed again. */
const LINES_SHARE = 4;

/**
 * The rules for sinks that hold files of `maxFileBytes` at most: a batch is never split, so it is cut
 * before it could be too large for one of them.
 */
export function within(
  policy: BatchPolicy,
  maxFileBytes: number,
  format: "segment" | "ndjson",
): BatchPolicy {
  const share = format === "segment" ? SEALING_SHARE : LINES_SHARE;
  const maxBytes = Math.max(1, Math.floor((maxFileBytes - SEALING_BYTES) / share));
  return { ...policy, bytes: Math.min(policy.bytes, maxBytes), maxBytes };
}

/**
 * What a batch may hold at most while it is sealed: raw bytes in whole blocks, the last of which the
 * record batch that fills it may have begun, and sealed bytes, which are seldom more.
 */
export const costBytes = ({ bytes }: BatchPolicy): number =>
  (Math.floor(bytes / BLOCK_BYTES) + 1) * BLOCK_BYTES + bytes;

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
  // A turn that came late takes all that has piled up: cut at its first records, which are of age
  // already, it would leave the rest for another turn, with ever smaller files the more there is to do.
  const since = fill.byTurns ? fill.lastAt : fill.firstAt;
  if (now - since >= policy.ageMs) return "age";
  if (policy.idleMs !== null && now - fill.lastAt >= policy.idleMs) return "idle";
  return null;
}

/** Share of `age` after which a waiting partition asks for its turn: it needs some time to fill. */
export const TURN_AT_AGE = 0.9;
