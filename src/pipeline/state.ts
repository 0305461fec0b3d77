/**
 * What one partition task knows (design §3). Pure data: `wanted` says which effects should be under
 * way in a state, `apply` says what a result does to it. The runtime (task.ts) performs the effects;
 * the state search in test/model performs the same ones on a simulated world.
 *
 * Sinks are numbered in the order of the configuration after the primary, which is 0.
 */
export type Phase =
  /** Reads the committed offset and plans, and the head of every sink. */
  | "locating"
  /** Looks at one position in every sink, finishes what it finds there, looks again. */
  | "walking"
  /** Nothing is ahead in any sink: builds, plans, delivers and commits, several batches at a time. */
  | "running"
  /** An alarm: only an operator or a new assignment goes on. */
  | "stopped"
  /** The lease is over: nothing is sent any more. */
  | "ended";

/** What of a batch a sink has, as this task has confirmed. */
export type Step = "none" | "data" | "whole";

/** Who said what the batch is. */
export type Origin = "cut" | "plan" | "sink";

export interface Slot {
  /** Unique in the task; a result for a slot that is gone is ignored. */
  readonly id: number;
  readonly start: bigint;
  /** Exclusive; null until built, unless a plan or a sink says it. */
  readonly end: bigint | null;
  readonly origin: Origin;
  /** Which sink holds the bytes, when the origin is a sink. */
  readonly source: number | null;
  /** Content digest or tag: what the plan or the built batch holds. */
  readonly mark: string | null;
  /** The sealed bytes are at hand. */
  readonly ready: boolean;
  /** Its plan is committed under this lease (or was, under an earlier one). */
  readonly planned: boolean;
  /** Wholly below the committed offset: delivered without any commit (rule 7). */
  readonly mend: boolean;
  /** By sink. */
  readonly steps: readonly Step[];
}

/** A committed plan, as much of it as the protocol needs. */
export interface PlanMark {
  readonly start: bigint;
  readonly end: bigint;
  readonly mark: string;
}

export interface Committed {
  /** Null when the group has no offset for the partition. */
  readonly offset: bigint | null;
  /** Consecutive; empty when the metadata held none or was not ours. */
  readonly plans: readonly PlanMark[];
}

/** The unbroken run of whole batches in a sink: from `first` to `head` (exclusive). */
export type Head = { readonly first: bigint; readonly head: bigint } | "empty";

/** What covers or begins at a position in a sink. */
export type Look =
  | {
      readonly start: bigint;
      readonly end: bigint;
      readonly mark: string;
      readonly step: "data" | "whole";
      /** The manifest's link when whole: equal links are equal batches. */
      readonly link: string | null;
    }
  | "nothing";

export interface Stop {
  readonly code: string;
  readonly text: string;
  /** Name of the sink whose content contradicts the archive, where it is one's. */
  readonly sink?: string;
}

export interface Task {
  readonly phase: Phase;
  readonly sinkCount: number;
  /**
   * By sink: the offset from which batches are missing in a sink that was detached (rule 12), else null.
   * Such a sink is neither asked nor waited for; beside the task it is filled from the primary, which
   * itself is never detached.
   */
  readonly behind: readonly (bigint | null)[];
  /**
   * The primary lacks what was committed: the sinks that were away have been asked for again, and nobody goes
   * on without them but for an operator's word, until everything committed is there.
   */
  readonly recalled: boolean;
  /** Plans in flight at most, 1 to 4. */
  readonly depth: number;
  /** As last read or acknowledged under this lease. */
  readonly committed: Committed | null;
  /** The committed offset found when locating: below it nothing is committed. */
  readonly limit: bigint;
  /**
   * Where everything archived ended when the group committed: between here and the committed offset lies
   * nothing but markers. Null where the commit does not say.
   */
  readonly archivedTo: bigint | null;
  /** Where the next slot begins when there is none. */
  readonly position: bigint;
  readonly heads: readonly (Head | null)[];
  readonly looks: readonly (Look | null)[];
  readonly slots: readonly Slot[];
  /** Kafka holds only offsets without records in here, seen by the open slot when idle. */
  readonly tail: { readonly from: bigint; readonly to: bigint } | null;
  /**
   * `fenced`: a commit was refused, the group will say whether the partition was kept; `reading`: it was,
   * and nothing is committed until the offset was read again under the new lease (rule 8).
   */
  readonly renewing: "no" | "fenced" | "reading";
  /** Counts reads of the committed offset, so that an answer from before a renewal is not taken. */
  readonly round: number;
  /** Kafka no longer has the planned range; the sinks are asked before this becomes a stop. */
  readonly gone: string | null;
  /**
   * What the group has is not what was committed last: it still marks a sink that counts again, or a request
   * that came long after it was given up went over it. To be committed once more as it is.
   */
  readonly outdated: boolean;
  /** The commit under way, as sent: its outcome is unknown until it is answered. */
  readonly sent: Committed | null;
  /**
   * Some sink holds a batch of this branch. Until then a tail of markers is not committed: the
   * committed offset is all that says where the first batch begins.
   */
  readonly archived: boolean;
  /** No new batch is begun (drain): what is ready is delivered and committed. */
  readonly draining: boolean;
  readonly nextId: number;
  readonly stop: Stop | null;
}

export const begin = (sinkCount: number, depth: number): Task => ({
  phase: "locating",
  sinkCount,
  behind: Array<bigint | null>(sinkCount).fill(null),
  recalled: false,
  depth,
  committed: null,
  limit: 0n,
  archivedTo: null,
  position: 0n,
  heads: Array<Head | null>(sinkCount).fill(null),
  looks: Array<Look | null>(sinkCount).fill(null),
  slots: [],
  tail: null,
  renewing: "no",
  round: 0,
  gone: null,
  outdated: false,
  sent: null,
  archived: false,
  draining: false,
  nextId: 1,
  stop: null,
});

/** Where the next slot begins. Null while the last slot's end is not known. */
export const frontier = (t: Task): bigint | null => {
  const last = t.slots.at(-1);
  return last === undefined ? t.position : last.end;
};

/** The sink is waited for. */
export const isAttached = (t: Task, sink: number): boolean => t.behind[sink] === null;

/**
 * The group's commit says that a batch beyond the position was archived, and no sink that is asked has it: one
 * that is away may be the only one that does.
 */
export const lacksCommitted = (t: Task): boolean => {
  if (t.recalled || t.archivedTo === null || t.behind.every((b) => b === null)) return false;
  const attached = (_: unknown, sink: number): boolean => isAttached(t, sink);
  if (t.phase === "locating")
    return t.archivedTo > 0n && t.heads.filter(attached).every((h) => h === "empty");
  const unseen = t.looks.filter(attached).every((l) => l === "nothing");
  return t.phase === "walking" && t.slots.length === 0 && unseen && t.position < t.archivedTo;
};

export const isConfirmed = (t: Task, s: Slot): boolean =>
  s.steps.every((x, sink) => x === "whole" || !isAttached(t, sink));
