import type { DaemonView } from "./daemon-host.ts";
import { EndsWatch } from "./ends-watch.ts";
import { eventWords } from "./event-words.ts";
import type { ArchiverEvent } from "./events.ts";
import type { GroupReport } from "./group-report.ts";
import { History } from "./history.ts";
import type { LiveEvent, LiveReport, LiveTotals } from "./live-report.ts";
import { keyOf, MemberRates, rowsOf } from "./live-rows.ts";
import { lastProof } from "./last-proof.ts";
import { RateWindow } from "./rate-window.ts";
import { withPartitions } from "./sink-levels.ts";
import { SinkWatch } from "./sink-watch.ts";
import type { PartitionStatus, StatusReport } from "./status-report.ts";
import { startingVerdict, verdictOf } from "./verdict.ts";

const MAX_EVENTS = 200;
/** Between two looks at the group: while somebody reads the page, and otherwise, for retention. */
const GROUP_MS = { watched: 5_000, alone: 60_000 };
const GROUP_TIMEOUT_MS = 10_000;
/** Many routes ask for it; the work of making it is bounded by this. */
const STATUS_MS = 250;
const FALLBACK = { unconfirmedMs: 120_000, batchAgeMs: 60_000 };

export interface LiveOptions {
  readonly tool: string;
  readonly version: string;
  /** Of the first pipeline: known before anything started. */
  readonly group: string;
  readonly view: () => DaemonView | null;
  /** Wall clock, milliseconds since the epoch. */
  readonly wall: () => number;
}

/** Gathers what the page shows: from events, from the daemon's view, and from Kafka for the others. */
export class Live {
  readonly #o: LiveOptions;
  readonly #sinks = new SinkWatch();
  readonly #history: History;
  readonly #rates = { records: new RateWindow(), raw: new RateWindow(), stored: new RateWindow() };
  readonly #step = { records: 0, bytes: 0 };
  readonly #members = new MemberRates();
  readonly #ends = new EndsWatch();
  readonly #startedAtMs: number;
  #events: LiveEvent[] = [];
  #nextId = 1;
  #stops = new Map<string, { readonly code: string; readonly text: string }>();
  #stopping = false;
  #groups: readonly GroupReport[] = [];
  #groupsAtMs = Number.NEGATIVE_INFINITY;
  #groupError: string | null = null;
  #asking = false;
  #report: { readonly atMs: number; readonly report: LiveReport } | null = null;
  #status: { readonly atMs: number; readonly report: StatusReport } | null = null;

  constructor(options: LiveOptions) {
    this.#o = options;
    this.#startedAtMs = options.wall();
    this.#history = new History(this.#startedAtMs);
  }

  take(e: ArchiverEvent): void {
    const nowMs = this.#o.wall();
    this.#sinks.take(e, nowMs);
    if (e.what === "sink-state") this.#history.sinkChanged(e.sink, e.state === "ok", nowMs);
    if (e.what === "daemon-stopping") this.#stopping = true;
    if (e.what === "batch-sealed") this.#rates.raw.add(nowMs, e.rawBytes);
    if (e.what === "batch-confirmed") {
      const [records, stored] = [Number(e.batch.records), e.batch.seal.size];
      this.#rates.records.add(nowMs, records);
      this.#rates.stored.add(nowMs, stored);
      this.#step.records += records;
      this.#step.bytes += stored;
    }
    if (e.what === "partition-stopped") {
      this.#stops.set(`${e.scope.topic}/${e.scope.partition}`, { code: e.code, text: e.text });
    }
    const said = eventWords(e);
    if (said === null) return;
    const id = this.#nextId++;
    this.#events = [...this.#events, { id, atMs: nowMs, ...said }].slice(-MAX_EVENTS);
  }

  get stopping(): boolean {
    return this.#stopping;
  }

  /** The daemon's own status, at most four times a second made anew; null while it starts. */
  status(): StatusReport | null {
    const view = this.#o.view();
    if (view === null) return null;
    const atMs = this.#o.wall();
    if (this.#status === null || Math.abs(atMs - this.#status.atMs) > STATUS_MS) {
      this.#status = { atMs, report: view.status() };
    }
    return this.#status.report;
  }

