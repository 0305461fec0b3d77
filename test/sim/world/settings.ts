import type { CrashPlan } from "../core/process.ts";
import type { StoreStyle } from "../stores/store.ts";

/** How the daemons of a run are configured; an upgrade changes it. */
export interface DaemonSettings {
  readonly format: "segment" | "ndjson";
  readonly codec: "none" | "gzip" | "zstd";
  readonly level: number;
  readonly encrypted: boolean;
}

export interface SinkSettings extends StoreStyle {
  /** Null: it is waited for (rule 12). */
  readonly detachMs: number | null;
  readonly concurrency: number;
  readonly bytesPerSecond: number | null;
}

/** A command of an operator, who runs it again until it has done its work. */
export interface Operation {
  readonly what: "rewrap" | "prune" | "reconcile" | "replay";
  /** To whom it is rewrapped: of the keys there are. */
  readonly to: readonly number[];
  /** Of `reconcile`: from which sink to which. */
  readonly between?: readonly [source: number, target: number];
  /** Where its runs die, one after the other; those after them do not. */
  readonly crashes: readonly CrashPlan[];
}

/** What is wrong with a store for everybody. */
export type Trouble = "refuses-user" | "forgets" | "throttled" | "garbles" | "misreads";

/** Something that happens at a time, milliseconds from the beginning. */
export type Happening = { readonly at: number } & (
  | { readonly do: "produce"; readonly p: number; readonly n: number; readonly gzip: boolean }
  | {
      readonly do: "transaction";
      readonly p: number;
      readonly n: number;
      readonly producer: number;
    }
  | { readonly do: "finish"; readonly producer: number; readonly aborted: boolean }
  | {
      readonly do: "crash";
      readonly daemon: number;
      readonly port: string;
      readonly nth: number;
      readonly side: "before" | "after";
    }
  | { readonly do: "freeze"; readonly daemon: number; readonly ms: number }
  | { readonly do: "stop"; readonly daemon: number; readonly ms: number }
  | {
      readonly do: "weather";
      /** Null: all of them. */
      readonly daemon: number | null;
      readonly target: string;
      readonly ms: number;
      readonly what: "cut" | "lost-requests" | "lost-answers" | "late" | "slow";
    }
  /** One call arrives late; for cases that have a name. */
  | {
      readonly do: "delay";
      readonly daemon: number;
      readonly port: string;
      readonly ms: number;
    }
  | { readonly do: "outage"; readonly sink: number; readonly ms: number }
  | {
      readonly do: "trouble";
      readonly sink: number;
      readonly ms: number;
      readonly what: Trouble;
    }
  /** `whole`: with what commands changed in the batches that it keeps; else those are as they are. */
  | {
      readonly do: "restore";
      readonly sink: number;
      readonly back: number;
      readonly whole?: boolean;
    }
  /** In batches that are committed and lie between others; null: in every sink. */
  | {
      readonly do: "damage";
      readonly sink: number | null;
      readonly what: "lose" | "lose-data" | "lose-manifest" | "flip" | "swap-manifest";
      /** Of those batches. */
      readonly share: number;
    }
  /** A rule of the store removes data by its age, and no manifest; for cases that have a name. */
  | { readonly do: "expire"; readonly sink: number }
  /** Somebody removes everything that it has of the topic, while no daemon runs. */
  | { readonly do: "empty"; readonly sink: number }
  /** What the restored sink lacks is put back from a copy, while no daemon runs. */
  | { readonly do: "put-back"; readonly sink: number }
  /** Everything in it is gone, under running daemons: no fault that anything promises to survive. */
  | { readonly do: "destroy"; readonly sink: number }
  | { readonly do: "move-coordinator"; readonly loadMs: number }
  | { readonly do: "elect"; readonly p: number }
  | { readonly do: "truncate"; readonly p: number; readonly back: number }
  | { readonly do: "compact"; readonly p: number; readonly share: number }
  | { readonly do: "retain"; readonly p: number }
  | { readonly do: "recreate-topic" }
  | { readonly do: "more-partitions" }
  | {
      readonly do: "commits";
      readonly p: number;
      readonly what: "wipe" | "foreign" | "rewind" | "lose";
    }
  | { readonly do: "upgrade"; readonly to: DaemonSettings }
  | ({ readonly do: "operate" } & Operation)
  | { readonly do: "clock"; readonly daemon: number; readonly ms: number }
);

/** A run, whole: what it begins with and what happens. Everything else follows from the seed. */
export interface Scenario {
  readonly seed: number;
  readonly partitions: number;
  readonly daemons: number;
  readonly staticIds: boolean;
  /** Of the last daemon: another group, which archives into the same sinks. */
  readonly secondGroup: boolean;
  readonly sinks: readonly SinkSettings[];
  readonly settings: DaemonSettings;
  /** Older data may be gone; null: never. */
  readonly retentionMs: number | null;
  readonly batchBytes: number;
  readonly ageMs: number;
  readonly memoryMiB: number;
  readonly happenings: readonly Happening[];
  /** Codes of stops that have to be possible here; for cases that have a name. */
  readonly stops?: readonly string[];
  /** Faults are over by then. */
  readonly quietAt: number;
}

/** It passes, and nothing of it may last: what stopped is started again. */
export const isMisreadOfRecords = ({ sinks }: Scenario, h: Happening): boolean =>
  h.do === "trouble" && h.what === "misreads" && sinks[h.sink]?.form !== "files";

export const TOPIC = "logs";
