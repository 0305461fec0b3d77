import type { Manifest } from "../core/description.ts";
import type { ArchivedRecord } from "../core/record.ts";
import {
  type ArchivedScope,
  manifestsFrom,
  offsetOf,
  type ReadBatch,
  refuseGap,
} from "./archived-manifests.ts";
import { expiredError, expiredText } from "./expired.ts";
import type { Bound } from "./offset-bound.ts";
import type { OffsetRange } from "./restore/offset-ranges.ts";

export interface RangeOptions extends ArchivedScope {
  readonly from?: Bound | undefined;
  /** Exclusive. */
  readonly to?: Bound | undefined;
  /** False: the batch has nothing that is looked for, and is not opened. */
  readonly mayHold?: (manifest: Manifest, signal: AbortSignal) => Promise<boolean>;
  /** What of the range has expired, and is passed over. */
  readonly onExpired?: ((text: string) => void) | undefined;
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

/**
 * The batches of a range, ascending, none opened. Throws as `archivedRange`, and `data-expired` where nothing
 * of the range is left.
 */
export async function* archivedBatches(
  options: RangeOptions,
  signal: AbortSignal,
): AsyncGenerator<BatchInRange> {
  const { scope, expired, onExpired } = options;
  const least = await offsetOf(options, options.from, signal);
  const most = await offsetOf(options, options.to, signal);
  const gone = (to: bigint): readonly OffsetRange[] =>
    expired?.since(scope, options.from, to) ?? [];
  const none = options.from !== undefined && least === undefined;
  let next = least ?? 0n;
  let end: bigint | undefined;
  let some = false;
  for await (const manifest of none ? [] : manifestsFrom(options, next, signal)) {
    if (most !== undefined && (manifest.start >= most || (end !== undefined && end >= most))) break;
    refuseGap(options, end, manifest.start);
    const before = some
      ? expired?.within(scope, { from: next, to: manifest.start })
      : gone(manifest.start);
    for (const range of before ?? []) onExpired?.(expiredText(scope, range));
    some = true;
    end = manifest.end;
    if (end <= next) continue;
    const from = manifest.start > next ? manifest.start : next;
    next = end;
    yield { manifest, from, to: most !== undefined && most < end ? most : end };
  }
  const [first] = some ? [] : gone(most ?? LAST_OFFSET);
  if (first !== undefined) throw expiredError(scope, first);
}

const LAST_OFFSET = (1n << 63n) - 1n;

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
