import { Counter, Gauge, Histogram, type Registry } from "prom-client";

export const PREFIX = "bulk_archiver_";
const SECONDS = [0.005, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120];
/** Of what waits for `batch.age` and more. */
const LONG_SECONDS = [1, 5, 15, 30, 60, 120, 300, 900, 3600, 6 * 3600, 86_400];
const SIZES = [16, 64, 256, 1024, 4096, 8192, 16_384, 32_768, 65_536].map((kib) => kib * 1024);
const COUNTS = [1, 10, 100, 1000, 10_000, 100_000, 1_000_000];

interface Make {
  counter(name: string, help: string, ...labels: string[]): Counter;
  gauge(name: string, help: string, ...labels: string[]): Gauge;
  histogram(name: string, help: string, buckets: number[], ...labels: string[]): Histogram;
}

function into(registry: Registry): Make {
  const registers = [registry];
  return {
    counter: (name, help, ...labelNames) =>
      new Counter({ name: `${PREFIX}${name}`, help, labelNames, registers }),
    gauge: (name, help, ...labelNames) =>
      new Gauge({ name: `${PREFIX}${name}`, help, labelNames, registers }),
    histogram: (name, help, buckets, ...labelNames) =>
      new Histogram({ name: `${PREFIX}${name}`, help, labelNames, buckets, registers }),
  };
}

export type MetricSet = ReturnType<typeof throughput> &
  ReturnType<typeof protocol> &
  ReturnType<typeof sinks> &
  ReturnType<typeof state>;

/** Every metric of the product; docs/metrics.md is made from this. */
export function metricSet(registry: Registry): MetricSet {
  const make = into(registry);
  return { ...throughput(make), ...protocol(make), ...sinks(make), ...state(make) };
}

/** A topic may be archived by several pipelines. */
const BY_TOPIC = ["pipeline", "topic"] as const;

const throughput = (m: Make) => ({
  records: m.counter("records_total", "Records in confirmed batches", ...BY_TOPIC),
  rawBytes: m.counter(
    "raw_bytes_total",
    "Bytes of sealed batches as they came from Kafka",
    ...BY_TOPIC,
  ),
  fetchedBytes: m.counter(
    "fetched_bytes_total",
    "Bytes of records that Kafka sent; those dropped and fetched again count each time",
    ...BY_TOPIC,
  ),
  storedBytes: m.counter(
    "stored_bytes_total",
    "Bytes of confirmed batches as stored in each sink",
    ...BY_TOPIC,
  ),
  batches: m.counter("batches_total", "Batches confirmed by every sink", ...BY_TOPIC),
  cuts: m.counter("batch_cuts_total", "Batches sealed, by the rule that cut them", "reason"),
  rawSize: m.histogram("batch_raw_bytes", "Sizes of batches as they came from Kafka", SIZES),
  size: m.histogram("batch_stored_bytes", "Sizes of stored files", SIZES),
  count: m.histogram("batch_records", "Records of confirmed batches", COUNTS),
  stage: m.histogram(
    "stage_seconds",
    "Time a batch spends in a stage: seal, deliver (first put to last confirmation)",
    SECONDS,
    "stage",
  ),
  confirmedAge: m.histogram(
    "confirmed_age_seconds",
    "Age of a batch's oldest record when every sink had confirmed it, by the record's timestamp",
    LONG_SECONDS,
  ),
  lastConfirmed: m.gauge(
    "last_confirmed_timestamp_seconds",
    "When the last batch was confirmed by every sink; 0: none by this process",
    "pipeline",
  ),
});

const protocol = (m: Make) => ({
  holes: m.counter("hole_offsets_total", "Offsets in confirmed batches without a record", "reason"),
  adopted: m.counter(
    "batches_adopted_total",
    "Batches that a sink already held and that were finished",
  ),
  revised: m.counter("batches_revised_total", "Batches made anew with other content"),
  commits: m.counter("commits_total", "Offset commits, by what they were for", "why"),
  retries: m.counter("step_retries_total", "Steps of a partition done again", "step"),
  errors: m.counter("errors_total", "Errors, by code (docs/errors.md)", "code"),
  conflicts: m.counter(
    "conflicts_total",
    "Partitions stopped because something is not what it should be",
    "code",
  ),
  warnings: m.counter("warnings_total", "What an operator should know and stops nothing", "code"),
  rebalances: m.counter("rebalances_total", "Assignments received from the group", "group"),
  lost: m.counter("memberships_lost_total", "Times the group had thrown this member out", "group"),
});

const sinks = (m: Make) => ({
  calls: m.counter("sink_calls_total", "Tries of calls of a sink", "sink", "op", "outcome"),
  callSeconds: m.histogram("sink_call_seconds", "Time of one try", SECONDS, "sink", "op"),
  callBytes: m.counter("sink_bytes_total", "Bytes written to or read from a sink", "sink", "op"),
  sinkRetries: m.counter(
    "sink_retries_total",
    "Tries of calls of a sink that failed and are made again",
    "sink",
    "code",
  ),
  sinkUp: m.gauge("sink_up", "1: well, 0: retrying, parked or unreachable", "sink"),
  sinkParked: m.gauge("sink_parked", "1: it refuses the credentials", "sink"),
  sinkBehind: m.gauge(
    "sink_behind_offsets",
    "Offsets that the primary has and this sink has not",
    "sink",
  ),
  sinkWaiting: m.gauge(
    "sink_waiting_partitions",
    "Partitions whose oldest batch under way this sink has not confirmed",
    "sink",
  ),
  sinkLacking: m.gauge(
    "sink_detached_partitions",
    "Partitions that went on without this sink, which is not filled yet",
    "sink",
  ),
  detached: m.counter("sink_detached_total", "Times a partition went on without a sink", "sink"),
  filled: m.counter(
    "sink_filled_batches_total",
    "Batches copied to a sink that was behind",
    "sink",
  ),
});

const state = (m: Make) => ({
  lag: m.gauge("lag_offsets", "Offsets in Kafka that are not committed as archived", ...BY_TOPIC),
  oldest: m.gauge(
    "oldest_unconfirmed_seconds",
    "Age of the oldest record that not every sink has confirmed",
    ...BY_TOPIC,
  ),
  partitionLag: m.gauge(
    "partition_lag_offsets",
    "The same by partition, unless telemetry.perPartition is false",
    ...["group", "topic", "partition"],
  ),
  partitionOldest: m.gauge(
    "partition_oldest_unconfirmed_seconds",
    "The same by partition, unless telemetry.perPartition is false",
    ...["group", "topic", "partition"],
  ),
  limit: m.gauge(
    "unconfirmed_limit_seconds",
    "Older than this an unconfirmed record counts as behind: twice batch.age and a minute",
  ),
  retentionLeft: m.gauge(
    "retention_left_seconds",
    "How long Kafka keeps the oldest record that is not archived, by retention.ms; shortest of all",
  ),
  partitions: m.gauge("partitions", "Partitions of this process, by state", "state"),
  inFlight: m.gauge(
    "batches_in_flight",
    "Batches that are built, sealed or delivered now: the depth of the pipeline",
  ),
  memoryUsed: m.gauge("memory_used_bytes", "Bytes of the budget in use"),
  memoryLimit: m.gauge("memory_limit_bytes", "What memory of the configuration leaves for batches"),
  ready: m.gauge("ready", "1: what /readyz calls ready"),
  streams: m.gauge("http_event_streams", "Pages that are open now"),
  build: m.gauge("build_info", "Always 1", "version"),
});
