import type { Effect, Event } from "../../src/pipeline/effect.ts";
import type { Step, Task } from "../../src/pipeline/state.ts";
import { also, instead, mutation, type Mutation, slots } from "./mutation.ts";
import { type Setting, TABLE } from "./world.ts";

const WHOLE: Step = "whole";
const REBALANCE = { faults: { rebalance: 1, crash: 1 } };
const RETAINED: Partial<Setting> = {
  retains: "archived",
  faults: { crash: 1, rebalance: 1, retention: 1 },
};
const VANISHED = { offsets: 3, faults: { restore: 1, vanish: 1, crash: 1 } };
const MARKERS = {
  offsets: 3,
  depth: 2,
  cuts: true,
  control: [2],
  produced: 0,
  faults: { crash: 1 },
};
const WEAK = { weak: true, faults: { rebalance: 1, wipe: 1 } };
const WIPE = { faults: { rebalance: 1, wipe: 1 } };
const TWO = { offsets: 3, depth: 2, cuts: true };

const TWO_WIPED = { ...TWO, ...WIPE };
const UPGRADE = { faults: { rebalance: 1, crash: 1, upgrade: 1 } };

export const MUTATIONS: readonly Mutation[] = [
  mutation("A", "rule 1", "delivered before the plan is committed", "PlanFirst", REBALANCE, {
    wanted: also((t) => slots(t, (s) => ({ ...s, planned: s.planned || s.ready }))),
  }),
  mutation(
    "B",
    "rule 9",
    "a planned batch built otherwise counts as planned",
    "PlanFirst",
    UPGRADE,
    {
      apply: (t, e) => {
        const slot = e.of === "build" ? t.slots.find((s) => s.id === e.slot) : undefined;
        const next = TABLE.apply(t, e);
        return slot?.planned !== true
          ? next
          : slots(next, (s) => (s.id === slot.id ? { ...s, planned: true } : s));
      },
    },
  ),
  mutation(
    "C",
    "rule 3",
    "the other sinks do not wait for the primary",
    "PrimaryFirst",
    REBALANCE,
    {
      wanted: also((t) =>
        slots(t, (s) => ({ ...s, steps: s.steps.map((x, i) => (i === 0 ? WHOLE : x)) })),
      ),
    },
  ),
  mutation("D", "rule 3", "the primary's other batch is ignored", "Progress", WIPE, {
    apply: (t, e) => (e.of === "differs" ? t : TABLE.apply(t, e)),
  }),
  mutation("E", "rule 3", "adopting keeps the batches behind", "NoDup", TWO_WIPED, {
    apply: (t, e) => {
      const next = TABLE.apply(t, e);
      if (e.of !== "differs") return next;
      const j = t.slots.findIndex((s) => s.id === e.slot);
      return { ...next, slots: [...next.slots, ...t.slots.slice(j + 1)] };
    },
  }),
  mutation("F", "rule 4", "no order", "Gap", TWO, {
    wanted: also((t) => t.slots.map((s) => ({ ...t, slots: [s] }))),
  }),
  mutation("G", "rule 5", "exists is success", "Naive", WIPE, { world: { existsIsSuccess: true } }),
  mutation("H", "rule 6", "manifest before data", "Naive", REBALANCE, {
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
  mutation("I", "rule 6", "a manifest before the primary's", "PrimaryFirst", REBALANCE, {
    wanted: also((t) =>
      slots(t, (s) => ({
        ...s,
        steps: s.steps.map((x, i) => (i === 0 && x === "data" ? WHOLE : x)),
      })),
    ),
  }),
  mutation(
    "J",
    "rule 7",
    "heads are not looked at",
    "Gap",
    { offsets: 3, faults: { restore: 1 } },
    {
      apply: instead((e) =>
        e.of === "head" && e.head !== "empty" ? { ...e, head: { ...e.head, head: 99n } } : e,
      ),
    },
  ),
  mutation(
    "K",
    "rule 7",
    "a sink that is away is taken as empty",
    "NoDup",
    { faults: { rebalance: 1, crash: 1, rewind: 1 } },
    {
      world: { awayIsEmpty: true },
    },
  ),
  mutation(
    "L",
    "rule 7",
    "only the primary is looked at",
    "SameBatches",
    { faults: { restore: 1 } },
    {
      apply: instead((e) => (e.of === "look" && e.sink > 0 ? { ...e, look: "nothing" } : e)),
    },
  ),
  mutation(
    "M",
    "rule 7",
    "mending commits",
    "Monotone",
    { offsets: 3, faults: { restore: 1 } },
    {
      apply: (t, e) =>
        slots(TABLE.apply(t, e), (s) => (s.mend ? { ...s, mend: false, planned: false } : s)),
    },
  ),
  mutation(
    "N",
    "rule 7",
    "heads are read before the committed offset",
    "Gap",
    { offsets: 3, control: [1], produced: 0 },
    {
      wanted: (t) => {
        if (t.phase !== "locating" || t.committed !== null) return TABLE.wanted(t);
        const early = t.heads.flatMap((h, sink): Effect[] =>
          h === null ? [{ do: "head", sink, recalled: false }] : [],
        );
        return [...TABLE.wanted(t), ...early];
      },
    },
  ),
  mutation("O", "rule 8", "a commit under an old lease is taken", "PlanFirst", REBALANCE, {
    world: { acceptStale: true },
  }),
  mutation(
    "P",
    "rule 8",
    "a kept lease goes on without reading",
    "PlanFirst",
    {},
    {
      apply: (t, e) =>
        e.of === "renew" && t.phase !== "locating"
          ? { ...t, renewing: "no", sent: null }
          : TABLE.apply(t, e),
    },
  ),
  mutation(
    "Q",
    "rule 8",
    "an answer from before the renewal is taken",
    "Monotone",
    { slowReads: true },
    {
      apply: instead((e, t) => (e.of === "read-committed" ? { ...e, round: t.round } : e)),
    },
  ),
  mutation(
    "R",
    "rule 8",
    "a renewal that finds another offset ends the task",
    "Progress",
    {},
    {
      apply: (t, e) => {
        const next = TABLE.apply(t, e);
        return t.renewing === "reading" && next.phase === "locating"
          ? { ...next, phase: "ended" }
          : next;
      },
    },
  ),
  mutation(
    "S",
    "rule 3",
    "committed before every sink confirmed",
    "NoLoss",
    {},
    {
      wanted: (t) => [
        ...TABLE.wanted(t).filter((e) => e.do !== "commit"),
        ...TABLE.wanted(
          slots(t, (s) => (s.ready ? { ...s, steps: s.steps.map(() => WHOLE) } : s)),
        ).filter((e) => e.do === "commit"),
      ],
    },
  ),
  mutation(
    "T",
    "rule 11",
    "a plan commit moves the offset back over markers",
    "Monotone",
    { offsets: 3, control: [1], produced: 0 },
    {
      wanted: (t) =>
        TABLE.wanted(t).map((e) =>
          e.do === "commit" && e.why === "plan" && e.value.plans[0] !== undefined
            ? { ...e, value: { ...e.value, offset: e.value.plans[0].start } }
            : e,
        ),
    },
  ),
  mutation(
    "U",
    "rule 11",
    "a tail of markers is committed over an empty archive",
    "Gap",
    { control: [0], produced: 0 },
    {
      wanted: (t) => TABLE.wanted(t.phase === "running" ? { ...t, archived: true } : t),
    },
  ),
  mutation(
    "V",
    "rule 14",
    "draining drops a batch in the middle",
    "NoLoss",
    { ...TWO, faults: { drain: 1 } },
    {
      apply: (t, e) =>
        e.of === "drain"
          ? { ...t, draining: true, slots: t.slots.filter((s) => s.ready || s.planned) }
          : TABLE.apply(t, e),
    },
  ),
  mutation(
    "W",
    "rule 7",
    "a range that Kafka lost is not looked for in the sinks",
    "NoAlarm",
    RETAINED,
    {
      apply: (t, e) =>
        TABLE.apply(
          t,
          e.of === "gone" ? { of: "alarm", code: "offset-out-of-range", text: e.text } : e,
        ),
    },
  ),
  mutation(
    "X",
    "rule 7",
    "a plan is followed without looking into the sinks",
    "SameBatches",
    VANISHED,
    {
      apply: (t, e) => {
        const next = TABLE.apply(t, e);
        const fresh = t.phase === "locating" && next.phase === "walking";
        if (!fresh || next.committed?.plans[0]?.start !== next.position) return next;
        const nothing = (sink: number): Event => ({
          of: "look",
          sink,
          at: next.position,
          look: "nothing",
        });
        return next.looks.reduce<Task>((now, _, sink) => TABLE.apply(now, nothing(sink)), next);
      },
    },
  ),
  mutation(
    "Y",
    "rule 11",
    "a tail is committed while a batch before it is sealed",
    "NoLoss",
    MARKERS,
    {
      wanted: (t) => {
        const open = t.slots.find((s) => s.end === null);
        const position = open?.start ?? t.position;
        return TABLE.wanted(t.slots.some((s) => s.ready) ? t : { ...t, position });
      },
    },
  ),
  mutation("Z", "rule 13", "a primary that ignores create-only, and a wiped plan", "Naive", WEAK, {
    world: {},
  }),
];