  /** Once a second: keeps the history, and asks Kafka now and then for the group's others. */
  tick(watched: boolean, signal: AbortSignal): void {
    const nowMs = this.#o.wall();
    this.#sinks.tick(nowMs);
    void this.#lookAtGroup(nowMs, watched ? GROUP_MS.watched : GROUP_MS.alone, signal);
    if (!this.#history.due(nowMs)) return;
    const partitions = this.status()?.partitions;
    const oldest = (partitions ?? []).flatMap((p) => p.oldestUnconfirmedMs ?? []);
    const lag = partitions?.reduce((sum, p) => sum + Number(p.lag ?? 0n), 0) ?? null;
    const oldestMs = partitions === undefined ? null : Math.max(0, ...oldest);
    const produced = partitions === undefined ? null : this.#ends.grownBy(partitions);
    this.#history.add(nowMs, { ...this.#step, produced, oldestMs, lag });
    [this.#step.records, this.#step.bytes] = [0, 0];
  }

  /** Never rejects: what went wrong is in the report. */
  async #lookAtGroup(nowMs: number, everyMs: number, signal: AbortSignal): Promise<void> {
    const view = this.#o.view();
    if (view === null || this.#asking || nowMs - this.#groupsAtMs < everyMs) return;
    this.#asking = true;
    try {
      const limit = AbortSignal.any([signal, AbortSignal.timeout(GROUP_TIMEOUT_MS)]);
      this.#groups = await view.groups(limit);
      this.#groupError = null;
      this.#members.looked(this.#groups, this.#o.wall());
    } catch (error) {
      this.#groupError = error instanceof Error ? error.message : String(error);
    } finally {
      this.#groupsAtMs = this.#o.wall();
      this.#asking = false;
    }
  }

  /** Everything: what a new stream begins with. Made anew as seldom as the status. */
  report(): LiveReport {
    const atMs = this.#o.wall();
    if (this.#report === null || Math.abs(atMs - this.#report.atMs) > STATUS_MS) {
      this.#report = { atMs, report: this.#make() };
    }
    return this.#report.report;
  }

  #make(): LiveReport {
    const { tool, version, group, view } = this.#o;
    const nowMs = this.#o.wall();
    const status = this.status();
    const limits = view()?.limits() ?? FALLBACK;
    const self = view()?.self() ?? "";
    const waiting = (sink: string): number =>
      (status?.partitions ?? []).filter((p) => p.waitsFor?.includes(sink) === true).length;
    const watched = this.#sinks.view(status?.sinks ?? [], nowMs, waiting);
    const isAway = (name: string): boolean =>
      watched.some((s) => s.name === name && s.level !== "ok");
    const rules = {
      nowMs: this.#status?.atMs ?? nowMs,
      limitMs: limits.unconfirmedMs,
      self,
      isAway,
    };
    const partitions = rowsOf(status?.partitions ?? [], this.#groups, rules);
    const sinks = withPartitions(watched, partitions, status?.partitions ?? []);
    const totals = this.#totals(status, nowMs);
    const ages = partitions.flatMap((p) => (p.oldestAtMs === null ? [] : [nowMs - p.oldestAtMs]));
    const oldestMs = ages.length === 0 ? null : Math.max(0, ...ages);
    const stops = new Map(
      [...this.#stops].filter(([key]) =>
        partitions.some((p) => p.state === "stopped" && key === `${p.topic}/${p.partition}`),
      ),
    );
    this.#stops = stops;
    const facts = { nowMs, sinks, partitions, oldestMs, stops, stopping: this.#stopping };
    const { batchAgeMs, unconfirmedMs: limitMs } = limits;
    const { retentionLeftMs } = totals;
    const notMember = status === null ? null : (view()?.notReady() ?? null);
    return {
      nowMs,
      verdict:
        status === null
          ? startingVerdict(sinks, nowMs)
          : verdictOf({ ...facts, limitMs, batchAgeMs, retentionLeftMs, notMember }),
      daemon: {
        ...{ tool, version, group, clusterId: status?.clusterId ?? null },
        member: self === "" ? null : self,
        startedAtMs: this.#startedAtMs,
      },
      limits,
      totals: { ...totals, oldestMs },
      groupError: this.#groupError,
      sinks,
      members: this.#members.view(this.#groups, partitions),
      partitions,
      gone: [],
      events: this.#events,
      history: this.#history.view(),
    };
  }

  #totals(status: StatusReport | null, nowMs: number): LiveTotals {
    const partitions = status?.partitions ?? [];
    const known = partitions.flatMap((p) => (p.lag === null ? [] : [p.lag]));
    const { records, raw, stored } = this.#rates;
    return {
      oldestMs: null,
      recordsPerS: records.perSecond(nowMs),
      rawBytesPerS: raw.perSecond(nowMs),
      storedBytesPerS: stored.perSecond(nowMs),
      lag: known.length === 0 ? null : String(known.reduce((a, b) => a + b, 0n)),
      memoryUsed: status?.memory?.used ?? 0,
      memoryLimit: status?.memory?.limit ?? 0,
      inFlight: partitions.reduce((n, p) => n + p.inFlight, 0),
      lastProof: lastProof(this.#groups),
      retentionLeftMs: this.#retentionLeft(partitions),
    };
  }

  /** How long Kafka keeps what is not archived; null: for ever, or nothing waits, or it is not known. */
  retentionLeftMs(): number | null {
    return this.#retentionLeft(this.status()?.partitions ?? []);
  }

  #retentionLeft(partitions: readonly PartitionStatus[]): number | null {
    const retention = new Map(this.#groups.flatMap((g) => [...g.retentionMs]));
    const left = partitions.flatMap((p) => {
      const keptMs = retention.get(p.topic);
      if (keptMs === undefined || p.lag === 0n) return [];
      return [Math.max(0, keptMs - (p.oldestUnconfirmedMs ?? 0))];
    });
    return left.length === 0 ? null : Math.min(...left);
  }
}

/** What an update holds of the new report: only partitions, events and history that changed. */
export function changes(before: LiveReport, after: LiveReport): LiveReport {
  const known = new Map(before.partitions.map((p) => [keyOf(p), JSON.stringify(p)]));
  const partitions = after.partitions.filter((p) => known.get(keyOf(p)) !== JSON.stringify(p));
  const there = new Set(after.partitions.map(keyOf));
  const lastId = before.events.at(-1)?.id ?? 0;
  const grown = before.history?.untilMs !== after.history?.untilMs;
  const changed =
    JSON.stringify(before.history?.outages) !== JSON.stringify(after.history?.outages);
  return {
    ...after,
    partitions,
    gone: [...known.keys()].filter((key) => !there.has(key)),
    events: after.events.filter((e) => e.id > lastId),
    history: grown || changed ? after.history : null,
  };
}
