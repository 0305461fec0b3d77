import type { Group, Misc, Setting, Sink } from "./world.ts";
import { type Chain, endOf, linkOf, onlyControl } from "./world.ts";

export type Invariant =
  /** Two batches in one sink overlap. */
  | "NoDup"
  /** A sink lacks a record below a committed offset that does not say so. */
  | "NoLoss"
  /** Two sinks hold different bytes or manifests for one start. */
  | "SameBatches"
  /** A sink holds what the primary does not. */
  | "PrimaryFirst"
  /** A sink holds a batch without its predecessor. */
  | "Gap"
  /** A manifest names another predecessor than the one that is there. */
  | "Chain"
  /** A manifest without its data, or that says something else than the data. */
  | "Naive"
  /** Data was created in the primary without its plan being committed. */
  | "PlanFirst"
  /** A commit moved the offset back. */
  | "Monotone"
  /** A partition stopped where no fault asks for an operator. */
  | "NoAlarm"
  /** From some state neither completeness nor an alarm can be reached. */
  | "Progress";

export interface Violation {
  readonly invariant: Invariant;
  readonly text: string;
}

const showSink = (s: Sink): string => {
  const list = (of: readonly string[]): string =>
    of.map((v, a) => (v === "" ? "" : `[${a},${endOf(v)})${v.slice(1)}`)).join("") || "nothing";
  return `data ${list(s.data)}, manifests ${list(s.manifests)}`;
};

/** Every offset below `to` is in a whole batch, or nothing but control markers is left. */
export function complete(setting: Setting, sink: Sink, to: number): boolean {
  let at = 0;
  while (at < to) {
    const data = sink.data[at] ?? "";
    if (data !== "" && (sink.manifests[at] ?? "").slice(0, 2) === data) at = endOf(data);
    else return onlyControl(setting, at, to);
  }
  return true;
}

/** Of one sink alone. `excused`: it was restored while a daemon wrote. */
function alone(setting: Setting, chain: Chain, sink: Sink, excused: boolean): Violation | null {
  const fail = (invariant: Invariant, text: string): Violation => ({
    invariant,
    text: `${text}: ${showSink(sink)}`,
  });
  let end = 0;
  for (let a = 0; a < setting.offsets; a += 1) {
    const data = sink.data[a] ?? "";
    const manifest = sink.manifests[a] ?? "";
    if (data !== "") {
      if (a < end) return fail("NoDup", `the batch at ${a} begins inside another`);
      if (a !== end && !excused) return fail("Gap", `no batch ends where the one at ${a} begins`);
      end = endOf(data);
    }
    if (manifest === "") continue;
    if (data === "") return fail("Naive", `the manifest at ${a} has no data`);
    if (manifest.slice(0, 2) !== data)
      return fail("Naive", `the manifest at ${a} says something else`);
    const before = sink.manifests.slice(0, a).findIndex((v) => v !== "" && endOf(v) === a);
    if (before < 0 && a > 0 && !excused)
      return fail("Chain", `no manifest ends where the one at ${a} begins`);
    const named = chain.previous(linkOf(manifest));
    const there = before < 0 ? 0 : linkOf(sink.manifests[before] ?? "");
    if (!(excused && before < 0) && named !== there) {
      return fail("Chain", `the manifest at ${a} names another predecessor`);
    }
  }
  return null;
}

/** Of the sinks together. */
export function ofSinks(
  setting: Setting,
  chain: Chain,
  sinks: readonly Sink[],
  excused: readonly boolean[],
): Violation | null {
  for (const [i, sink] of sinks.entries()) {
    const broken = alone(setting, chain, sink, setting.idleRestore && excused[i] === true);
    if (broken !== null) return { ...broken, text: `sink${i}, ${broken.text}` };
  }
  const [primary, ...others] = sinks;
  if (primary === undefined) return null;
  for (const [i, sink] of others.entries()) {
    for (let a = 0; a < setting.offsets; a += 1) {
      const pairs = [
        [primary.data[a] ?? "", sink.data[a] ?? ""],
        [primary.manifests[a] ?? "", sink.manifests[a] ?? ""],
      ] as const;
      for (const [mine, theirs] of pairs) {
        const text = `at ${a}: sink0 ${showSink(primary)}; sink${i + 1} ${showSink(sink)}`;
        if (mine !== "" && theirs !== "" && mine !== theirs)
          return { invariant: "SameBatches", text };
        if (mine === "" && theirs !== "" && excused[0] !== true)
          return { invariant: "PrimaryFirst", text };
      }
    }
  }
  return null;
}

export function noLoss(
  setting: Setting,
  sinks: readonly Sink[],
  groups: readonly Group[],
  misc: Misc,
): Violation | null {
  for (const group of groups) {
    const c = Number(group.committed.offset ?? 0n);
    for (const [i, sink] of sinks.entries()) {
      // Of a sink that it went on without, a commit says from where; never of the primary.
      const mark = i === 0 ? null : (group.marks[i] ?? null);
      const due = mark === null ? c : Math.min(c, Number(mark));
      if (misc.excused[i] === true || complete(setting, sink, due)) continue;
      return {
        invariant: "NoLoss",
        text: `committed ${c}, sink${i} is due to ${due} and has ${showSink(sink)}`,
      };
    }
  }
  return null;
}

/** Everything is archived everywhere, equal, and committed. */
export function isDone(
  setting: Setting,
  sinks: readonly Sink[],
  groups: readonly Group[],
  misc: Misc,
): boolean {
  const [primary] = sinks;
  if (primary === undefined || misc.late !== null) return false;
  // A commit that becomes visible late may hide a newer one: it says less than is true.
  const committed = groups.every((g) => g.committed.offset === BigInt(setting.offsets));
  if (!committed && setting.commits !== "late") return false;
  return sinks.every((sink, i) => {
    if (setting.knows !== null && misc.excused[i] === true) return true;
    const equal =
      sink.data.join() === primary.data.join() &&
      sink.manifests.join() === primary.manifests.join();
    return equal && complete(setting, sink, setting.offsets);
  });
}
