import { unreachable } from "../core/assert.ts";
import type { Event } from "./effect.ts";
import {
  type Committed,
  isAttached,
  isConfirmed,
  lacksCommitted,
  type Slot,
  type Step,
  type Stop,
  type Task,
} from "./state.ts";
import { advance, restart, walkAt } from "./walk.ts";

/**
 * The right half of the state table: what an event does to a state. A result that no longer fits (of
 * a slot that is gone, of an earlier round) changes nothing.
 */
export function apply(t: Task, event: Event): Task {
  if (t.phase === "ended") return t;
  if (event.of === "revoked") return { ...t, phase: "ended", slots: [] };
  if (t.phase === "stopped") return t;
  return advance(on(t, event));
}

function on(t: Task, e: Exclude<Event, { of: "revoked" }>): Task {
  switch (e.of) {
    case "read-committed":
      return e.round === t.round ? onCommitted(t, e) : t;
    case "head":
      return { ...t, heads: t.heads.map((h, i) => (i === e.sink ? e.head : h)) };
    case "resolve-start":
      return t.phase === "locating" ? walkAt({ ...t, limit: e.offset }, e.offset) : t;
    case "look":
      if (e.at !== t.position) return t;
      return { ...t, looks: t.looks.map((l, i) => (i === e.sink ? e.look : l)) };
    case "recalled":
      return recalled(t, e.sinks);
    case "cut":
      return onCut(t, e.slot, e.end);
    case "build":
      return onBuilt(t, e.slot, e.end, e.mark);
    case "gone":
      return onGone(t, e.slot, e.text);
    case "take":
      return change(t, e.slot, (s) => ({ ...s, ready: true, end: e.end, mark: e.mark }));
    case "commit":
      return onCommit(t, e.value);
    case "fenced":
      // The group decides: a renewal reads what counts, a revocation ends the task.
      return t.renewing === "no" ? { ...t, renewing: "fenced" } : t;
    case "published":
      return step(t, e.slot, e.sink, "data");
    case "described":
      return step(t, e.slot, e.sink, "whole");
    case "differs":
      return adopt(t, e.slot, e.end, e.mark);
    case "alarm":
      return halt(t, e);
    case "renew":
      return renew(t);
    case "tail":
      return onTail(t, e.offset);
    case "lost-batch":
      // Not while a commit is unanswered: what would be read could be older than what it makes true.
      return t.sent !== null || t.slots.some((s) => s.ready) ? t : restart(t);
    case "set-back":
      return settled(t) ? { ...t, outdated: true } : t;
    case "detach":
      return t.recalled && e.held !== true ? t : detach(t, e.sink);
    case "attach":
      return attach(t, e.sink, e.head);
    case "drain":
      return drain(t);
    default:
      return unreachable(e);
  }
}

const halt = (t: Task, { code, text, sink }: Stop): Task => {
  const stop = { code, text, ...(sink === undefined ? {} : { sink }) };
  return { ...t, phase: "stopped", slots: [], stop };
};

const change = (t: Task, id: number, f: (s: Slot) => Slot): Task => ({
  ...t,
  slots: t.slots.map((s) => (s.id === id ? f(s) : s)),
});

const step = (t: Task, id: number, sink: number, to: Step): Task =>
  change(t, id, (s) => ({ ...s, steps: s.steps.map((x, i) => (i === sink ? to : x)) }));

export const sameCommitted = (a: Committed, b: Committed): boolean =>
  a.offset === b.offset &&
  a.plans.length === b.plans.length &&
  a.plans.every((p, i) => {
    const q = b.plans[i];
    return q !== undefined && p.start === q.start && p.end === q.end && p.mark === q.mark;
  });

function onCommitted(t: Task, e: Extract<Event, { of: "read-committed" }>): Task {
  const { committed: found, behind: marks = [], archivedTo = null } = e;
  if (t.renewing !== "reading") {
    // What an earlier owner went on without is still filled from the primary.
    const behind = t.recalled ? t.behind : t.behind.map((b, sink) => b ?? marks[sink] ?? null);
    // Who was recalled is filled by the walk, which may have nothing to commit.
    const outdated = marks.some((m, sink) => m !== null && behind[sink] === null);
    return { ...t, committed: found, limit: found.offset ?? 0n, archivedTo, behind, outdated };
  }
  // Rule 8: exactly what this task last committed, or sent without hearing of it: go on with what is
  // at hand. Else somebody else had the partition meanwhile: begin again, as a new task would.
  const kept = { ...t, renewing: "no" as const, sent: null };
  if (t.committed === null) return restart(kept);
  if (sameCommitted(found, t.committed)) return kept;
  if (t.sent !== null && sameCommitted(found, t.sent)) return onCommit(kept, found);
  return restart(kept);
}

function onCommit(t: Task, value: Committed): Task {
  const offset = value.offset ?? 0n;
  let { position, archived } = t;
  const slots: Slot[] = [];
  for (const s of t.slots) {
    if (slots.length === 0 && s.end !== null && s.end <= offset && !s.mend && isConfirmed(t, s)) {
      position = s.end;
      archived = true;
      continue;
    }
    const planned = s.planned || value.plans.some((p) => p.start === s.start && p.mark === s.mark);
    slots.push(planned === s.planned ? s : { ...s, planned });
  }
  return { ...t, committed: value, sent: null, outdated: false, position, archived, slots };
}

