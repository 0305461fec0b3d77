import type { Effect, Event } from "../../src/pipeline/effect.ts";
import type { Slot, Step, Task } from "../../src/pipeline/state.ts";
import type { Invariant } from "./invariants.ts";
import { variant } from "./variants.ts";
import { type Broken, HONEST, type Setting, type Table, TABLE } from "./world.ts";

/**
 * Each rule switched off, by wrapping the table's pure functions or the world around them: the
 * product carries no switches. The search has to fail, with the invariant named.
 */
export interface Mutation {
  readonly letter: string;
  readonly title: string;
  /** The rule of the design that is off. */
  readonly rule: string;
  readonly caughtBy: Invariant;
  readonly setting: Setting;
  readonly table: Table;
  readonly broken: Broken;
}

type Change = Partial<Table> | { readonly world: Partial<Broken> };

function mutation(
  letter: string,
  rule: string,
  title: string,
  caughtBy: Invariant,
  setting: Partial<Setting>,
  change: Change,
): Mutation {
  const world = "world" in change ? change.world : {};
  const table = "world" in change ? TABLE : { ...TABLE, ...change };
  const broken = { ...HONEST, ...world };
  return { letter, title, rule, caughtBy, setting: variant(letter, title, setting), table, broken };
}

/** What the table would want if its slots were other than they are, deliveries only, and besides. */
const also = (see: (t: Task) => Task | readonly Task[]) => (t: Task): readonly Effect[] => {
  const effects = [...TABLE.wanted(t)];
  const seen = see(t);
  for (const other of Array.isArray(seen) ? (seen as readonly Task[]) : [seen as Task]) {
    for (const e of TABLE.wanted(other)) {
      if (e.do !== "publish" && e.do !== "describe") continue;
      const done = t.slots.find((s) => s.id === e.slot)?.steps[e.sink];
      const known = effects.some((x) => x.do === e.do && x.slot === e.slot && x.sink === e.sink);
      if (!known && done === (e.do === "publish" ? "none" : "data")) effects.push(e);
    }
  }
  return effects;
};

const slots = (t: Task, f: (s: Slot, j: number) => Slot): Task => ({ ...t, slots: t.slots.map(f) });

/** Another event in place of one. */
const instead = (f: (e: Event, t: Task) => Event) => (t: Task, e: Event): Task => TABLE.apply(t, f(e, t));

const WHOLE: Step = "whole";
const REBALANCE = { faults: { rebalance: 1, crash: 1 } };
const RETAINED: Partial<Setting> = { retains: "archived", faults: { crash: 1, rebalance: 1, retention: 1 } };
const WIPE = { faults: { rebalance: 1, wipe: 1 } };
const TWO = { offsets: 3, depth: 2, cuts: true };

