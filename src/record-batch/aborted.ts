import { controlTypeOf } from "./control.ts";
import type { RecordBatchHeader } from "./header.ts";

/** As a read_committed fetch response lists it. */
export interface AbortedTransaction {
  readonly producerId: bigint;
  /** Of the transaction's first record; may lie before the fetched range. */
  readonly firstOffset: bigint;
}

export type Verdict = "keep" | "aborted" | "control";

/**
 * Which record batches of one fetch response a read_committed reader gets: the Java client's
 * algorithm (`CompletedFetch`), on whole batches, as a record batch belongs to one producer and one
 * transaction. The broker lists every aborted transaction that overlaps the fetched range, those
 * that began before it too; so each response needs a filter of its own, and all its batches in
 * order.
 */
export class AbortedFilter {
  readonly #aborted: readonly AbortedTransaction[];
  /** How many of the list have begun. */
  #begun = 0;
  readonly #active = new Set<bigint>();

  constructor(aborted: readonly AbortedTransaction[]) {
    this.#aborted = aborted.toSorted((a, b) => Number(a.firstOffset > b.firstOffset) * 2 - 1);
  }

  /** @throws ArchiverError `undecodable-record-batch` when a control batch cannot be read. */
  keep(header: RecordBatchHeader, bytes: Uint8Array): Verdict {
    this.#begin(header.lastOffset);
    if (header.control) {
      // Each abort marker ends one transaction of its producer: the next may be a committed one.
      const ends = this.#active.has(header.producerId) && controlTypeOf(bytes) === "abort";
      if (ends) this.#active.delete(header.producerId);
      return "control";
    }
    return header.transactional && this.#active.has(header.producerId) ? "aborted" : "keep";
  }

  #begin(lastOffset: bigint): void {
    for (;;) {
      const next = this.#aborted[this.#begun];
      if (next === undefined || next.firstOffset > lastOffset) return;
      this.#active.add(next.producerId);
      this.#begun += 1;
    }
  }
}
