import type { DataKind } from "../../src/core/layout.ts";

/** Where a batch's newest ledger record is, and what a listing shows of it. */
export interface Indexed {
  readonly start: bigint;
  readonly is: "data" | "whole";
  /** Offset in the ledger topic. */
  readonly at: bigint;
  readonly size: number;
  readonly kind: DataKind;
}

/** The batches of one scope by start; kept small, because there is one for every batch. */
export class ScopeIndex {
  readonly #sorted: Indexed[] = [];

  get(start: bigint): Indexed | undefined {
    const found = this.#sorted[this.#position(start)];
    return found?.start === start ? found : undefined;
  }

  put(entry: Indexed): void {
    const at = this.#position(entry.start);
    const replaces = this.#sorted[at]?.start === entry.start ? 1 : 0;
    this.#sorted.splice(at, replaces, entry);
  }

  drop(start: bigint): void {
    const at = this.#position(start);
    if (this.#sorted[at]?.start === start) this.#sorted.splice(at, 1);
  }

  /** Ascending, from `from` on, as it is now. */
  from(from: bigint): readonly Indexed[] {
    return this.#sorted.slice(this.#position(from));
  }

  /** The greatest start ≤ `offset` whose manifest is there. */
  wholeFloor(offset: bigint): Indexed | undefined {
    for (let at = this.#position(offset + 1n) - 1; at >= 0; at -= 1) {
      if (this.#sorted[at]?.is === "whole") return this.#sorted[at];
    }
    return undefined;
  }

  /** Of the first entry with a start ≥ `start`. */
  #position(start: bigint): number {
    let [low, high] = [0, this.#sorted.length];
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#sorted[middle]?.start ?? 0n) < start) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
