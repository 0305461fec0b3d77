import { assert } from "../core/assert.ts";
import type { Effect } from "./effect.ts";
import {
  type Committed,
  isAttached,
  isConfirmed,
  lacksCommitted,
  type PlanMark,
  type Slot,
  type Task,
} from "./state.ts";

/** At most this many plans fit the committed metadata. */
const MAX_PLANS = 4;

/**
 * The left half of the state table: which effects a state wants under way.
 *
 * | phase    | wants |
 * |----------|-------|
 * | locating | the committed offset and plans; then the head of every sink; the meaning of `start:` |
 * | walking  | a look at the position in every sink, then the slot found there, delivered and committed |
 * | running  | the next build while fewer than `depth` slots; delivery of every planned slot; commits |
 * | stopped, ended | nothing |
 */
export function wanted(t: Task): readonly Effect[] {
  if (t.phase === "stopped" || t.phase === "ended") return [];
  const effects: Effect[] = [];
  if (t.renewing === "reading" || (t.phase === "locating" && t.committed === null)) {
    effects.push({ do: "read-committed", round: t.round });
  }
  if (t.phase === "locating") locate(t, effects);
  if (t.phase === "walking" && t.slots.length === 0) {
    t.looks.forEach((look, sink) => {
      if (look === null && isAttached(t, sink)) effects.push({ do: "look", sink, at: t.position });
    });
  }
  if (lacksCommitted(t) && t.sent === null) effects.push({ do: "recall" });
  for (const slot of t.slots) if (!slot.ready) effects.push(obtain(t, slot));
  deliver(t, effects);
  const commit = nextCommit(t);
  if (commit !== null && t.renewing === "no" && t.sent === null) effects.push(commit);
  return effects;
}

/**
 * The committed offset first: what it says is archived is in the sinks by the time they are asked. The
 * other way round a batch put and committed in between would be taken as not there.
 */
function locate(t: Task, effects: Effect[]): void {
  if (t.committed === null) return;
  t.heads.forEach((head, sink) => {
    if (head === null && isAttached(t, sink))
      effects.push({ do: "head", sink, recalled: t.recalled });
  });
  if (lacksCommitted(t)) return;
  const nothingAnywhere = t.heads.every((h, sink) => h === "empty" || !isAttached(t, sink));
  if (nothingAnywhere) effects.push({ do: "resolve-start", committed: t.committed.offset });
}

function obtain(t: Task, slot: Slot): Effect {
  if (slot.origin === "sink") {
    assert(slot.source !== null, "a slot found in a sink names the sink");
    return { do: "take", slot: slot.id, sink: slot.source, start: slot.start };
  }
  const exact: PlanMark | null =
    slot.origin === "plan" && slot.end !== null && slot.mark !== null
      ? { start: slot.start, end: slot.end, mark: slot.mark }
      : null;
  const limit = slot.start < t.limit ? t.limit : null;
  const barren = t.tail?.from === slot.start ? t.tail.to : null;
  return { do: "build", slot: slot.id, start: slot.start, exact, limit, barren };
}

/** Rules 3, 4 and 6: primary first, in order in every sink, data first and manifest last. */
function deliver(t: Task, effects: Effect[]): void {
  t.slots.forEach((slot, j) => {
    if (!slot.ready || !(slot.planned || slot.mend)) return;
    const before = j === 0 ? undefined : t.slots[j - 1];
    slot.steps.forEach((step, sink) => {
      if (step === "whole" || !isAttached(t, sink)) return;
      if (before !== undefined && before.steps[sink] !== "whole") return;
      const primary = slot.steps[0];
      if (step === "none") {
        if (sink === 0 || primary !== "none") effects.push({ do: "publish", slot: slot.id, sink });
      } else if (sink === 0 || primary === "whole") {
        effects.push({ do: "describe", slot: slot.id, sink });
      }
    });
  });
}

const planOf = (slot: Slot): PlanMark => {
  assert(slot.end !== null && slot.mark !== null, "a ready slot has an end and a mark");
  return { start: slot.start, end: slot.end, mark: slot.mark };
};

/** The ready slots from `from` on that have no unready one before them. */
function plansFrom(t: Task, from: number): PlanMark[] {
  const plans: PlanMark[] = [];
  for (const slot of t.slots.slice(from, from + MAX_PLANS)) {
    // A planned slot that has to be built again is still what was committed.
    if (slot.mend || !(slot.ready || slot.planned)) break;
    plans.push(planOf(slot));
  }
  return plans;
}

/**
 * Who walks knows one batch at a time. The committed plans of those behind it, which a sink of records may have by
 * now, are what their files are made by: they stay committed until somebody comes to them.
 */
function continued(t: Task, plans: readonly PlanMark[], end: bigint): readonly PlanMark[] {
  if (t.phase !== "walking") return plans;
  const known = t.committed?.plans ?? [];
  const next = known.findIndex((p) => p.start === end);
  return next < 0 ? plans : [...plans, ...known.slice(next)].slice(0, MAX_PLANS);
}

/** Rule 1: a plan before the first put; in steady state it rides on the commit of the previous batch. */
function nextCommit(t: Task): Effect | null {
  if (t.committed === null || t.phase === "locating") return null;
  const committed = t.committed.offset;
  if (committed === null)
    return { do: "commit", value: { offset: t.position, plans: [] }, why: "start" };
  let confirmed = 0;
  while (confirmed < t.slots.length) {
    const slot = t.slots[confirmed];
    if (slot === undefined || slot.mend || !slot.planned || !isConfirmed(t, slot)) break;
    confirmed += 1;
  }
  const last = t.slots[confirmed - 1];
  if (last !== undefined) {
    const { end } = planOf(last);
    const value: Committed = { offset: end, plans: continued(t, plansFrom(t, confirmed), end) };
    return { do: "commit", value, why: "offset" };
  }
  const plans = plansFrom(t, 0);
  const unplanned = t.slots.slice(0, plans.length).some((s) => !s.planned);
  if (unplanned) {
    const start = plans[0]?.start ?? t.position;
    // The committed offset never goes back: a tail of markers may lie between the head and it.
    return {
      do: "commit",
      value: {
        offset: start > committed ? start : committed,
        plans: continued(t, plans, plans.at(-1)?.end ?? start),
      },
      why: "plan",
    };
  }
  // Markers only, from where everything archived ends, and no plan that such a commit would wipe.
  const { tail } = t;
  const idle =
    t.archived && tail?.from === t.position && t.slots.every((s) => !s.ready && !s.planned);
  if (idle && tail.to > committed) {
    return { do: "commit", value: { offset: tail.to, plans: [] }, why: "tail" };
  }
  // Running, every sink that counts has all that was committed.
  if (t.outdated && t.phase === "running")
    return { do: "commit", value: t.committed, why: "again" };
  return null;
}
