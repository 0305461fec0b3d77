import type { Cut } from "../core/cut.ts";
import type { Description, Manifest } from "../core/description.ts";
import type { ArchiverError } from "../core/errors.ts";
import type { Plan } from "../core/plan.ts";
import type { Clock, Random } from "../core/ports.ts";
import type { ArchivedRecord } from "../core/record.ts";
import type { Scope } from "../core/scope.ts";
import type { Signer } from "../core/signature.ts";
import type { Budget } from "../core/budget.ts";
import type { BuildRequest } from "../batch/build-job.ts";
import type { Lease } from "../kafka/lease.ts";
import type { SealRecipe } from "../seal/recipe.ts";
import type { SealedBatch, Sink } from "../sdk/sink.ts";
import type { CommitReason } from "./effect.ts";
import type { HitFailpoint } from "./failpoint.ts";

/** A sink as the pipeline sees it: named, retried and limited by decorators. Index 0 is the primary. */
export interface NamedSink {
  readonly name: string;
  readonly sink: Sink;
  /** The others may go on without it (rule 12). Never the primary. */
  readonly mayBeAway: boolean;
  /** Where it lacks what was archived before, the others go on while it is filled. Never the primary. */
  readonly fillsBeside?: boolean;
  readonly claim: Claim;
}

/** Whether a sink was found to belong to this archive: nothing is written to it before. */
export interface Claim {
  readonly done: boolean;
  /** Why it does not belong to it, or null. */
  readonly outcome: Promise<ArchiverError | null>;
}

/** The committed offset of one partition, through the group's coordinator. */
export interface OffsetStore {
  read(topic: string, partition: number, signal: AbortSignal): Promise<StoredOffset>;
  /** Under exactly this lease; rejects with `fenced` when it is no longer current. */
  commit(lease: Lease, entry: OffsetEntry, signal: AbortSignal): Promise<void>;
}

export interface StoredOffset {
  readonly offset: bigint | null;
  readonly metadata: string;
}

export interface OffsetEntry {
  readonly topic: string;
  readonly partition: number;
  readonly offset: bigint;
  readonly metadata: string;
}

export interface Sealer {
  seal(cut: Cut, recipe: SealRecipe, signal: AbortSignal): Promise<SealedBatch>;
  /** The batch was committed: its memory may be used again. */
  recycle(bytes: Uint8Array): void;
}

/** What the partition's log in Kafka says. */
export interface LogPort {
  /** The base offset of the record batch that holds `offset`; `offset` itself when it is at the end. */
  align(offset: bigint, signal: AbortSignal): Promise<bigint>;
  /** What `start: earliest | latest` means now. */
  startOffset(signal: AbortSignal): Promise<bigint>;
  /** Whether the topic still has the id of the scope: it may have been deleted and made again. */
  isStill(signal: AbortSignal): Promise<boolean>;
  /** Whether it ends before `end` now, up to which it was read in that leader epoch. */
  isCutShort(end: bigint, epoch: number, signal: AbortSignal): Promise<boolean>;
}

/** Judges what lies in a sink: digests and, where a seed is configured, MACs and keyed checks. */
export interface Judge {
  /** Why the batch is not valid, or null. `plan`: what was committed for this start, if anything. */
  objection(batch: SealedBatch, plan: Plan | null, signal: AbortSignal): Promise<string | null>;
  /** Why the offsets of a batch, as they were read from Kafka, are not what it holds, or null. */
  otherContent(d: Description, cut: Cut, signal: AbortSignal): Promise<string | null>;
  /** For a manifest's MAC: of the seed that its batch was sealed with; null without a seed. */
  macKeyOf(d: Description): Uint8Array | null;
  /** Whether the batch is so old that its data may be gone (`retention`). */
  expired(manifest: Manifest): boolean;
  /** Null: manifests are not signed. */
  readonly signer: Signer | null;
}

/** For sinks that take records. */
export interface RecordPort {
  /** Of a batch that lies in a sink: from its file where that is in the clear, else from Kafka. */
  ofStored(batch: SealedBatch, signal: AbortSignal): AsyncIterable<readonly ArchivedRecord[]>;
}

export interface TaskPorts {
  readonly scope: Scope;
  readonly archiveId: string;
  readonly clusterId: string;
  readonly sinks: readonly NamedSink[];
  readonly offsets: OffsetStore;
  readonly sealer: Sealer;
  readonly log: LogPort;
  readonly judge: Judge;
  readonly budget: Budget;
  readonly clock: Clock;
  readonly random: Random;
  readonly failpoint: HitFailpoint;
  readonly depth: number;
  /** Null when no configured sink takes records. */
  readonly records: RecordPort | null;
  build(request: BuildRequest, signal: AbortSignal): Promise<Cut>;
  /**
   * The same offsets once more from Kafka, sealed as the description says: for batches that only
   * sinks without files hold. Rejects with `offset-out-of-range` when Kafka no longer has them.
   */
  remake(description: Description, plan: Plan | null, signal: AbortSignal): Promise<SealedBatch>;
  /** The file of a batch that only a sink of records has, from its records; null: they do not make it. */
  fileOfRecords(
    description: Description,
    records: AsyncIterable<readonly ArchivedRecord[]>,
    signal: AbortSignal,
  ): Promise<SealedBatch | null>;
  /** The recipe the configuration asks for, with a fresh salt; or what a plan says. */
  recipe(plan: Plan | null, revision: number): SealRecipe;
  /** An operator said so: the sink is neither waited for nor filled. */
  readonly heldAway: (sink: number) => boolean;
  /** Runs a copy into a sink when it is its turn: one at a time for each sink of the process. */
  copyTurn<T>(sink: number, copy: () => Promise<T>): Promise<T>;
  emit(event: TaskEvent): void;
}

/** What a task tells the outside; metrics, logs and the status page derive from it. */
export type TaskEvent =
  | {
      readonly what: "sealed";
      readonly batch: Description;
      readonly ms: number;
      readonly rawBytes: number;
      readonly reason: Cut["reason"];
    }
  | { readonly what: "confirmed"; readonly batch: Description; readonly ms: number }
  | {
      readonly what: "committed";
      readonly offset: bigint;
      readonly why: CommitReason;
    }
  | { readonly what: "adopted"; readonly start: bigint; readonly end: bigint }
  | { readonly what: "revised"; readonly start: bigint; readonly revision: number }
  | { readonly what: "metadata-ignored"; readonly reason: string }
  | { readonly what: "retry"; readonly effect: string; readonly error: string }
  | { readonly what: "stopped"; readonly code: string; readonly text: string }
  /** The others go on without the sink, which may lack batches from the offset on. */
  | { readonly what: "detached"; readonly sink: string; readonly offset: bigint }
  | {
      readonly what: "caught-up";
      readonly sink: string;
      readonly branch: number;
      readonly start: bigint;
      readonly end: bigint;
    }
  | { readonly what: "attached"; readonly sink: string }
  /** The primary lacks what was committed from about the offset on: the sink is waited for again. */
  | { readonly what: "recalled"; readonly sink: string; readonly offset: bigint }
  /** Every sink has the chain up to here; again now and then while nothing comes. */
  | { readonly what: "head"; readonly end: bigint; readonly link: string }
  | { readonly what: "ended" };
