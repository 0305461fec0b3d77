import type { Cut } from "../core/cut.ts";
import { ArchiverError } from "../core/errors.ts";
import type { OpenBatch } from "./open-batch.ts";

/** What the task asks for. */
export interface BuildRequest {
  readonly start: bigint;
  /** Cut exactly here, as the plan says. */
  readonly exactEnd: bigint | null;
  /** Cut here when records lie below it. */
  readonly limit: bigint | null;
  /** Leader epoch of the record batch that ends at `start`; -1 when it is not known. */
  readonly epoch: number;
  /** Offsets from `start` to here hold no records, as the group committed: Kafka may have lost them. */
  readonly barren?: bigint | null;
}

/** A batch that is being filled, or waits for the one before it. */
export interface BuildJob {
  readonly request: BuildRequest;
  readonly batch: OpenBatch;
  turn: "asked" | "held";
  byTurns: boolean;
  /** End of the log when the turn's first answer came. */
  target: bigint | null;
  readonly resolve: (cut: Cut) => void;
  readonly reject: (error: unknown) => void;
}

/** True when nothing of what could not be fetched is missing: the batch goes on behind it. */
export function passBarren({ request, batch }: BuildJob, error: unknown): boolean {
  const to = request.barren ?? null;
  const lost = error instanceof ArchiverError && error.code === "offset-out-of-range";
  if (!lost || to === null || batch.next >= to) return false;
  batch.skipTo(to);
  return true;
}

/**
 * Where the plan says that it is cut. Null without a plan, and when nothing of what was planned is left
 * in Kafka (compaction): a batch has a record, so the rules then say where it is cut.
 */
export const plannedEnd = ({ request: { exactEnd }, batch }: BuildJob): bigint | null =>
  exactEnd !== null && batch.next >= exactEnd && !batch.hasContent ? null : exactEnd;
