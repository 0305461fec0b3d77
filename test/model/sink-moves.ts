import type { Effect, Event } from "../../src/pipeline/effect.ts";
import type { Head, Look } from "../../src/pipeline/state.ts";
import { after } from "./canonical.ts";
import { fillMoves } from "./fill-moves.ts";
import { floor, type Model, putMoves, sinkAt, type SinkMove } from "./put-moves.ts";
import type { Log, Setting, Sink, Worker } from "./world.ts";
import { bytesOf, endOf, linkOf, markOf, onlyControl } from "./world.ts";

const whole = (sink: Sink, start: number): boolean =>
  (sink.data[start] ?? "") !== "" && (sink.manifests[start] ?? "") !== "";

export function headOf(sink: Sink, how: Setting["heads"]): Head {
  const first = sink.manifests.findIndex((m) => m !== "");
  if (first < 0) return "empty";
  let at = how === "newest" ? floor(sink, sink.manifests.length) : first;
  if (how === "newest") at = whole(sink, at) ? endOf(sink.data[at] ?? "") : at;
  else while (whole(sink, at)) at = endOf(sink.data[at] ?? "");
  return { first: BigInt(first), head: BigInt(at) };
}

function lookAt(sink: Sink, at: number): Look {
  const below = floor(sink, at);
  const covers = below >= 0 && endOf(sink.manifests[below] ?? "") > at;
  const start = covers ? below : at;
  const data = sink.data[start] ?? "";
  const manifest = sink.manifests[start] ?? "";
  if (data === "") return "nothing";
  const found = { start: BigInt(start), end: BigInt(endOf(data)), mark: markOf(bytesOf(data)) };
  if (manifest === "") return { ...found, step: "data", link: null };
  return { ...found, step: "whole", link: String(linkOf(manifest)) };
}

/** What the records [start, end) become when this worker seals them; several when salts differ. */
function made(m: Model, w: Worker, log: Log, mark: string | null): readonly string[] {
  if (log.vanished) return ["b"];
  if (w.upgraded && m.setting.upgraded === "content") return ["b"];
  const letters = mark === "a" || mark === "c" ? [mark] : ["a", "c"].slice(0, m.setting.salts);
  return w.upgraded ? letters.map((l) => l.toUpperCase()) : letters;
}

/** The ends a cut can have. */
function ends(m: Model, log: Log, e: Extract<Effect, { do: "build" }>): readonly number[] {
  const { setting, broken } = m;
  const start = Number(e.start);
  if (e.exact !== null && !broken.anyEnd) {
    const end = Number(e.exact.end);
    return end <= log.end ? [end] : [];
  }
  const limit = e.limit === null || broken.noLimit ? null : Number(e.limit);
  const found: number[] = [];
  for (let end = start + 1; end <= log.end; end += 1) {
    if (onlyControl(setting, start, end)) continue;
    if (limit !== null && end > limit && !onlyControl(setting, start, limit)) continue;
    found.push(end);
  }
  return found;
}

