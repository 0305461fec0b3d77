import type { Payload } from "./bytes.ts";
import type { Hole } from "./description.ts";
import type { BatchKey } from "./scope.ts";

/**
 * A batch as assembled: whole RecordBatch v2 back to back, aborted and control batches already left
 * out and accounted. Its owner calls `release` exactly once, when no one reads the blocks any more.
 */
export interface Cut extends BatchKey {
  /** Exclusive: the next offset to fetch. */
  readonly end: bigint;
  readonly payload: Payload;
  readonly records: bigint;
  readonly aborted: bigint;
  readonly control: bigint;
  readonly compacted: bigint;
  /** Given up by an operator. */
  readonly skipped: bigint;
  /** Known from headers alone; offsets missing inside a record batch are found by the sealer when `sparse`. */
  readonly holes: readonly Hole[];
  /** Some record batch holds fewer records than its offset range. */
  readonly sparse: boolean;
  /** Of the first record; null when it has none (-1). */
  readonly firstTimestamp: bigint | null;
  readonly minTimestamp: bigint | null;
  readonly maxTimestamp: bigint | null;
  /** Of the last record batch. */
  readonly leaderEpoch: number;
  /** Some record batch came without compression (`recompress: auto` then compresses the whole file). */
  readonly uncompressed: boolean;
  /** Reserved in the budget for raw and sealed bytes; whoever holds the cut releases it. */
  readonly reservedBytes: number;
  /** Which rule cut it, for metrics. */
  readonly reason: "bytes" | "age" | "idle" | "pressure" | "plan" | "limit" | "drain" | "skip";
  readonly release: () => void;
}