/** Cut otherwise than planned it is a new candidate, and what follows depends on where it ends. */
function onCut(t: Task, id: number, end: bigint): Task {
  const j = t.slots.findIndex((s) => s.id === id);
  const slot = t.slots[j];
  if (slot === undefined || slot.ready || slot.end === end) return t;
  if (slot.end === null) return change(t, id, (s) => ({ ...s, end }));
  const cut: Slot = { ...slot, end, origin: "cut", mark: null, planned: false };
  return { ...t, slots: [...t.slots.slice(0, j), cut] };
}

/** What was built from Kafka. When it is not what the plan says, it is a new candidate (rule 9). */
function onBuilt(t: Task, id: number, end: bigint, mark: string): Task {
  const j = t.slots.findIndex((s) => s.id === id);
  const slot = t.slots[j];
  if (slot === undefined || slot.ready) return t;
  const asPlanned = slot.end === end && slot.mark === mark;
  const later = slot.end === null || slot.end === end ? t.slots.slice(j + 1) : [];
  const mend = slot.start < t.limit && end <= t.limit;
  const built: Slot = {
    ...slot,
    end,
    mark,
    mend,
    ready: true,
    origin: asPlanned ? slot.origin : "cut",
    planned: asPlanned && slot.planned,
  };
  return { ...t, slots: [...t.slots.slice(0, j), built, ...later] };
}

/** The open slot says so; the batches before it may not be archived yet. */
function onTail(t: Task, to: bigint): Task {
  const open = t.slots.find((s) => s.end === null);
  return open === undefined ? t : { ...t, tail: { from: open.start, to } };
}

/** Kafka has lost a range: a sink may have the batch, by a plan or by another owner's hand. */
function onGone(t: Task, id: number, text: string): Task {
  const j = t.slots.findIndex((s) => s.id === id);
  const slot = t.slots[j];
  if (slot === undefined || slot.ready) return t;
  if (j > 0) return { ...t, slots: t.slots.slice(0, j) };
  return { ...walkAt(t, slot.start), gone: text };
}

/** Rule 3: the primary's batch is the batch; the own bytes and every later batch are dropped. */
function adopt(t: Task, id: number, end: bigint, mark: string): Task {
  const j = t.slots.findIndex((s) => s.id === id);
  const slot = t.slots[j];
  if (slot === undefined) return t;
  const mend = slot.start < t.limit && end <= t.limit;
  const found: Slot = {
    id: t.nextId,
    start: slot.start,
    end,
    origin: "sink",
    source: 0,
    mark,
    ready: false,
    planned: false,
    mend,
    steps: slot.steps.map(() => "none" as const),
  };
  return { ...t, nextId: t.nextId + 1, slots: [...t.slots.slice(0, j), found] };
}

/** Rule 12: the others go on without this sink. Never without the primary. */
function detach(t: Task, sink: number): Task {
  if (sink === 0 || !isAttached(t, sink)) return t;
  const lacking = t.slots.find((s) => s.steps[sink] !== "whole");
  // Where a task does not know yet what the sink has, it has at least nothing.
  const from = t.phase === "locating" ? 0n : (lacking?.start ?? t.position);
  return { ...t, behind: t.behind.map((b, i) => (i === sink ? from : b)) };
}

/**
 * Who is asked again may lack what lies before the position as well: everything is located anew. Without any
 * the walk goes on with what is there.
 */
function recalled(t: Task, sinks: readonly number[]): Task {
  if (!lacksCommitted(t)) return t;
  const behind = t.behind.map((b, sink) => (sinks.includes(sink) ? null : b));
  return sinks.length === 0 ? { ...t, recalled: true } : restart({ ...t, recalled: true, behind });
}

/**
 * The sink has all that was committed: from the first batch under way on it counts again. Not while a
 * commit is unanswered, which was decided without it.
 */
function attach(t: Task, sink: number, head: bigint): Task {
  const due = t.slots[0]?.start ?? t.position;
  if (!settled(t) || isAttached(t, sink) || head !== due) return t;
  // The group's mark says otherwise until the next commit, which may be long in coming.
  const behind = t.behind.map((b, i) => (i === sink ? null : b));
  return { ...t, behind, outdated: true };
}

const settled = (t: Task): boolean =>
  t.phase === "running" && t.renewing === "no" && t.sent === null;

/** Batches may be ready out of order: what follows one that is not begun anew goes as well. */
function drain(t: Task): Task {
  const open = t.slots.findIndex((s) => !s.ready && !s.planned);
  return { ...t, draining: true, slots: open < 0 ? t.slots : t.slots.slice(0, open) };
}

function renew(t: Task): Task {
  if (t.phase === "locating") return restart({ ...t, renewing: "no" });
  return { ...t, renewing: "reading", round: t.round + 1 };
}

/** Used by the runtime when it sends a commit, so that a renewal can recognise it. */
export const sending = (t: Task, value: Committed): Task => ({ ...t, sent: value });
