import type { Effect, Event } from "../../src/pipeline/effect.ts";
import { after } from "./canonical.ts";
import type { Broken, Chain, LateRequest, Setting, Sink, Table, Worker } from "./world.ts";
import { bytesOf, endOf, linkOf, markOf } from "./world.ts";

export interface Model {
  readonly setting: Setting;
  readonly table: Table;
  readonly broken: Broken;
  readonly chain: Chain;
}

/** One step of a worker that touches sinks and the log only. */
export interface SinkMove {
  readonly label: string;
  readonly worker: Worker;
  readonly sinks: readonly Sink[];
  /** Data that the primary did not have before, and that a plan has to name. */
  readonly created: { readonly start: number; readonly value: string } | null;
  /** A put that is sent now and arrives later. */
  readonly late: LateRequest | null;
}

/** The greatest start at or below `at` whose manifest is there; -1: none. */
export const floor = (sink: Sink, at: number): number => {
  for (let a = Math.min(at, sink.manifests.length - 1); a >= 0; a -= 1) {
    if (sink.manifests[a] !== "") return a;
  }
  return -1;
};

export const sinkAt = (sinks: readonly Sink[], knows: readonly number[], i: number): Sink => {
  const sink = sinks[knows[i] ?? -1];
  if (sink === undefined) throw new RangeError(`no sink ${i}`);
  return sink;
};

export const put = (sinks: readonly Sink[], r: LateRequest): readonly Sink[] =>
  sinks.map((sink, i): Sink => {
    if (i !== r.sink) return sink;
    const change = (list: readonly string[]): readonly string[] =>
      list.map((v, a) => (a === r.start ? r.value : v));
    return r.what === "data"
      ? { ...sink, data: change(sink.data) }
      : { ...sink, manifests: change(sink.manifests) };
  });

/** Create-only: nothing happens where something is. */
export function arrive(sinks: readonly Sink[], r: LateRequest): readonly Sink[] {
  const sink = sinks[r.sink];
  const there = r.what === "data" ? sink?.data[r.start] : sink?.manifests[r.start];
  return there === "" ? put(sinks, r) : sinks;
}

/** Data or a manifest is put, create-only, and the answer is the table's event. */
export function putMoves(
  m: Model,
  w: Worker,
  sinks: readonly Sink[],
  knows: readonly number[],
  e: Extract<Effect, { do: "publish" | "describe" }>,
): SinkMove[] {
  const j = w.task.slots.findIndex((s) => s.id === e.slot);
  const slot = w.task.slots[j];
  const at = knows[e.sink];
  if (slot === undefined || slot.end === null || at === undefined)
    throw new RangeError("no such slot");
  const start = Number(slot.start);
  const sink = sinkAt(sinks, knows, e.sink);
  const data = `${slot.end}${w.held[j]}`;
  const what = e.do === "publish" ? "data" : "manifest";
  const label = `${e.do} sink${at} [${start},${slot.end})${w.held[j]}`;
  const answer = (event: Event, text = "", after_ = sinks, created = false): SinkMove => ({
    label: label + text,
    worker: after(m.table, w, event),
    sinks: after_,
    created: created && e.sink === 0 && !slot.mend ? { start, value: data } : null,
    late: null,
  });
  const done: Event =
    e.do === "publish"
      ? { of: "published", slot: e.slot, sink: e.sink }
      : { of: "described", slot: e.slot, sink: e.sink };
  const alarm = (code: string): Event => ({ of: "alarm", code, text: "" });
  const code = e.sink === 0 ? "primary-invalid" : "sink-conflict";
  const value = what === "data" ? data : manifestFor(m, sinks, knows, e.sink, start, data);
  if (value === null) return [answer(alarm("primary-invalid"), ": no predecessor")];
  const there = (what === "data" ? sink.data[start] : sink.manifests[start]) ?? "";
  const request: LateRequest = { sink: at, start, what, value };
  if (there === "") {
    const now = answer(done, ": created", put(sinks, request), what === "data");
    return [
      now,
      { ...answer(done), label: `${label}: sent, arrives late`, worker: w, late: request },
    ];
  }
  if (there === value || m.broken.existsIsSuccess) return [answer(done, ": there")];
  if (what === "data" && e.sink === 0) {
    if (m.setting.weak) return [answer(done, ": OVERWRITES", put(sinks, request))];
    const theirs = { end: BigInt(endOf(there)), mark: markOf(bytesOf(there)) };
    return [answer({ of: "differs", slot: e.slot, sink: 0, ...theirs }, `: differs, ${there}`)];
  }
  return [answer(alarm(code), ": differs, ALARM")];
}

/** The manifest's text; null when the primary does not have the predecessor. */
function manifestFor(
  m: Model,
  sinks: readonly Sink[],
  knows: readonly number[],
  sink: number,
  start: number,
  data: string,
): string | null {
  const from = sinkAt(sinks, knows, m.broken.ownChain ? sink : 0);
  const below = floor(from, start - 1);
  if (below >= 0 && endOf(from.manifests[below] ?? "") !== start) return null;
  const previous = below < 0 ? 0 : linkOf(from.manifests[below] ?? "");
  const link = m.chain.next(previous, start, endOf(data), markOf(bytesOf(data)));
  return `${data}:${link}`;
}
