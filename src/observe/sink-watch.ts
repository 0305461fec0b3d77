import { ERRORS } from "../core/errors.ts";
import type { ArchiverEvent, SinkCalled, SinkStateChanged } from "./events.ts";
import type { Level, LiveSink } from "./live-report.ts";
import type { SinkStatus } from "./status-report.ts";

const MINUTE_MS = 60_000;
const MINUTES = 60;
const WRITES = 200;

interface Seen {
  readonly name: string;
  kind: string;
  primary: boolean;
  state: SinkStateChanged["state"];
  sinceMs: number;
  error: LiveSink["error"];
  /** Milliseconds of the last writes, a ring. */
  readonly writes: number[];
  calls: number;
  /** By minute since the epoch: 0 well, 1 tried again, 2 away. */
  readonly minutes: Map<number, number>;
}

const LEVEL: Readonly<Record<SinkStateChanged["state"], Level>> = {
  ok: "ok",
  retrying: "attention",
  parked: "human",
};

/** What every sink did in the last hour, from events alone: so it is known before the daemon started. */
export class SinkWatch {
  readonly #seen = new Map<string, Seen>();

  take(e: ArchiverEvent, nowMs: number): void {
    if (e.what === "daemon-started")
      for (const s of e.sinks) Object.assign(this.#of(s.name, nowMs), s);
    if (e.what === "sink-called") this.#called(e, nowMs);
    if (e.what === "sink-state") this.#changed(e, nowMs);
  }

  /** Once a second: a sink that goes on being away says nothing. */
  tick(nowMs: number): void {
    for (const seen of this.#seen.values()) this.#mark(seen, nowMs, seen.state === "ok" ? 0 : 2);
  }

  /** `status`: as the daemon sees them now; empty before it started. */
  view(
    status: readonly SinkStatus[],
    nowMs: number,
    waiting: (sink: string) => number,
  ): readonly LiveSink[] {
    const names = status.length > 0 ? status.map((s) => s.name) : [...this.#seen.keys()];
    return names.map((name) => {
      const seen = this.#of(name, nowMs);
      const now = status.find((s) => s.name === name);
      const state = now?.state === "parked" || now?.state === "retrying" ? now.state : seen.state;
      const bad = state !== "ok";
      this.#mark(seen, nowMs, bad ? 2 : 0);
      return {
        name,
        kind: now?.kind ?? seen.kind,
        primary: now?.primary ?? seen.primary,
        where: now?.where ?? null,
        level: LEVEL[state],
        state,
        sinceMs: seen.sinceMs,
        error: seen.error,
        todo: bad ? todoOf(seen) : null,
        nextMs: bad && now?.next != null ? Date.parse(now.next) : null,
        behind: now?.behind == null ? null : String(now.behind),
        waiting: waiting(name),
        lacking: 0,
        conflicts: 0,
        writeP95Ms: p95(seen.writes),
        minutes: minutesText(seen.minutes, nowMs),
      };
    });
  }

  #of(name: string, nowMs: number): Seen {
    const known = this.#seen.get(name);
    if (known !== undefined) return known;
    const [writes, minutes] = [[], new Map<number, number>()];
    const about = { name, kind: "", primary: false, state: "ok" as const, sinceMs: nowMs };
    const made: Seen = { ...about, error: null, writes, calls: 0, minutes };
    this.#seen.set(name, made);
    return made;
  }

  #called({ sink, op, outcome, ms }: SinkCalled, nowMs: number): void {
    const seen = this.#of(sink, nowMs);
    const failed = outcome in ERRORS;
    this.#mark(seen, nowMs, failed ? 1 : 0);
    if (op !== "publish" || failed || outcome === "aborted" || outcome === "failed") return;
    seen.writes[seen.calls++ % WRITES] = ms;
  }

  #changed({ sink, state, code, text }: SinkStateChanged, nowMs: number): void {
    const seen = this.#of(sink, nowMs);
    if (seen.state !== state) [seen.state, seen.sinceMs] = [state, nowMs];
    if (code !== undefined && state !== "ok") seen.error = { atMs: nowMs, code, text: text ?? "" };
    this.#mark(seen, nowMs, state === "ok" ? 0 : 2);
  }

  #mark({ minutes }: Seen, nowMs: number, mark: number): void {
    const minute = Math.floor(nowMs / MINUTE_MS);
    minutes.set(minute, Math.max(minutes.get(minute) ?? 0, mark));
    for (const m of minutes.keys()) if (m <= minute - MINUTES) minutes.delete(m);
  }
}

function todoOf({ name, state, error }: Seen): string {
  if (state === "parked")
    return `Give ${name} credentials that it takes; it is tried again by itself.`;
  const unreachable = error === null || error.code === "sink-transient";
  if (unreachable)
    return `Start ${name} or open the way to it. Nothing to do here: it is tried again by itself.`;
  return error.code in ERRORS
    ? ERRORS[error.code as keyof typeof ERRORS].next
    : "See its last error.";
}

function p95(writes: readonly number[]): number | null {
  if (writes.length === 0) return null;
  const sorted = [...writes].sort((a, b) => a - b);
  return Math.round(sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * 0.95))] ?? 0);
}

function minutesText(minutes: ReadonlyMap<number, number>, nowMs: number): string {
  const last = Math.floor(nowMs / MINUTE_MS);
  let text = "";
  for (let m = last - MINUTES + 1; m <= last; m++) text += String(minutes.get(m) ?? "-");
  return text;
}
