import { expect, test } from "vitest";
import { Metrics } from "../../src/observe/metrics.ts";
import type { StatusReport } from "../../src/observe/status-report.ts";
import { description, EVENTS } from "./events.ts";

type Samples = ReadonlyMap<string, number>;

/** Prometheus' text format: a strict reading, so that a scraper's would do as well. */
function samples(text: string): Samples {
  const found = new Map<string, number>();
  for (const line of text.split("\n")) {
    if (line === "" || line.startsWith("# HELP ") || line.startsWith("# TYPE ")) continue;
    const match = /^([a-zA-Z_:][\w:]*(?:\{(?:\w+="(?:[^"\\]|\\.)*",?)*\})?) (\S+)$/.exec(line);
    if (match === null) throw new Error(`not a sample: ${line}`);
    found.set(match[1] ?? "", Number(match[2]));
  }
  return found;
}

const partition = {
  group: "g",
  topicId: "_",
  branch: 0,
  state: "running" as const,
  committed: 10n,
  end: 15n,
  pendingPlans: [],
  lastBatch: null,
  waiting: null,
  inFlight: 2,
};

const STATUS: StatusReport = {
  tool: "bulk-archiver",
  version: "1",
  source: "daemon",
  group: "g",
  clusterId: "c",
  partitions: [
    { ...partition, topic: "logs", partition: 0, lag: 5n, oldestUnconfirmedMs: 1500 },
    { ...partition, topic: "logs", partition: 1, lag: 7n, oldestUnconfirmedMs: 4000 },
    {
      ...partition,
      topic: "audit",
      partition: 0,
      lag: null,
      oldestUnconfirmedMs: null,
      state: "stopped",
    },
  ],
  sinks: [
    {
      name: "files",
      kind: "fs",
      primary: true,
      state: "ok",
      since: null,
      lastError: null,
      next: null,
      behind: 0n,
    },
    {
      name: "ceph",
      kind: "s3",
      primary: false,
      state: "parked",
      since: null,
      lastError: "403",
      next: null,
      behind: 9n,
    },
  ],
  memory: { limit: 1000, used: 400 },
  member: null,
};

test("counters follow from events, gauges from the status", async () => {
  const metrics = new Metrics("1.2.3", { status: () => STATUS, limitMs: () => 180_000 });
  for (const event of EVENTS) metrics.take(event);
  const { type, text } = await metrics.scrape();
  expect(type).toContain("text/plain");
  const found = samples(text);
  const expected: Readonly<Record<string, number>> = {
    'bulk_archiver_records_total{topic="logs"}': 10,
    'bulk_archiver_raw_bytes_total{topic="logs"}': 5000,
    'bulk_archiver_fetched_bytes_total{topic="logs"}': 4096,
    'bulk_archiver_stored_bytes_total{topic="logs"}': 2048,
    'bulk_archiver_batches_total{topic="logs"}': 1,
    'bulk_archiver_batch_cuts_total{reason="bytes"}': 1,
    'bulk_archiver_hole_offsets_total{reason="aborted"}': 1,
    'bulk_archiver_hole_offsets_total{reason="control"}': 1,
    'bulk_archiver_stage_seconds_sum{stage="seal"}': 0.012,
    'bulk_archiver_stage_seconds_count{stage="deliver"}': 1,
    bulk_archiver_batches_adopted_total: 1,
    bulk_archiver_batches_revised_total: 1,
    'bulk_archiver_commits_total{why="offset"}': 1,
    'bulk_archiver_step_retries_total{step="publish"}': 1,
    'bulk_archiver_errors_total{code="sink-conflict"}': 1,
    'bulk_archiver_errors_total{code="sink-transient"}': 1,
    'bulk_archiver_errors_total{code="kafka-unreachable"}': 1,
    'bulk_archiver_conflicts_total{code="sink-conflict"}': 1,
    'bulk_archiver_rebalances_total{group="g"}': 1,
    'bulk_archiver_memberships_lost_total{group="g"}': 1,
    'bulk_archiver_sink_calls_total{sink="files",op="publish",outcome="created"}': 1,
    'bulk_archiver_sink_bytes_total{sink="files",op="publish"}': 2048,
    'bulk_archiver_lag_offsets{topic="logs"}': 12,
    'bulk_archiver_oldest_unconfirmed_seconds{topic="logs"}': 4,
    'bulk_archiver_partitions{state="running"}': 2,
    'bulk_archiver_partitions{state="stopped"}': 1,
    bulk_archiver_batches_in_flight: 6,
    bulk_archiver_unconfirmed_limit_seconds: 180,
    bulk_archiver_batch_records_count: 1,
    'bulk_archiver_batch_raw_bytes_bucket{le="16384"}': 1,
    'bulk_archiver_warnings_total{code="another-group"}': 1,
    'bulk_archiver_partition_lag_offsets{group="g",topic="logs",partition="1"}': 7,
    'bulk_archiver_sink_parked{sink="ceph"}': 1,
    bulk_archiver_memory_used_bytes: 400,
    bulk_archiver_memory_limit_bytes: 1000,
    'bulk_archiver_sink_up{sink="files"}': 1,
    'bulk_archiver_sink_up{sink="ceph"}': 0,
    'bulk_archiver_sink_behind_offsets{sink="ceph"}': 9,
    'bulk_archiver_build_info{version="1.2.3"}': 1,
  };
  for (const [name, value] of Object.entries(expected))
    expect([name, found.get(name)]).toEqual([name, value]);
  expect(found.get("process_resident_memory_bytes")).toBeGreaterThan(1e6);
});

test("pipelines that archive one topic have series of their own", async () => {
  const [one] = STATUS.partitions;
  if (one === undefined) throw new Error("the sample has partitions");
  const partitions = [one, { ...one, group: "h", lag: 9n, oldestUnconfirmedMs: 9_000 }];
  const metrics = new Metrics("1", { status: () => ({ ...STATUS, partitions }) });
  const pipelines = [
    { name: "raw", group: "g" },
    { name: "lines", group: "h" },
  ];
  metrics.take({ what: "daemon-started", clusterId: "c", archiveId: "a", pipelines, sinks: [] });
  metrics.take({ what: "batch-confirmed", batch: description(), ms: 1, pipeline: "lines" });
  metrics.take({ what: "fetched", topic: "logs", bytes: 5, pipeline: "raw" });
  const found = samples((await metrics.scrape()).text);
  const of = (name: string, pipeline: string): number | undefined =>
    found.get(`bulk_archiver_${name}{pipeline="${pipeline}",topic="logs"}`);
  expect([of("lag_offsets", "raw"), of("lag_offsets", "lines")]).toEqual([5, 9]);
  expect([
    of("oldest_unconfirmed_seconds", "raw"),
    of("oldest_unconfirmed_seconds", "lines"),
  ]).toEqual([1.5, 9]);
  expect([of("records_total", "raw"), of("records_total", "lines")]).toEqual([undefined, 10]);
  expect([of("fetched_bytes_total", "raw"), of("fetched_bytes_total", "lines")]).toEqual([
    5,
    undefined,
  ]);
  const last = (pipeline: string): number | undefined =>
    found.get(`bulk_archiver_last_confirmed_timestamp_seconds{pipeline="${pipeline}"}`);
  expect(last("raw")).toBe(0);
  expect(last("lines")).toBeGreaterThan(1e9);
});

test("a partition that went away leaves no lag behind", async () => {
  let status = STATUS;
  const metrics = new Metrics("1", { status: () => status });
  await metrics.scrape();
  status = { ...STATUS, partitions: STATUS.partitions.filter((p) => p.topic === "audit") };
  const found = samples((await metrics.scrape()).text);
  expect(found.has('bulk_archiver_lag_offsets{topic="logs"}')).toBe(false);
  expect(found.get('bulk_archiver_lag_offsets{topic="audit"}')).toBe(0);
});

test("a thousand topics make two hundred label values and one for the rest", async () => {
  const metrics = new Metrics("1");
  for (let i = 0; i < 1000; i++) {
    metrics.take({ what: "batch-confirmed", batch: description(`topic-${i}`), ms: 1 });
  }
  const found = samples((await metrics.scrape()).text);
  const batches = [...found].filter(([name]) => name.startsWith("bulk_archiver_batches_total"));
  expect(batches).toHaveLength(201);
  expect(found.get('bulk_archiver_batches_total{topic="other"}')).toBe(800);
});

test("before the daemon can say anything, a scrape works and claims nothing", async () => {
  const found = samples((await new Metrics("1").scrape()).text);
  expect(found.has('bulk_archiver_sink_up{sink="files"}')).toBe(false);
  expect(found.get('bulk_archiver_build_info{version="1"}')).toBe(1);
});

test("series of partitions end at two thousand, or are switched off", async () => {
  const [one] = STATUS.partitions;
  if (one === undefined) throw new Error("the sample has partitions");
  const partitions = Array.from({ length: 5000 }, (_v, i) => ({ ...one, partition: i }));
  const series = async (perPartition: boolean): Promise<number> => {
    const status = () => ({ ...STATUS, partitions });
    const found = samples((await new Metrics("1", { status, perPartition }).scrape()).text);
    return [...found.keys()].filter((k) => k.startsWith("bulk_archiver_partition_lag")).length;
  };
  expect(await series(true)).toBe(2000);
  expect(await series(false)).toBe(0);
});
