import type { Manifest } from "../core/description.ts";
import type { ArchivedRecord } from "../core/record.ts";
import {
  type ArchivedScope,
  manifestsFrom,
  offsetOf,
  type ReadBatch,
  refuseGap,
} from "./archived-manifests.ts";
import type { Bound } from "./offset-bound.ts";

export interface RangeOptions extends ArchivedScope {
  readonly from?: Bound | undefined;
  /** Exclusive. */
  readonly to?: Bound | undefined;
  /** False: the batch has nothing that is looked for, and is not opened. */
  readonly mayHold?: (manifest: Manifest, signal: AbortSignal) => Promise<boolean>;
}

/** A batch and which of its offsets are wanted: [from, to). */
export interface BatchInRange {
  readonly manifest: Manifest;
  readonly from: bigint;
  readonly to: bigint;
}

/**
 * Archived records of a range, each offset once and ascending; data without manifest does not
 * count. @throws ArchiverError `verification-failed` where batches are missing inside the range,
 * after all records before the gap were given.
 */
export async function* archivedRange(
  options: RangeOptions,
  signal: AbortSignal,
): AsyncGenerator<readonly ArchivedRecord[]> {
  for await (const batch of archivedBatches(options, signal)) {
    const { mayHold, read } = options;
    if (mayHold !== undefined && !(await mayHold(batch.manifest, signal))) continue;
    yield* recordsIn(batch, read, signal);
  }
}

/** The batches of a range, ascending, none opened. Throws as `archivedRange`. */
export async function* archivedBatches(
  options: RangeOptions,
  signal: AbortSignal,
): AsyncGenerator<BatchInRange> {
  const least = await offsetOf(options, options.from, signal);
  const most = await offsetOf(options, options.to, signal);
  if (options.from !== undefined && least === undefined) return;
  let next = least ?? 0n;
  let end: bigint | undefined;
  for await (const manifest of manifestsFrom(options, next, signal)) {
    if (most !== undefined && (manifest.start >= most || (end !== undefined && end >= most)))
      return;
    refuseGap(options.scope, end, manifest.start);
    end = manifest.end;
    if (end <= next) continue;
    const from = manifest.start > next ? manifest.start : next;
    next = end;
    yield { manifest, from, to: most !== undefined && most < end ? most : end };
  }
}

export async function* recordsIn(
  { manifest, from, to }: BatchInRange,
  read: ReadBatch,
  signal: AbortSignal,
): AsyncGenerator<readonly ArchivedRecord[]> {
  const inRange = ({ offset }: ArchivedRecord): boolean => offset >= from && offset < to;
  for await (const records of read(manifest, signal, { from, to })) {
    const picked = records.every(inRange) ? records : records.filter(inRange);
    if (picked.length > 0) yield picked;
  }
}
