import type { Cut } from "../core/cut.ts";
import { ArchiverError, type ErrorCode } from "../core/errors.ts";
import type { Scope } from "../core/scope.ts";
import type { RecordBatchHeader } from "../record-batch/header.ts";
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
  /** Why what comes next begins the next batch: this one would be too large for a sink, or cross its limit. */
  closed: "bytes" | "limit" | null;
  /** End of the log when the turn's first answer came. */
  target: bigint | null;
  readonly resolve: (cut: Cut) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * The record batch begins the next batch: this one would cross its limit, or be too large for a sink. What was planned
 * fitted when it was planned, and who planned it beyond the limit had read only markers below: a record batch that
 * crosses it is of a log that was cut short since.
 */
export function leavesToNext(
  job: BuildJob,
  h: RecordBatchHeader,
  sizeBytes: number,
  maxBytes = Number.POSITIVE_INFINITY,
): boolean {
  const { request, batch } = job;
  if (batch.records === 0n || plannedEnd(job) !== null) return false;
  if (batch.bytes + sizeBytes > maxBytes) job.closed = "bytes";
  else if (request.limit !== null && h.nextOffset > request.limit) job.closed = "limit";
  return job.closed !== null;
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

/** With these codes a range cannot be had, however often it is asked for. */
const LOST: ReadonlySet<ErrorCode> = new Set([
  "corrupt-record-batch",
  "offset-out-of-range",
  "message-format-old",
]);

export const isLost = (error: unknown): boolean =>
  error instanceof ArchiverError && LOST.has(error.code);

/** @throws ArchiverError log-changed when a batch was cut inside of the record batch. */
export function refuseInside(s: Scope, h: RecordBatchHeader, next: bigint): void {
  if (h.baseOffset >= next) return;
  throw new ArchiverError(
    "log-changed",
    `${s.topic}/${s.partition}: offset ${next} lies inside the record batch ${h.baseOffset} to ` +
      `${h.lastOffset}, but the batch before it ended there: the log is not what it was`,
  );
}
