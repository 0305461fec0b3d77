import { keyOf } from "./live-rows.ts";
import type { PartitionStatus } from "./status-report.ts";

/** How far the logs of the own partitions have grown between two looks. */
export class EndsWatch {
  #before: ReadonlyMap<string, bigint> | null = null;

  /**
   * Offsets since the last call. A partition that is new here has no before, and counts from the next look
   * on; so does one whose log was cut. Null: there is nothing to compare with.
   */
  grownBy(partitions: readonly PartitionStatus[]): number | null {
    const before = this.#before;
    const known = partitions.flatMap((p) => (p.end === null ? [] : [[keyOf(p), p.end] as const]));
    this.#before = new Map(known);
    if (before === null) return null;
    return known.reduce((sum, [key, end]) => {
      const from = before.get(key) ?? end;
      return sum + (end > from ? Number(end - from) : 0);
    }, 0);
  }
}
