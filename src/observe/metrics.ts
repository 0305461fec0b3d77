import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from "prom-client";
import { ERRORS } from "../core/errors.ts";
import type { BatchConfirmed, ArchiverEvent, SinkCalled } from "./events.ts";
import { BoundedLabel } from "./bounded-label.ts";
import type { StatusReport } from "./status-report.ts";

const SECONDS = [0.005, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120];
const SIZES = [16, 64, 256, 1024, 4096, 8192, 16_384, 32_768, 65_536].map((kib) => kib * 1024);
const MAX_TOPICS = 200;
const MAX_VALUES = 100;
const STATES = ["locating", "walking", "running", "stopped"] as const;

type Names = readonly string[];

/** Prometheus metrics. Counters follow from events; gauges are read from the status at each scrape. */
export class Metrics {
  readonly registry = new Registry();
  readonly #status: () => StatusReport | null;
  readonly #topic = new BoundedLabel(MAX_TOPICS);
  readonly #value = new BoundedLabel(MAX_VALUES);

  readonly #records = this.#counter("records_total", "Records in confirmed batches", ["topic"]);
  readonly #rawBytes = this.#counter(
    "raw_bytes_total",
    "Bytes of sealed batches as they came from Kafka",
    ["topic"],
  );
  readonly #fetchedBytes = this.#counter(
    "fetched_bytes_total",
    "Bytes of records that Kafka sent; those dropped and fetched again count each time",
    ["topic"],
  );
  readonly #storedBytes = this.#counter(
    "stored_bytes_total",
    "Bytes of confirmed batches as stored in each sink",
    ["topic"],
  );
  readonly #batches = this.#counter("batches_total", "Batches confirmed by every sink", ["topic"]);
  readonly #cuts = this.#counter("batch_cuts_total", "Batches sealed, by the rule that cut them", [
    "reason",
  ]);
  readonly #size = this.#histogram("batch_stored_bytes", "Sizes of stored files", [], SIZES);
  readonly #stage = this.#histogram(
    "stage_seconds",
    "Time a batch spends in a stage (seal, deliver)",
    ["stage"],
    SECONDS,
  );
  readonly #holes = this.#counter(
    "hole_offsets_total",
    "Offsets in confirmed batches without a record",
    ["reason"],
  );
  readonly #adopted = this.#counter(
    "batches_adopted_total",
    "Batches that a sink already held and that were finished",
    [],
  );
  readonly #revised = this.#counter(
    "batches_revised_total",
    "Batches made anew with other content",
    [],
  );
  readonly #commits = this.#counter("commits_total", "Offset commits, by what they were for", [
    "why",
  ]);
  readonly #retries = this.#counter("step_retries_total", "Steps of a partition done again", [
    "step",
  ]);
  readonly #errors = this.#counter("errors_total", "Errors, by code (docs/errors.md)", ["code"]);
  readonly #conflicts = this.#counter(
    "conflicts_total",
    "Partitions stopped because something is not what it should be",
    ["code"],
  );
  readonly #rebalances = this.#counter("rebalances_total", "Assignments received from the group", [
    "group",
  ]);
  readonly #lost = this.#counter(
    "memberships_lost_total",
    "Times the group had thrown this member out",
    ["group"],
  );
  readonly #calls = this.#counter("sink_calls_total", "Tries of calls of a sink", [
    "sink",
    "op",
    "outcome",
  ]);
  readonly #callSeconds = this.#histogram(
    "sink_call_seconds",
    "Time of one try",
    ["sink", "op"],
    SECONDS,
  );
  readonly #callBytes = this.#counter("sink_bytes_total", "Bytes written to or read from a sink", [
    "sink",
    "op",
  ]);
  readonly #lag = this.#gauge(
    "lag_offsets",
    "Offsets in Kafka that are not committed as archived",
    ["topic"],
  );
  readonly #oldest = this.#gauge(
    "oldest_unconfirmed_seconds",
    "Age of the oldest record that not every sink has confirmed",
    ["topic"],
  );
  readonly #partitions = this.#gauge("partitions", "Partitions of this process, by state", [
    "state",
  ]);
  readonly #inFlight = this.#gauge(
    "batches_in_flight",
    "Batches that are built, sealed or delivered now",
    [],
  );
  readonly #memoryUsed = this.#gauge("memory_used_bytes", "Bytes of the budget in use", []);
  readonly #memoryLimit = this.#gauge(
    "memory_limit_bytes",
    "What memory of the configuration leaves for batches",
    [],
  );
  readonly #sinkUp = this.#gauge("sink_up", "1: well, 0: retrying, parked or unreachable", [
    "sink",
  ]);
  readonly #sinkBehind = this.#gauge(
    "sink_behind_offsets",
    "Offsets that the primary has and this sink has not",
    ["sink"],
  );
  readonly #build = this.#gauge("build_info", "Always 1", ["version"]);

  constructor(version: string, status: () => StatusReport | null) {
    this.#status = status;
    this.#build.set({ version }, 1);
    collectDefaultMetrics({ register: this.registry });
  }

  take(event: ArchiverEvent): void {
    switch (event.what) {
      case "fetched":
        return this.#fetchedBytes.inc({ topic: this.#topic.of(event.topic) }, event.bytes);
      case "batch-sealed":
        this.#cuts.inc({ reason: event.reason });
        this.#rawBytes.inc({ topic: this.#topic.of(event.batch.topic) }, event.rawBytes);
        return this.#stage.observe({ stage: "seal" }, event.ms / 1000);
      case "batch-confirmed":
        return this.#confirmed(event);
      case "batch-adopted":
        return this.#adopted.inc();
      case "batch-revised":
        return this.#revised.inc();
      case "committed":
        return this.#commits.inc({ why: event.why });
      case "step-retried":
        return this.#retries.inc({ step: this.#value.of(event.step) });
      case "partition-stopped":
        if (ERRORS[event.code].class === "conflict") this.#conflicts.inc({ code: event.code });
        return this.#errors.inc({ code: event.code });
      case "fetch-failed":
      case "pipeline-failed":
      case "reload-refused":
        return this.#errors.inc({ code: event.code });
      case "partitions-assigned":
        return this.#rebalances.inc({ group: event.group });
      case "membership-lost":
        return this.#lost.inc({ group: event.group });
      case "sink-called":
        return this.#called(event);
      case "sink-state":
        if (event.code !== undefined) this.#errors.inc({ code: event.code });
        return;
      default:
        return;
    }
  }

  /** The text of a scrape. */
  async scrape(): Promise<{ type: string; text: string }> {
    const status = this.#status();
    if (status !== null) this.#read(status);
    return { type: this.registry.contentType, text: await this.registry.metrics() };
  }

  #confirmed({ batch, ms }: BatchConfirmed): void {
    const topic = this.#topic.of(batch.topic);
    this.#batches.inc({ topic });
    this.#records.inc({ topic }, Number(batch.records));
    this.#storedBytes.inc({ topic }, batch.seal.size);
    this.#size.observe(batch.seal.size);
    this.#stage.observe({ stage: "deliver" }, ms / 1000);
    const { aborted, control, compacted, filtered, deadLettered } = batch;
    const holes = { aborted, control, compacted, filtered, "dead-lettered": deadLettered };
    for (const [reason, offsets] of Object.entries(holes)) {
      if (offsets > 0n) this.#holes.inc({ reason }, Number(offsets));
    }
  }

  #called({ sink, op, outcome, ms, bytes }: SinkCalled): void {
    this.#calls.inc({ sink, op, outcome });
    this.#callSeconds.observe({ sink, op }, ms / 1000);
    if (bytes > 0) this.#callBytes.inc({ sink, op }, bytes);
  }

  #read(status: StatusReport): void {
    this.#lag.reset();
    this.#oldest.reset();
    const oldest = new Map<string, number>();
    let inFlight = 0;
    for (const p of status.partitions) {
      const topic = this.#topic.of(p.topic);
      this.#lag.inc({ topic }, Number(p.lag ?? 0n));
      oldest.set(topic, Math.max(oldest.get(topic) ?? 0, p.oldestUnconfirmedMs ?? 0));
      inFlight += p.inFlight;
    }
    for (const [topic, ms] of oldest) this.#oldest.set({ topic }, ms / 1000);
    for (const state of STATES) {
      this.#partitions.set({ state }, status.partitions.filter((p) => p.state === state).length);
    }
    this.#inFlight.set(inFlight);
    this.#memoryUsed.set(status.memory?.used ?? 0);
    this.#memoryLimit.set(status.memory?.limit ?? 0);
    for (const s of status.sinks) {
      this.#sinkUp.set({ sink: s.name }, s.state === "ok" ? 1 : 0);
      if (s.behind !== null) this.#sinkBehind.set({ sink: s.name }, Number(s.behind));
    }
  }

  #counter(name: string, help: string, labelNames: Names): Counter {
    return new Counter({
      name: `bulk_archiver_${name}`,
      help,
      labelNames,
      registers: [this.registry],
    });
  }

  #gauge(name: string, help: string, labelNames: Names): Gauge {
    return new Gauge({
      name: `bulk_archiver_${name}`,
      help,
      labelNames,
      registers: [this.registry],
    });
  }

  #histogram(name: string, help: string, labelNames: Names, buckets: number[]): Histogram {
    const registers = [this.registry];
    return new Histogram({ name: `bulk_archiver_${name}`, help, labelNames, buckets, registers });
  }
}
