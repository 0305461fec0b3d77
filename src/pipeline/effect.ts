import type { Committed, Head, Look, PlanMark, Stop } from "./state.ts";

/** `again`: what was committed last, because the group has something else. */
export type CommitReason = "start" | "plan" | "offset" | "tail" | "again";

/** What a state wants done. Each is one request, or can be repeated without harm. */
export type Effect =
  | { readonly do: "read-committed"; readonly round: number }
  /** `recalled`: the primary lacks what was committed, and nobody is passed over. */
  | { readonly do: "head"; readonly sink: number; readonly recalled: boolean }
  /**
   * Nothing is archived anywhere: where does the first batch begin? At the committed offset, or where
   * `start:` says when there is none; inside a record batch: at its base offset.
   */
  | { readonly do: "resolve-start"; readonly committed: bigint | null }
  | { readonly do: "look"; readonly sink: number; readonly at: bigint }
  /** What was committed is in no sink that is asked: which of those that are away may be asked? */
  | { readonly do: "recall" }
  /**
   * Assemble and seal from `start`. `exact`: what the plan says. `limit`: below it lie records that
   * were committed once, so a cut that begins below it and finds records there must end at or below it.
   * `barren`: up to here this task has read markers only, which Kafka may drop by now.
   */
  | {
      readonly do: "build";
      readonly slot: number;
      readonly start: bigint;
      readonly exact: PlanMark | null;
      readonly limit: bigint | null;
      readonly barren: bigint | null;
    }
  /** Read the batch's bytes and description from a sink and judge them (rule 3: valid or not). */
  | { readonly do: "take"; readonly slot: number; readonly sink: number; readonly start: bigint }
  | {
      readonly do: "commit";
      readonly value: Committed;
      readonly why: CommitReason;
    }
  | { readonly do: "publish"; readonly slot: number; readonly sink: number }
  | { readonly do: "describe"; readonly slot: number; readonly sink: number };

export type Result =
  | {
      readonly of: "read-committed";
      readonly round: number;
      readonly committed: Committed;
      /** Sinks that the group went on without, as the commit says; null and absent: none. */
      readonly behind?: readonly (bigint | null)[];
      /** End of the newest batch that the commit knows of; null and absent: it does not say. */
      readonly archivedTo?: bigint | null;
    }
  | { readonly of: "head"; readonly sink: number; readonly head: Head }
  | { readonly of: "resolve-start"; readonly offset: bigint }
  | { readonly of: "look"; readonly sink: number; readonly at: bigint; readonly look: Look }
  /** Those that no operator holds away: they are waited for. */
  | { readonly of: "recalled"; readonly sinks: readonly number[] }
  /** The batch's end is known, sealing goes on: the next one can be filled meanwhile. */
  | { readonly of: "cut"; readonly slot: number; readonly end: bigint }
  /** `end` and `mark` of what was made; it may differ from the plan when Kafka no longer has all of it. */
  | { readonly of: "build"; readonly slot: number; readonly end: bigint; readonly mark: string }
  /** Kafka no longer has the range. */
  | { readonly of: "gone"; readonly slot: number; readonly text: string }
  | { readonly of: "take"; readonly slot: number; readonly end: bigint; readonly mark: string }
  | { readonly of: "commit"; readonly value: Committed }
  /** The lease the commit was sent under is no longer current. */
  | { readonly of: "fenced" }
  /** Data is in the sink: created now, or there and equal by evidence. */
  | { readonly of: "published"; readonly slot: number; readonly sink: number }
  /** The primary holds another batch under this start. */
  | {
      readonly of: "differs";
      readonly slot: number;
      readonly sink: number;
      readonly end: bigint;
      readonly mark: string;
    }
  | { readonly of: "described"; readonly slot: number; readonly sink: number }
  /** A conflict or something invalid: the partition stops. */
  | ({ readonly of: "alarm" } & Stop);

/** What happens to a task from outside. */
export type Event =
  | Result
  /** The group has a new generation; this member kept the partition. */
  | { readonly of: "renew" }
  /** The partition was taken away, or the membership is lost. */
  | { readonly of: "revoked" }
  /** While idle: Kafka holds nothing but markers and aborted records up to here. */
  | { readonly of: "tail"; readonly offset: bigint }
  /** A sink no longer has the last batch: start over (rule 7). */
  | { readonly of: "lost-batch" }
  /** The group has another offset or other plans than this task committed last under this lease. */
  | { readonly of: "set-back" }
  /** The sink was away for so long that the others go on without it (rule 12); `held`: an operator says so. */
  | { readonly of: "detach"; readonly sink: number; readonly held?: boolean }
  /** It is back, and filled up to here: the end of its unbroken run. */
  | { readonly of: "attach"; readonly sink: number; readonly head: bigint }
  | { readonly of: "drain" };

/** Two effects with one key are the same request: it is not started twice. */
export const effectKey = (e: Effect): string => {
  switch (e.do) {
    case "read-committed":
      return `read-committed ${e.round}`;
    case "resolve-start":
    case "commit":
    case "recall":
      return e.do;
    case "head":
      return `head ${e.sink}`;
    case "look":
      return `look ${e.sink} ${e.at}`;
    case "build":
      return `build ${e.slot}`;
    case "take":
      return `take ${e.slot}`;
    case "publish":
    case "describe":
      return `${e.do} ${e.slot} ${e.sink}`;
  }
};
