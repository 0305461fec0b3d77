import type { Event } from "../../src/pipeline/effect.ts";
import type { Committed, Head, Look, Slot, Task } from "../../src/pipeline/state.ts";
import type { Group, Marks, Misc, Sink, Table, Worker } from "./world.ts";

/**
 * Tasks that differ only in how they count are one state: slot ids become positions, the round
 * becomes 0, and what the phase no longer reads (heads after locating, looks after walking) is left
 * out. Results name the slot ids of the canonical task, so nothing refers to the real ones.
 */
export function canonical(t: Task): Task {
  if (t.phase === "ended" || t.phase === "stopped") {
    const stop = t.stop === null ? null : { code: t.stop.code, text: "" };
    return { ...blank(t), phase: t.phase, stop };
  }
  const slots = t.slots.map((s, j): Slot => (s.id === j + 1 ? s : { ...s, id: j + 1 }));
  const committed = t.committed?.offset ?? null;
  return {
    ...t,
    round: 0,
    nextId: slots.length + 1,
    slots,
    heads: t.phase === "locating" ? t.heads : t.heads.map(() => null),
    looks: t.phase === "walking" ? t.looks : t.looks.map(() => null),
    tail: t.tail !== null && committed !== null && t.tail.to <= committed ? null : t.tail,
    gone: t.gone === null ? null : "gone",
  };
}

const blank = (t: Task): Task => ({
  ...t,
  behind: t.behind.map(() => null),
  committed: null,
  limit: 0n,
  archivedTo: null,
  recalled: false,
  position: 0n,
  heads: t.heads.map(() => null),
  looks: t.looks.map(() => null),
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

/** What an event makes of a worker. `built`: the bytes that the event's slot got. */
export function after(
  table: Table,
  w: Worker,
  event: Event,
  built?: { readonly slot: number; readonly bytes: string },
): Worker {
  return withTask(w, table.apply(w.task, event), built);
}

export function withTask(
  w: Worker,
  next: Task,
  built?: { readonly slot: number; readonly bytes: string },
): Worker {
  const held = next.slots.map((slot) => {
    if (built !== undefined && built.slot === slot.id) return slot.ready ? built.bytes : "";
    const j = w.task.slots.findIndex((s) => s.id === slot.id);
    return slot.ready ? (w.held[j] ?? "") : "";
  });
  const fills = w.fills.map((f, sink) => (next.behind[sink] === null ? null : f));
  const alive = next.phase !== "ended" && next.phase !== "stopped";
  const outdated = next.round !== w.task.round;
  const read = w.read !== null && outdated ? { ...w.read, fresh: false } : w.read;
  return {
    ...w,
    task: canonical(next),
    held,
    flight: alive ? w.flight : null,
    read: alive ? read : null,
    fills: alive ? fills : fills.map(() => null),
  };
}

const committedKey = (c: Committed | null): string =>
  c === null
    ? "?"
    : `${c.offset ?? "n"}${c.plans.map((p) => `[${p.start},${p.end}${p.mark}`).join("")}`;

const headKey = (h: Head | null): string =>
  h === null ? "?" : h === "empty" ? "-" : `${h.first}.${h.head}`;

const lookKey = (l: Look | null): string =>
  l === null ? "?" : l === "nothing" ? "-" : `${l.start}.${l.end}${l.mark}${l.step[0]}${l.link}`;

const slotKey = (s: Slot): string =>
  `${s.start}.${s.end}${s.origin[0]}${s.source}${s.mark}${s.ready ? "r" : ""}` +
  `${s.planned ? "p" : ""}${s.mend ? "m" : ""}${s.steps.map((x) => x[0]).join("")}`;

export const taskKey = (t: Task): string =>
  [
    t.phase,
    committedKey(t.committed),
    t.limit,
    t.archivedTo,
    t.recalled,
    t.position,
    t.heads.map(headKey).join("/"),
    t.looks.map(lookKey).join("/"),
    t.slots.map(slotKey).join("/"),
    t.tail === null ? "" : `${t.tail.from}.${t.tail.to}`,
    t.renewing,
    t.gone,
    committedKey(t.sent),
    t.outdated,
    t.archived,
    t.draining,
    t.stop?.code,
    t.sinkCount,
    marksKey(t.behind),
  ].join(" ");

const marksKey = (marks: Marks): string =>
  marks.every((m) => m === null) ? "" : marks.map((m) => m ?? "-").join(",");

const fillsKey = (w: Worker): string =>
  w.fills.map((f) => (f === null ? "" : `${f.at ?? "e"}${f.put ? "d" : ""}`)).join(",");

const flightKey = (w: Worker): string =>
  w.flight === null
    ? ""
    : `${committedKey(w.flight.value)}${w.flight.accepted}${marksKey(w.flight.marks)}`;

const readKey = (w: Worker): string =>
  w.read === null
    ? ""
    : `${committedKey(w.read.committed)}${w.read.fresh}${marksKey(w.read.marks)}`;

/** Null: no task. */
export const workerKey = (w: Worker | null): string =>
  w === null
    ? ""
    : [
        ...[w.lease, w.upgraded, w.held.join("/"), flightKey(w), readKey(w), fillsKey(w)],
        taskKey(w.task),
      ].join(" ");

export const groupsKey = (groups: readonly Group[]): string =>
  groups
    .map((g) => {
      const { committed = null, marks = [] } = g.pending ?? {};
      const visible = `${g.owner} ${committedKey(g.committed)} ${marksKey(g.marks)}`;
      return `${visible} ${committedKey(committed)} ${marksKey(marks)}`;
    })
    .join("|");

export const sinksKey = (sinks: readonly Sink[]): string =>
  sinks.map((s) => `${s.data.join(",")};${s.manifests.join(",")}`).join("|");

export const miscKey = (m: Misc): string =>
  `${Object.values(m.left).join(",")} ${m.upgraded} ${m.excused.join(",")} ` +
  (m.late === null ? "" : `${m.late.sink} ${m.late.start} ${m.late.what} ${m.late.value}`);