/** Everything a worker may do now that needs no coordinator. */
export function sinkMoves(
  m: Model,
  w: Worker,
  sinks: readonly Sink[],
  log: Log,
  knows: readonly number[],
): SinkMove[] {
  const moves: SinkMove[] = [];
  const say = (label: string, event: Event, built?: { slot: number; bytes: string }): void => {
    moves.push({
      label,
      worker: after(m.table, w, event, built),
      sinks,
      created: null,
      late: null,
    });
  };
  for (const e of m.table.wanted(w.task)) {
    switch (e.do) {
      case "head":
        headMoves(m, e.sink, sinkAt(sinks, knows, e.sink), say);
        break;
      case "resolve-start": {
        const offset = e.committed ?? BigInt(log.start);
        if ((w.task.archivedTo ?? 0n) > 0n) {
          say("the archive is EMPTIED", { of: "alarm", code: "archive-emptied", text: "" });
          break;
        }
        say(`resolve start ${offset}`, { of: "resolve-start", offset });
        break;
      }
      case "recall": {
        const away = w.task.behind.flatMap((from, sink) => (from === null ? [] : [sink]));
        say("recall who is away", { of: "recalled", sinks: away });
        break;
      }
      case "look": {
        const look = lookAt(sinkAt(sinks, knows, e.sink), Number(e.at));
        const text = look === "nothing" ? "nothing" : `[${look.start},${look.end}) ${look.step}`;
        say(`look sink${e.sink} at ${e.at}: ${text}`, { of: "look", sink: e.sink, at: e.at, look });
        if (m.broken.awayIsEmpty && look !== "nothing") {
          say(`look sink${e.sink} at ${e.at}: away`, {
            of: "look",
            sink: e.sink,
            at: e.at,
            look: "nothing",
          });
        }
        break;
      }
      case "build":
        // A sink restored under a daemon is noticed before the next batch, or else not at all.
        if (!(m.setting.idleRestore && isShort(m, w, sinks, knows))) buildMoves(m, w, log, e, say);
        break;
      case "take": {
        const start = Number(e.start);
        const data = sinkAt(sinks, knows, e.sink).data[start] ?? "";
        if (data === "") say(`take sink${e.sink} ${start}: gone`, { of: "lost-batch" });
        else {
          const [end, bytes] = [BigInt(endOf(data)), bytesOf(data)];
          say(
            `take sink${e.sink} [${start},${end})${bytes}`,
            { of: "take", slot: e.slot, end, mark: markOf(bytes) },
            { slot: e.slot, bytes },
          );
        }
        break;
      }
      case "publish":
      case "describe":
        moves.push(...putMoves(m, w, sinks, knows, e));
        break;
      case "commit":
      case "read-committed":
        break;
    }
  }
  idleMoves(m, w, sinks, log, knows, say);
  return [...moves, ...fillMoves(m, w, sinks, knows)];
}

type Say = (label: string, event: Event, built?: { slot: number; bytes: string }) => void;

function headMoves(m: Model, sink: number, at: Sink, say: Say): void {
  const head = headOf(at, m.setting.heads);
  const text = head === "empty" ? "empty" : `${head.first} to ${head.head}`;
  say(`head sink${sink}: ${text}`, { of: "head", sink, head });
  if (m.broken.awayIsEmpty && head !== "empty")
    say(`head sink${sink}: away`, { of: "head", sink, head: "empty" });
}

function buildMoves(
  m: Model,
  w: Worker,
  log: Log,
  e: Extract<Effect, { do: "build" }>,
  say: Say,
): void {
  const start = Number(e.start);
  if (start < log.start) {
    say(`build [${start}: gone`, { of: "gone", slot: e.slot, text: "gone" });
    return;
  }
  const known = w.task.slots.find((s) => s.id === e.slot)?.end ?? null;
  for (const end of ends(m, log, e)) {
    const mark = e.exact === null ? null : e.exact.mark;
    for (const bytes of made(m, w, log, mark)) {
      say(
        `build [${start},${end})${bytes}`,
        { of: "build", slot: e.slot, end: BigInt(end), mark: markOf(bytes) },
        { slot: e.slot, bytes },
      );
    }
    if (m.setting.cuts && known === null)
      say(`cut [${start},${end})`, { of: "cut", slot: e.slot, end: BigInt(end) });
  }
}

/** What the runtime notices while a task has nothing at hand (rules 7 and 11). */
function idleMoves(
  m: Model,
  w: Worker,
  sinks: readonly Sink[],
  log: Log,
  knows: readonly number[],
  say: Say,
): void {
  const open = w.task.slots.find((s) => s.end === null);
  if (open !== undefined && w.task.phase !== "stopped") {
    const at = Number(open.start);
    const markers = at < log.end && onlyControl(m.setting, at, log.end);
    const known = w.task.tail?.from === open.start && w.task.tail.to === BigInt(log.end);
    if (markers && !known) say(`tail ${log.end}`, { of: "tail", offset: BigInt(log.end) });
  }
  if (isShort(m, w, sinks, knows)) say("check: a sink lost its newest batch", { of: "lost-batch" });
}

/** What the check of an idle task would find. */
function isShort(m: Model, w: Worker, sinks: readonly Sink[], knows: readonly number[]): boolean {
  const { phase, archived, slots } = w.task;
  // A planned batch is about to be delivered: a sink without it has lost nothing.
  if (phase !== "running" || !archived || slots.some((s) => s.ready || s.planned)) return false;
  return knows.some((_, i) => {
    if (w.task.behind[i] !== null) return false;
    const head = headOf(sinkAt(sinks, knows, i), m.setting.heads);
    return head === "empty" || head.head < w.task.position;
  });
}
