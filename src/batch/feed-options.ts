import type { Budget } from "../core/budget.ts";
import type { Skip } from "../core/description.ts";
import type { Scope } from "../core/scope.ts";
import type { AbortedTransaction } from "../record-batch/aborted.ts";
import type { BlockPool } from "./block-buffer.ts";
import type { BatchPolicy } from "./policy.ts";
import type { Turns } from "./turns.ts";

/** What a fetch brought for this partition. */
export interface Fetched {
  /** The offset that was asked for. */
  readonly offset: bigint;
  readonly records: Uint8Array;
  readonly aborted: readonly AbortedTransaction[];
  /** End of what read_committed may see. */
  readonly lastStableOffset: bigint;
}

/** The record batch that ends at `offset` was read in that leader epoch. */
export interface LastRead {
  readonly offset: bigint;
  readonly epoch: number;
}

export interface FeedOptions {
  readonly scope: Scope;
  readonly policy: BatchPolicy;
  readonly budget: Budget;
  readonly turns: Turns;
  readonly pool: BlockPool;
  readonly now: () => number;
  /** Up to where an operator gives up what cannot be had. */
  readonly skip: () => Skip | null;
  readonly onGivenUp: (from: bigint, to: bigint, text: string) => void;
  /** Bytes of one fetch of this partition at most. */
  readonly maxFetchBytes: number;
  /** How many batches of this partition hold memory. */
  readonly inFlight: () => number;
  /** Kafka holds only offsets without records from the batch's start up to here. */
  readonly onTail: (offset: bigint) => void;
  /** There may be something new to fetch. */
  readonly onWant: () => void;
}
