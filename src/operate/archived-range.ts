import type { Manifest } from "../core/description.ts";
import type { ArchivedRecord } from "../core/record.ts";
import { type ArchivedScope, manifestsFrom, offsetOf, refuseGap } from "./archived-manifests.ts";
import type { Bound } from "./offset-bound.ts";

export interface RangeOptions extends ArchivedScope {
  readonly from?: Bound | undefined;
  /** Exclusive. */
  readonly to?: Bound | undefined;
  /** False: the batch has nothing that is looked for, and is not opened. */
  readonly mayHold?: (manifest: Manifest, signal: AbortSignal) => Promise<boolean>;
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
  const from = await offsetOf(options, options.from, signal);
  const to = await offsetOf(options, options.to, signal);
  if (options.from !== undefined && from === undefined) return;
  let next = from ?? 0n;
  let end: bigint | undefined;
  for await (const manifest of manifestsFrom(options, next, signal)) {
    if (to !== undefined && (manifest.start >= to || (end !== undefined && end >= to))) return;
    refuseGap(options.scope, end, manifest.start);
    end = manifest.end;
    if (end <= next) continue;
    if (options.mayHold !== undefined && !(await options.mayHold(manifest, signal))) continue;
    for await (const records of options.read(manifest, signal)) {
      const least = next;
      const inRange = ({ offset }: ArchivedRecord): boolean =>
        offset >= least && (to === undefined || offset < to);
      const picked = records.every(inRange) ? records : records.filter(inRange);
      if (picked.length === 0) continue;
      next = (picked.at(-1)?.offset ?? next) + 1n;
      yield picked;
    }
  }
}
