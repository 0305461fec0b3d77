import type { Hole, Manifest } from "../../core/description.ts";
import type { Scope } from "../../core/scope.ts";
import type { OffsetRange, PartitionReport, Problem } from "./report.ts";

const MAX_HOLES = 10_000;
const MAX_PROBLEMS = 1_000;

/** What was looked at: the sums of a report. */
export interface Looked {
  filesRead: number;
  bytesRead: number;
  opened: number;
  macs: number;
  signatures: number;
  heads: number;
  fromIndex: number;
  inIndex: number;
}

export const nothingLooked = (): Looked => ({
  filesRead: 0,
  bytesRead: 0,
  opened: 0,
  macs: 0,
  signatures: 0,
  heads: 0,
  fromIndex: 0,
  inIndex: 0,
});

/**
 * Collects what is found about one scope of one sink; its lists are bounded, its counts are not.
 */
export class Tally {
  readonly scope: Scope;
  readonly looked: Looked = nothingLooked();
  pending = 0;
  expired = 0;
  behind = 0n;
  #first: bigint | null = null;
  #next: bigint | null = null;
  #batches = 0;
  #records = 0n;
  readonly #holes: Hole[] = [];
  #holesOmitted = 0;
  readonly #gaps: OffsetRange[] = [];
  readonly #overlaps: OffsetRange[] = [];
  readonly #problems: Problem[] = [];
  #problemsOmitted = 0;

  constructor(scope: Scope) {
    this.scope = scope;
  }

  /** Exclusive end of the furthest batch. */
  get next(): bigint | null {
    return this.#next;
  }

  get ok(): boolean {
    return this.#problems.length === 0;
  }

  batch(m: Manifest): void {
    this.#batches++;
    this.#records += m.records;
    if (this.#first === null || m.start < this.#first) this.#first = m.start;
    if (this.#next === null || m.end > this.#next) this.#next = m.end;
    for (const hole of m.holes) this.#hole(hole);
  }

  gap(range: OffsetRange): void {
    if (this.#gaps.length < MAX_PROBLEMS) this.#gaps.push(range);
  }

  overlap(range: OffsetRange): void {
    if (this.#overlaps.length < MAX_PROBLEMS) this.#overlaps.push(range);
  }

  problem(problem: Problem): void {
    if (this.#problems.length < MAX_PROBLEMS) this.#problems.push(problem);
    else this.#problemsOmitted++;
  }

  report(): PartitionReport {
    const { topic, topicId, partition, branch } = this.scope;
    return {
      topic,
      topicId,
      partition,
      branch,
      firstOffset: this.#first,
      nextOffset: this.#next,
      batches: this.#batches,
      records: this.#records,
      pending: this.pending,
      expired: this.expired,
      behind: this.behind,
      holes: this.#holes,
      ...(this.#holesOmitted > 0 ? { holesOmitted: this.#holesOmitted } : {}),
      gaps: this.#gaps,
      overlaps: this.#overlaps,
      problems: this.#problems,
      ...(this.#problemsOmitted > 0 ? { problemsOmitted: this.#problemsOmitted } : {}),
    };
  }

  #hole(hole: Hole): void {
    const last = this.#holes.at(-1);
    const joins = last?.to === hole.from && last.reason === hole.reason;
    if (joins && last.offsets === undefined && hole.offsets === undefined) {
      this.#holes[this.#holes.length - 1] = { ...last, to: hole.to };
    } else if (this.#holes.length < MAX_HOLES) {
      this.#holes.push(hole);
    } else {
      this.#holesOmitted++;
    }
  }
}
