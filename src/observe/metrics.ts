import { collectDefaultMetrics, Registry } from "prom-client";
import { ERRORS } from "../core/errors.ts";
import { BoundedLabel } from "./bounded-label.ts";
import type { ArchiverEvent, BatchConfirmed, SinkCalled } from "./events.ts";
import { metricSet } from "./metric-set.ts";
import type { StatusReport } from "./status-report.ts";

export const MAX_TOPICS = 200;
const MAX_VALUES = 100;
/** Series of partitions end here: the rest shows by topic. */
export const MAX_PARTITIONS = 2_000;
/** Counted from 0, so that the first one is an increase too. */
const HOLES = ["aborted", "control", "compacted", "filtered", "dead-lettered"] as const;
const STATES = ["locating", "walking", "running", "paused", "stopped"] as const;

/** What is read at each scrape. */
export interface MetricSources {
  readonly status: () => StatusReport | null;
  readonly limitMs: () => number | null;
  readonly retentionLeftMs: () => number | null;
  readonly ready: () => boolean;
  readonly streams: () => number;
  readonly perPartition: boolean;
}

type Labels = Readonly<Record<string, string>>;

const NONE: MetricSources = {
  status: () => null,
  limitMs: () => null,
  retentionLeftMs: () => null,
  ready: () => false,
  streams: () => 0,
  perPartition: true,
};

/** Prometheus metrics. Counters follow from events; gauges are read from the status at each scrape. */
export class Metrics {
  readonly registry = new Registry();
  readonly #m = metricSet(this.registry);
  readonly #sources: MetricSources;
  readonly #topic = new BoundedLabel(MAX_TOPICS);
  /** Names of pipelines by their groups. */
  readonly #pipelines = new Map<string, string>();
  #scrape: Promise<{ type: string; text: string }> | null = null;
  readonly #value = new BoundedLabel(MAX_VALUES);

  constructor(version: string, sources: Partial<MetricSources> = {}) {
    this.#sources = { ...NONE, ...sources };
    this.#m.build.set({ version }, 1);
    for (const reason of HOLES) this.#m.holes.inc({ reason }, 0);
    collectDefaultMetrics({ register: this.registry });
  }

  take(event: ArchiverEvent): void {
    const m = this.#m;
    switch (event.what) {
      case "fetched":
        return m.fetchedBytes.inc(this.#of(event, event.topic), event.bytes);
      case "batch-sealed":
        m.cuts.inc({ reason: event.reason });
        m.rawBytes.inc(this.#of(event, event.batch.topic), event.rawBytes);
        m.rawSize.observe(event.rawBytes);
        return m.stage.observe({ stage: "seal" }, event.ms / 1000);
      case "batch-confirmed":
        return this.#confirmed(event);
      case "batch-adopted":
        return m.adopted.inc();
      case "batch-revised":
        return m.revised.inc();
      case "committed":
        return m.commits.inc({ why: event.why });
      case "step-retried":
        return m.retries.inc({ step: this.#value.of(event.step) });
      case "partition-stopped":
        if (ERRORS[event.code].class === "conflict") m.conflicts.inc({ code: event.code });
        return m.errors.inc({ code: event.code });
      case "fetch-failed":
      case "pipeline-failed":
      case "reload-refused":
        return m.errors.inc({ code: event.code });
      case "sink-state":
        if (event.code !== undefined) m.errors.inc({ code: event.code });
        return;
      default:
        return this.#takeMore(event);
    }
  }

  #takeMore(event: ArchiverEvent): void {
    const m = this.#m;
    switch (event.what) {
      case "daemon-started":
        for (const { name: sink } of event.sinks) m.detached.inc({ sink }, 0);
        for (const { name: pipeline, group } of event.pipelines) {
          this.#pipelines.set(group, pipeline);
          m.lastConfirmed.set({ pipeline }, 0);
          m.rebalances.inc({ group }, 0);
          m.lost.inc({ group }, 0);
        }
        return;
      case "partitions-assigned":
        return m.rebalances.inc({ group: event.group });
      case "membership-lost":
        return m.lost.inc({ group: event.group });
      case "sink-called":
        return this.#called(event);
      case "sink-detached":
        return m.detached.inc({ sink: event.sink });
      case "sink-filled":
        return m.filled.inc({ sink: event.sink });
      case "warned":
        return m.warnings.inc({ code: this.#value.of(event.code) });
      default:
        return;
    }
  }

  /** The text of a scrape; who asks while one is made gets the same. */
  scrape(): Promise<{ type: string; text: string }> {
    this.#scrape ??= this.#make().finally(() => {
      this.#scrape = null;
    });
    return this.#scrape;
  }

  async #make(): Promise<{ type: string; text: string }> {
    this.read();
    return { type: this.registry.contentType, text: await this.registry.metrics() };
  }

  /** Brings the gauges up to now. */
  read(): void {
    const { status, limitMs, retentionLeftMs, ready, streams } = this.#sources;
    const m = this.#m;
    const now = status();
    m.ready.set(ready() ? 1 : 0);
    m.streams.set(streams());
    set(m.limit, limitMs());
    set(m.retentionLeft, retentionLeftMs());
    if (now === null) return;
    this.#readPartitions(now);
    this.#readSinks(now);
    m.memoryUsed.set(now.memory?.used ?? 0);
    m.memoryLimit.set(now.memory?.limit ?? 0);
  }

  /** Of what is told by topic: two pipelines may archive the same one, each in its own time. */
  #of({ pipeline }: { readonly pipeline?: string }, topic: string): Labels {
    const label = { topic: this.#topic.of(topic) };
    return pipeline === undefined ? label : { pipeline, ...label };
  }

  #confirmed(event: ArchiverEvent & BatchConfirmed): void {
    const { batch, ms } = event;
    const m = this.#m;
    const labels = this.#of(event, batch.topic);
    m.batches.inc(labels);
    m.records.inc(labels, Number(batch.records));
    m.storedBytes.inc(labels, batch.seal.size);
    m.size.observe(batch.seal.size);
    m.count.observe(Number(batch.records));
    m.stage.observe({ stage: "deliver" }, ms / 1000);
    const now = Date.now();
    const { pipeline } = event;
    m.lastConfirmed.set(pipeline === undefined ? {} : { pipeline }, now / 1000);
    // A producer may write any time into a record: one to come has no age.
    const ageMs = batch.minTimestamp === null ? -1 : now - Number(batch.minTimestamp);
    if (ageMs >= 0) m.confirmedAge.observe(ageMs / 1000);
    const { aborted, control, compacted, filtered, deadLettered } = batch;
    const holes = { aborted, control, compacted, filtered, "dead-lettered": deadLettered };
    for (const [reason, offsets] of Object.entries(holes)) {
      if (offsets > 0n) m.holes.inc({ reason }, Number(offsets));
    }
  }

  #called({ sink, op, outcome, ms, bytes }: SinkCalled): void {
    const m = this.#m;
    m.calls.inc({ sink, op, outcome });
    m.callSeconds.observe({ sink, op }, ms / 1000);
    if (bytes > 0) m.callBytes.inc({ sink, op }, bytes);
    const again = outcome === "sink-transient" || outcome === "sink-unauthorized";
    if (again) m.sinkRetries.inc({ sink, code: outcome });
  }