export const MUTATIONS: readonly Mutation[] = [
  mutation("A", "1", "delivered before the plan is committed", "PlanFirst", REBALANCE, {
    wanted: also((t) => slots(t, (s) => ({ ...s, planned: s.planned || s.ready }))),
  }),
  mutation("B", "9", "a planned batch built otherwise counts as planned", "PlanFirst", { faults: { rebalance: 1, crash: 1, upgrade: 1 } }, {
    apply: (t, e) => {
      const slot = e.of === "build" ? t.slots.find((s) => s.id === e.slot) : undefined;
      const next = TABLE.apply(t, e);
      return slot?.planned !== true ? next : slots(next, (s) => (s.id === slot.id ? { ...s, planned: true } : s));
    },
  }),
  mutation("C", "3", "the other sinks do not wait for the primary", "PrimaryFirst", REBALANCE, {
    wanted: also((t) => slots(t, (s) => ({ ...s, steps: s.steps.map((x, i) => (i === 0 ? WHOLE : x)) }))),
  }),
  mutation("D", "3", "the primary's other batch is ignored", "Progress", WIPE, {
    apply: (t, e) => (e.of === "differs" ? t : TABLE.apply(t, e)),
  }),
  mutation("E", "3", "adopting keeps the batches behind", "NoDup", { ...TWO, ...WIPE }, {
    apply: (t, e) => {
      const next = TABLE.apply(t, e);
      if (e.of !== "differs") return next;
      const j = t.slots.findIndex((s) => s.id === e.slot);
      return { ...next, slots: [...next.slots, ...t.slots.slice(j + 1)] };
    },
  }),
  mutation("F", "4", "no order", "Gap", TWO, {
    wanted: also((t) => t.slots.map((s) => ({ ...t, slots: [s] }))),
  }),
  mutation("G", "5", "exists is success", "Naive", WIPE, { world: { existsIsSuccess: true } }),
  mutation("H", "6", "manifest before data", "Naive", REBALANCE, {
    wanted: (t) =>
      TABLE.wanted(t).map((e): Effect => {
        if (e.do === "publish") return { ...e, do: "describe" };
        return e.do === "describe" ? { ...e, do: "publish" } : e;
      }),
    apply: instead((e) => {
      if (e.of === "published") return { ...e, of: "described" };
      return e.of === "described" ? { ...e, of: "published" } : e;
    }),
  }),
  mutation("I", "6", "a manifest before the primary's", "PrimaryFirst", REBALANCE, {
    wanted: also((t) =>
      slots(t, (s) => ({ ...s, steps: s.steps.map((x, i) => (i === 0 && x === "data" ? WHOLE : x)) })),
    ),
  }),
  mutation("J", "7", "heads are not looked at", "Gap", { offsets: 3, faults: { restore: 1 } }, {
    apply: instead((e) =>
      e.of === "head" && e.head !== "empty" ? { ...e, head: { ...e.head, head: 99n } } : e,
    ),
  }),
  mutation("K", "7", "a sink that is away is taken as empty", "NoDup", { faults: { rebalance: 1, crash: 1, rewind: 1 } }, {
    world: { awayIsEmpty: true },
  }),
  mutation("L", "7", "only the primary is looked at", "SameBatches", { faults: { restore: 1 } }, {
    apply: instead((e) => (e.of === "look" && e.sink > 0 ? { ...e, look: "nothing" } : e)),
  }),
  mutation("M", "7", "mending commits", "Monotone", { offsets: 3, faults: { restore: 1 } }, {
    apply: (t, e) => slots(TABLE.apply(t, e), (s) => (s.mend ? { ...s, mend: false, planned: false } : s)),
  }),
  mutation("N", "7", "heads are read before the committed offset", "Gap", { offsets: 3, control: [1], produced: 0 }, {
    wanted: (t) => {
      if (t.phase !== "locating" || t.committed !== null) return TABLE.wanted(t);
      const early = t.heads.flatMap((h, sink): Effect[] => (h === null ? [{ do: "head", sink }] : []));
      return [...TABLE.wanted(t), ...early];
    },
  }),
  mutation("O", "8", "a commit under an old lease is taken", "PlanFirst", REBALANCE, { world: { acceptStale: true } }),
  mutation("P", "8", "a kept lease goes on without reading", "PlanFirst", {}, {
    apply: (t, e) => (e.of === "renew" && t.phase !== "locating" ? { ...t, renewing: "no", sent: null } : TABLE.apply(t, e)),
  }),
  mutation("Q", "8", "an answer from before the renewal is taken", "Monotone", { slowReads: true }, {
    apply: instead((e, t) => (e.of === "read-committed" ? { ...e, round: t.round } : e)),
  }),
  mutation("R", "8", "a renewal that finds another offset ends the task", "Progress", {}, {
    apply: (t, e) => {
      const next = TABLE.apply(t, e);
      return t.renewing === "reading" && next.phase === "locating" ? { ...next, phase: "ended" } : next;
    },
  }),
  mutation("S", "commit", "committed before every sink confirmed", "NoLoss", {}, {
    wanted: (t) => [
      ...TABLE.wanted(t).filter((e) => e.do !== "commit"),
      ...TABLE.wanted(slots(t, (s) => (s.ready ? { ...s, steps: s.steps.map(() => WHOLE) } : s))).filter((e) => e.do === "commit"),
    ],
  }),
  mutation("T", "11", "a plan commit moves the offset back over markers", "Monotone", { offsets: 3, control: [1], produced: 0 }, {
    wanted: (t) =>
      TABLE.wanted(t).map((e) =>
        e.do === "commit" && e.why === "plan" && e.value.plans[0] !== undefined
          ? { ...e, value: { ...e.value, offset: e.value.plans[0].start } }
          : e,
      ),
  }),
  mutation("U", "11", "a tail of markers is committed over an empty archive", "Gap", { control: [0], produced: 0 }, {
    wanted: (t) => TABLE.wanted(t.phase === "running" ? { ...t, archived: true } : t),
  }),
  mutation("V", "drain", "draining drops a batch in the middle", "NoLoss", { ...TWO, faults: { drain: 1 } }, {
    apply: (t, e) =>
      e.of === "drain" ? { ...t, draining: true, slots: t.slots.filter((s) => s.ready || s.planned) } : TABLE.apply(t, e),
  }),
  mutation("W", "7", "a range that Kafka lost is not looked for in the sinks", "NoAlarm", RETAINED, {
    apply: (t, e) =>
      TABLE.apply(t, e.of === "gone" ? { of: "alarm", code: "offset-out-of-range", text: e.text } : e),
  }),
];
