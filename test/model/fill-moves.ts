import type { Event } from "../../src/pipeline/effect.ts";
import { after } from "./canonical.ts";
import { floor, type Model, put, sinkAt, type SinkMove } from "./put-moves.ts";
import { headOf } from "./sink-moves.ts";
import type { Fill, Sink, Worker } from "./world.ts";
import { endOf } from "./world.ts";

/** What the copies do that run beside a task for its detached sinks, as `catchUp` does it (rule 12). */
export function fillMoves(
  m: Model,
  w: Worker,
  sinks: readonly Sink[],
  knows: readonly number[],
): SinkMove[] {
  return w.task.behind.flatMap((behind, sink) =>
    behind === null || w.task.phase === "stopped" || w.task.phase === "ended"
      ? []
      : fillSink(m, w, sinks, knows, sink),
  );
}

function fillSink(
  m: Model,
  w: Worker,
  sinks: readonly Sink[],
  knows: readonly number[],
  sink: number,
): SinkMove[] {
  const [primary, own] = [sinkAt(sinks, knows, 0), sinkAt(sinks, knows, sink)];
  const fill = w.fills[sink] ?? null;
  const name = `fill sink${sink}`;
  const move = (label: string, worker: Worker, after_ = sinks): SinkMove => ({
    ...{ label: `${name}${label}`, worker, sinks: after_, created: null, late: null },
  });
  const to = (next: Fill): Worker => ({
    ...w,
    fills: w.fills.map((f, i) => (i === sink ? next : f)),
  });
  if (fill === null) {
    const head = headOf(own, m.setting.heads);
    const at = head === "empty" ? null : Number(head.head);
    return [move(`: it ends at ${at ?? "nothing"}`, to({ at, put: false }))];
  }
  const { at } = fill;
  if (at === null || m.broken.fillNewest) {
    const newest = floor(primary, primary.manifests.length);
    const next = m.broken.fillNewest ? newest : primary.manifests.findIndex((v) => v !== "");
    if (next > (at ?? -1)) return [move(`: begins at ${next}`, to({ at: next, put: false }))];
  }
  const { task } = w;
  const due = task.slots[0]?.start ?? task.position;
  const moves: SinkMove[] = [];
  if (task.phase === "running" && !fill.put && BigInt(at ?? due) === due) {
    const attached = after(m.table, w, { of: "attach", sink, head: due });
    if (attached.task.behind[sink] === null) moves.push(move(`: ATTACHED at ${due}`, attached));
  }
  if (at === null) return moves;
  const alarm = (text: string): SinkMove[] => {
    const event: Event = { of: "alarm", code: "sink-conflict", text: "" };
    return [...moves, move(`: ${text}, ALARM`, after(m.table, w, event))];
  };
  const below = floor(primary, at);
  const manifest = primary.manifests[below] ?? "";
  if (below < 0 || endOf(manifest) <= at) return moves;
  if (below !== at) return alarm(`it ends inside the primary's batch at ${below}`);
  const what = fill.put ? "manifest" : "data";
  const value = fill.put ? manifest : (primary.data[at] ?? "");
  if (value === "") return moves;
  const there = (fill.put ? own.manifests[at] : own.data[at]) ?? "";
  if (there !== "" && there !== value) return alarm(`other ${what} at ${at}`);
  const copied = put(sinks, { sink: knows[sink] ?? sink, start: at, what, value });
  const next = fill.put ? { at: endOf(manifest), put: false } : { at, put: true };
  return [...moves, move(`: ${what} at ${at}`, to(next), copied)];
}
