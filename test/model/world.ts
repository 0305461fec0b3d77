import { apply, sending } from "../../src/pipeline/apply.ts";
import type { Effect } from "../../src/pipeline/effect.ts";
import type { Committed, Task } from "../../src/pipeline/state.ts";
import { wanted } from "../../src/pipeline/wanted.ts";
import { Interned } from "./intern.ts";

/**
 * The simulated world of one partition. Offsets are small numbers here and bigints in the table.
 *
 * A batch's bytes are one letter; its mark (content digest) is the lower-case letter, so `a` and
 * `A` are the same content sealed differently. Data in a sink is `<end><bytes>` under its start, ""
 * when there is none; a manifest is `<end><bytes>:<link>`, where a link is a number that stands for
 * the whole chain up to and including the batch.
 */
export type Fault =
  | "rebalance"
  | "crash"
  | "wipe"
  | "foreign"
  | "rewind"
  | "forward"
  | "lose"
  | "restore"
  | "upgrade"
  | "vanish"
  | "retention"
  | "drain"
  | "late-request"
  | "detach";

/** What a variant of the search allows. */
export interface Setting {
  readonly letter: string;
  readonly title: string;
  /** Log end offset when everything is produced; offsets 0 to `offsets` - 1. */
  readonly offsets: number;
  readonly sinks: number;
  readonly depth: number;
  /** Offsets that hold markers instead of records. */
  readonly control: readonly number[];
  /** Log end offset at the beginning. */
  readonly produced: number;
  readonly groups: 1 | 2;
  /** Which sinks each worker's configuration names, the primary first; null: all, both. */
  readonly knows: readonly (readonly number[])[] | null;
  /** The committed offset at the beginning. */
  readonly committed: number | null;
  /** How often each may happen. */
  readonly faults: Partial<Readonly<Record<Fault, number>>>;
  /** A commit is sent, arrives and is answered in steps of its own, and may be sent again. */
  readonly commits: "atomic" | "steps" | "late";
  /** A read of the committed offset and its arrival at the task are steps of their own. */
  readonly slowReads: boolean;
  /** A build tells its end before its bytes are ready. */
  readonly cuts: boolean;
  /** How many different bytes two cuts of one range can have (salts). */
  readonly salts: 1 | 2;
  /** What an upgraded process makes of the same records. */
  readonly upgraded: "content" | "bytes";
  /** The primary ignores create-only. */
  readonly weak: boolean;
  /** A sink is restored while its daemon idles, instead of while all are stopped. */
  readonly idleRestore: boolean;
  readonly heads: "newest" | "unbroken";
  /** Which sinks may be restored: the primary as well, or only the others. */
  readonly restored: "any" | "others";
  /** What retention may remove: only what the primary has whole, or anything. */
  readonly retains: "archived" | "anything";
  /** A commit says where the chain ends. */
  readonly chains: boolean;
  /** How long the search takes, compared to others. */
  readonly weight: number;
  /** Codes of alarms that have to be reachable; anything else is a violation. */
  readonly alarms: readonly string[];
}

/** What a commit's metadata says beside its plans: by sink, from where it may lack batches (rule 12). */
export type Marks = readonly (bigint | null)[];

export interface Flight {
  readonly value: Committed;
  readonly marks: Marks;
  readonly accepted: boolean;
}

/** A task under a captured lease. `stale`: a zombie, or one that has not heard of its renewal. */
export interface Worker {
  readonly task: Task;
  readonly lease: "current" | "stale";
  /** Begun after the upgrade. */
  readonly upgraded: boolean;
  /** By slot: the bytes at hand, "" when there are none. */
  readonly held: readonly string[];
  readonly flight: Flight | null;
  /** A read under way, as the coordinator answered it. `fresh`: the task still waits for it. */
  readonly read: Read | null;
  /** By sink: how far the copy into a detached sink has come. */
  readonly fills: readonly Fill[];
}

export interface Read {
  readonly committed: Committed;
  readonly marks: Marks;
  readonly fresh: boolean;
}

/**
 * The copy that runs beside a task for a detached sink. Null: it has not asked yet where the sink ends.
 * `at` null: the sink was empty. `put`: the data at `at` is copied, the manifest not yet.
 */
export type Fill = { readonly at: number | null; readonly put: boolean } | null;

/** The group's coordinator. `owner` 2: nobody. `pending`: accepted, not visible yet. */
export interface Group {
  readonly owner: 0 | 1 | 2;
  readonly committed: Committed;
  readonly marks: Marks;
  readonly pending: { readonly committed: Committed; readonly marks: Marks } | null;
}

export interface Sink {
  readonly data: readonly string[];
  readonly manifests: readonly string[];
}

export interface Log {
  readonly start: number;
  readonly end: number;
  /** Records vanished: what is made from now on differs. */
  readonly vanished: boolean;
}

/** A put that was sent, was given up by its sender and arrives some day. */
export interface LateRequest {
  readonly sink: number;
  readonly start: number;
  readonly what: "data" | "manifest";
  readonly value: string;
}

export interface Misc {
  readonly left: Readonly<Record<Fault, number>>;
  readonly upgraded: boolean;
  /** By sink: restored (or skipped over by a forwarded offset) and not complete again yet. */
  readonly excused: readonly boolean[];
  readonly late: LateRequest | null;
}

/** The pure functions under test; mutations wrap them. */
export interface Table {
  wanted(t: Task): readonly Effect[];
  apply: typeof apply;
  sending: typeof sending;
}

export const TABLE: Table = { wanted, apply, sending };

/** Rules of the world that a mutation may break. */
export interface Broken {
  /** The coordinator takes a commit under an old lease. */
  readonly acceptStale: boolean;
  /** A sink that is away is taken as empty. */
  readonly awayIsEmpty: boolean;
  /** "Exists" counts as success in every sink. */
  readonly existsIsSuccess: boolean;
  /** A planned batch is cut anywhere. */
  readonly anyEnd: boolean;
  /** A cut may cross the committed offset. */
  readonly noLimit: boolean;
  /** A manifest's predecessor is looked up in the sink it is written to. */
  readonly ownChain: boolean;
  /** A commit does not say which sinks it went on without. */
  readonly noMarks: boolean;
  /** A detached sink is filled from the primary's newest batch on. */
  readonly fillNewest: boolean;
}

export const HONEST: Broken = {
  acceptStale: false,
  awayIsEmpty: false,
  existsIsSuccess: false,
  anyEnd: false,
  noLimit: false,
  ownChain: false,
  noMarks: false,
  fillNewest: false,
};

export const markOf = (bytes: string): string => bytes.toLowerCase();
export const endOf = (value: string): number => Number(value[0]);
export const bytesOf = (value: string): string => value[1] ?? "";

export const onlyControl = (s: Setting, from: number, to: number): boolean => {
  for (let i = from; i < to; i += 1) if (!s.control.includes(i)) return false;
  return true;
};

/** Chain links by what they cover; two are equal exactly when the whole chains are. */
export class Chain {
  readonly #links = new Interned<string>((text) => text);

  constructor() {
    this.#links.id("genesis");
  }

  next(previous: number, start: number, end: number, mark: string): number {
    return this.#links.id(`${previous},${start},${end},${mark}`);
  }

  /** The link a link names as its predecessor. */
  previous(link: number): number {
    return Number(this.#links.at(link).split(",")[0]);
  }
}

export const linkOf = (manifest: string): number => Number(manifest.slice(3));