  #readPartitions({ partitions }: StatusReport): void {
    const m = this.#m;
    for (const gauge of [m.lag, m.oldest, m.partitionLag, m.partitionOldest]) gauge.reset();
    const oldest = new Map<string, { readonly labels: Labels; readonly ms: number }>();
    for (const p of partitions) {
      const pipeline = this.#pipelines.get(p.group);
      const labels = this.#of(pipeline === undefined ? {} : { pipeline }, p.topic);
      m.lag.inc(labels, Number(p.lag ?? 0n));
      const key = JSON.stringify(labels);
      const ms = Math.max(oldest.get(key)?.ms ?? 0, p.oldestUnconfirmedMs ?? 0);
      oldest.set(key, { labels, ms });
    }
    for (const { labels, ms } of oldest.values()) m.oldest.set(labels, ms / 1000);
    for (const state of STATES) {
      m.partitions.set({ state }, partitions.filter((p) => p.state === state).length);
    }
    m.inFlight.set(partitions.reduce((n, p) => n + p.inFlight, 0));
    if (!this.#sources.perPartition) return;
    for (const p of partitions.slice(0, MAX_PARTITIONS)) {
      const labels = { group: p.group, topic: p.topic, partition: String(p.partition) };
      if (p.lag !== null) m.partitionLag.set(labels, Number(p.lag));
      m.partitionOldest.set(labels, (p.oldestUnconfirmedMs ?? 0) / 1000);
    }
  }

  #readSinks({ sinks, partitions }: StatusReport): void {
    const m = this.#m;
    for (const { name: sink, state, behind } of sinks) {
      m.sinkUp.set({ sink }, state === "ok" ? 1 : 0);
      m.sinkParked.set({ sink }, state === "parked" ? 1 : 0);
      if (behind !== null) m.sinkBehind.set({ sink }, Number(behind));
      const waiting = partitions.filter((p) => p.waitsFor?.includes(sink) === true);
      m.sinkWaiting.set({ sink }, waiting.length);
      const lacking = partitions.filter((p) => p.lacks?.includes(sink) === true);
      m.sinkLacking.set({ sink }, lacking.length);
    }
  }
}

/** A gauge without a value is left out of the scrape. */
function set(gauge: { set(v: number): void; remove(): void }, ms: number | null): void {
  if (ms === null) gauge.remove();
  else gauge.set(ms / 1000);
}
