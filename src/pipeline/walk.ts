import {
  begin,
  frontier,
  isAttached,
  isConfirmed,
  lacksCommitted,
  type Head,
  type Look,
  type Slot,
  type Task,
} from "./state.ts";

/**
 * The transitions that need no event of their own: from locating to walking or running when
 * everything was read, from a finished look to a slot, from a mended batch to the next look, and the
 * next slot to build. Runs after every event until nothing changes.
 */
export function advance(t: Task): Task {
  let now = t;
  // Each round changes the phase or the slots; a handful is enough, more is a fault of this table.
  for (let i = 0; i < 8; i += 1) {
    const next = once(now);
    if (next === now) return now;
    now = next;
  }
  return now;
}

function once(t: Task): Task {
  switch (t.phase) {
    case "locating":
      return located(t);
    case "walking":
      return mended(t) ?? afterLooks(t) ?? t;
    case "running":
      return mended(t) ?? extended(t) ?? t;
    case "stopped":
    case "ended":
      return t;
  }
}

/** Start over under the same lease. */
export const restart = (t: Task): Task => ({
  ...begin(t.sinkCount, t.depth),
  behind: t.behind,
  recalled: t.recalled,
  round: t.round + 1,
  nextId: t.nextId,
  renewing: t.renewing,
  draining: t.draining,
});

export const walkAt = (t: Task, position: bigint): Task => ({
  ...t,
  phase: "walking",
  slots: [],
  position,
  looks: t.looks.map(() => null),
});

/** Rule 7: start = min(c, all heads); no c: the lowest head; never before the archive's first batch. */
function located(t: Task): Task {
  const heads = t.heads.filter((_, sink) => isAttached(t, sink));
  if (t.committed === null || !heads.every((h): h is Head => h !== null)) return t;
  const c = t.committed.offset;
  const filled = heads.filter((h) => h !== "empty");
  // Nothing archived: the effect resolve-start says where the first batch begins.
  if (filled.length === 0) return t;
  const first = filled.map((h) => h.first).reduce((a, b) => (b < a ? b : a));
  const lowest = heads
    .map((h) => (h === "empty" ? first : h.head))
    .reduce((a, b) => (b < a ? b : a));
  const start = c !== null && c < lowest ? c : lowest;
  return walkAt({ ...t, archived: true }, start < first ? first : start);
}

/** A batch below the committed offset is whole everywhere: look on, or read the plans afresh at c. */
function mended(t: Task): Task | null {
  const slot = t.slots[0];
  if (slot === undefined || !slot.mend || !slot.ready || slot.end === null) return null;
  if (!isConfirmed(t, slot)) return null;
  return slot.end >= t.limit ? restart(t) : walkAt(t, slot.end);
}

function afterLooks(t: Task): Task | null {
  if (t.slots.length > 0) return null;
  // A sink that is away says nothing, and counts for nothing.
  const looks = t.looks.filter((_, sink) => isAttached(t, sink));
  if (!looks.every((l): l is Look => l !== null) || t.committed?.offset === null) return null;
  const source = t.looks.findIndex((l, sink) => isAttached(t, sink) && l !== "nothing");
  const look = t.looks[source] ?? "nothing";
  if (look === "nothing") return nothingThere(t);
  const mend = look.start < t.limit && look.end <= t.limit;
  const whole = (l: Look): boolean =>
    l !== "nothing" && l.step === "whole" && l.link === look.link && l.start === look.start;
  // Whole everywhere under one link: nothing is read or written again, only committed over.
  const settled = looks.every(whole);
  const named = t.committed?.plans.some(
    (p) => p.start === look.start && p.end === look.end && p.mark === look.mark,
  );
  const slot: Slot = {
    id: t.nextId,
    start: look.start,
    end: look.end,
    origin: "sink",
    source,
    mark: look.mark,
    ready: settled,
    planned: mend || settled || named === true,
    mend,
    steps: t.looks.map((l) => (source === 0 && l !== null && whole(l) ? "whole" : "none")),
  };
  const looked = t.looks.map(() => null);
  return {
    ...t,
    gone: null,
    nextId: t.nextId + 1,
    position: look.start,
    slots: [slot],
    looks: looked,
  };
}

/** Nowhere: the plans, if they begin here; else a new cut (rule 7). */
function nothingThere(t: Task): Task {
  if (lacksCommitted(t)) return t;
  if (t.gone !== null) {
    return {
      ...t,
      phase: "stopped",
      slots: [],
      stop: { code: "offset-out-of-range", text: t.gone },
    };
  }
  const planned = follow(t);
  if (planned.length > 0) {
    const nextId = t.nextId + planned.length;
    return { ...t, phase: "running", recalled: false, nextId, slots: planned };
  }
  // What lies between is markers: the next record begins the next batch, and no sink lacks anything.
  if (t.position >= t.limit || t.position === t.archivedTo)
    return { ...t, phase: "running", recalled: false };
  if (t.draining) return t;
  return { ...t, nextId: t.nextId + 1, slots: [cut(t, t.position)] };
}

/** The committed plans from the position on; what they name is made again. */
function follow(t: Task): readonly Slot[] {
  const plans = t.committed?.plans ?? [];
  const first = plans.findIndex((p) => p.start === t.position);
  if (first < 0) return [];
  return plans.slice(first, first + t.depth).map((p, i): Slot => ({
    ...cut(t, p.start),
    id: t.nextId + i,
    end: p.end,
    origin: "plan",
    mark: p.mark,
    planned: true,
  }));
}

function extended(t: Task): Task | null {
  const start = frontier(t);
  if (t.draining || start === null || t.slots.length >= t.depth) return null;
  // A slot below the committed offset must be settled first: what follows depends on its end.
  if (t.slots.some((s) => s.mend)) return null;
  return { ...t, nextId: t.nextId + 1, slots: [...t.slots, cut(t, start)] };
}

const cut = (t: Task, start: bigint): Slot => ({
  id: t.nextId,
  start,
  end: null,
  origin: "cut",
  source: null,
  mark: null,
  ready: false,
  planned: false,
  mend: false,
  steps: Array(t.sinkCount).fill("none"),
});
