import { PREFIX } from "../observe/metric-set.ts";

interface Query {
  readonly expr: string;
  readonly legend: string;
  /** Seconds in a panel of something else: on an axis of its own, at the right. */
  readonly unit?: "s";
  /** A bound, and nothing that was measured. */
  readonly dotted?: true;
}

export interface Panel {
  readonly title: string;
  readonly what: string;
  readonly unit: string;
  readonly type?: "timeseries" | "stat" | "table";
  /** Of 24. */
  readonly width: number;
  readonly queries: readonly Query[];
  readonly red?: number;
}

const WHO = `job=~"$job", instance=~"$instance"`;
const m = (name: string, more = ""): string => `${PREFIX}${name}{${WHO}${more}}`;
const rate = (name: string, more = ""): string => `rate(${m(name, more)}[$__rate_interval])`;
const sum = (by: string, expr: string): string => `sum by (${by}) (${expr})`;
const quantile = (q: number, by: string, name: string): string =>
  `histogram_quantile(${q}, ${sum(`le, ${by}`, rate(`${name}_bucket`))})`;
const q = (expr: string, legend = ""): Query => ({ expr, legend });

/** By the title of their row. */
export const ROWS: Readonly<Record<string, readonly Panel[]>> = {
  "Is everything safe?": [
    {
      ...{ title: "Oldest unconfirmed", unit: "s", type: "stat", width: 5 },
      what: "Age of the oldest record that not every sink has confirmed",
      queries: [q(`max(${m("oldest_unconfirmed_seconds")})`)],
    },
    {
      ...{ title: "Stopped partitions", unit: "none", type: "stat", width: 4, red: 1 },
      what: "They need a person",
      queries: [q(`sum(${m("partitions", ', state="stopped"')})`)],
    },
    {
      ...{ title: "Sinks away", unit: "none", type: "stat", width: 4, red: 1 },
      what: "They do not answer, or refuse the credentials",
      queries: [q(`count(max by (sink) (${m("sink_up")} == 0)) or vector(0)`)],
    },
    {
      ...{ title: "Kafka keeps it for", unit: "s", type: "stat", width: 5 },
      what: "Shortest time until retention takes a record that is not archived",
      queries: [q(`min(${m("retention_left_seconds")})`)],
    },
    {
      ...{ title: "Members ready", unit: "none", type: "stat", width: 6 },
      what: "Processes that are members of their group, and their versions",
      queries: [
        q(`sum(${m("ready")})`, "ready"),
        q(`count by (version) (${m("build_info")})`, "{{version}}"),
      ],
    },
  ],
  Throughput: [
    {
      ...{ title: "Records confirmed", unit: "cps", width: 8 },
      what: "By topic, in every sink",
      queries: [q(sum("pipeline, topic", rate("records_total")), "{{pipeline}} {{topic}}")],
    },
    {
      ...{ title: "Bytes", unit: "Bps", width: 8 },
      what: "From Kafka, in sealed batches as they came, and as stored in each sink",
      queries: [
        q(`sum(${rate("fetched_bytes_total")})`, "fetched"),
        q(`sum(${rate("raw_bytes_total")})`, "sealed, raw"),
        q(`sum(${rate("stored_bytes_total")})`, "stored"),
      ],
    },
    {
      ...{ title: "Batches", unit: "cps", width: 8 },
      what: "Confirmed, and by the rule that cut them",
      queries: [
        q(`sum(${rate("batches_total")})`, "confirmed"),
        q(sum("reason", rate("batch_cuts_total")), "cut by {{reason}}"),
      ],
    },
  ],
  Lag: [
    {
      ...{ title: "Oldest unconfirmed by topic", unit: "s", width: 8 },
      what: "Beyond the dotted limit it counts as behind",
      queries: [
        q(
          `max by (pipeline, topic) (${m("oldest_unconfirmed_seconds")})`,
          "{{pipeline}} {{topic}}",
        ),
        { ...q(`min(${m("unconfirmed_limit_seconds")})`, "limit"), dotted: true },
      ],
    },
    {
      ...{ title: "Lag by topic", unit: "short", width: 8 },
      what: "Offsets in Kafka that are not committed as archived",
      queries: [q(sum("pipeline, topic", m("lag_offsets")), "{{pipeline}} {{topic}}")],
    },
    {
      ...{ title: "Age when confirmed", unit: "s", width: 8 },
      what: "Of a batch's oldest record",
      queries: [
        q(`histogram_quantile(0.5, ${sum("le", rate("confirmed_age_seconds_bucket"))})`, "median"),
        q(`histogram_quantile(0.99, ${sum("le", rate("confirmed_age_seconds_bucket"))})`, "p99"),
        q(
          `time() - max by (pipeline) (${m("last_confirmed_timestamp_seconds")} > 0)`,
          "{{pipeline}}: since the last one",
        ),
      ],
    },
    {
      ...{ title: "Worst partitions", unit: "s", type: "table", width: 12 },
      what: "Oldest unconfirmed record, unless series of partitions are switched off",
      queries: [q(`topk(20, ${m("partition_oldest_unconfirmed_seconds")})`)],
    },
    {
      ...{ title: "Largest lag", unit: "short", type: "table", width: 12 },
      what: "By partition, unless series of partitions are switched off",
      queries: [q(`topk(20, ${m("partition_lag_offsets")})`)],
    },
  ],
  Sinks: [
    {
      ...{ title: "Well", unit: "none", width: 6 },
      what: "1: well, 0: away; below: refuses the credentials",
      queries: [
        q(`min by (sink) (${m("sink_up")})`, "{{sink}}"),
        q(`-max by (sink) (${m("sink_parked")} == 1)`, "{{sink}} refuses"),
      ],
    },
    {
      ...{ title: "Time of a write, p95", unit: "s", width: 6 },
      what: "Of each single try, without the waits between them",
      queries: [
        q(
          `histogram_quantile(0.95, ${sum("le, sink", rate("sink_call_seconds_bucket", ', op="publish"'))})`,
          "{{sink}}",
        ),
      ],
    },
    {
      ...{ title: "Bytes by sink", unit: "Bps", width: 6 },
      what: "Written or read",
      queries: [q(sum("sink, op", rate("sink_bytes_total")), "{{sink}} {{op}}")],
    },
    {
      ...{ title: "Retries", unit: "cps", width: 6 },
      what: "Calls that failed and are made again",
      queries: [q(sum("sink, code", rate("sink_retries_total")), "{{sink}} {{code}}")],
    },
    {
      ...{ title: "Behind", unit: "short", width: 8 },
      what: "Offsets that the primary has and the sink has not",
      queries: [q(sum("sink", m("sink_behind_offsets")), "{{sink}}")],
    },
    {
      ...{ title: "Partitions that wait for a sink", unit: "none", width: 8 },
      what: "Their oldest batch under way is not confirmed by it, or they went on without it",
      queries: [
        q(sum("sink", m("sink_waiting_partitions")), "{{sink}}"),
        q(sum("sink", m("sink_detached_partitions")), "{{sink}} detached"),
      ],
    },
    {
      ...{ title: "Calls by outcome", unit: "cps", width: 8 },
      what: "Every try; detached sinks and batches copied to them afterwards",
      queries: [
        q(sum("sink, outcome", rate("sink_calls_total")), "{{sink}} {{outcome}}"),
        q(sum("sink", rate("sink_detached_total")), "{{sink}} detached"),
        q(sum("sink", rate("sink_filled_batches_total")), "{{sink}} filled"),
      ],
    },
  ],
  "Sizes and times": [
    {
      ...{ title: "Time in a stage, p95", unit: "s", width: 8 },
      what: "Seal, and first put to last confirmation",
      queries: [q(quantile(0.95, "stage", "stage_seconds"), "{{stage}}")],
    },
    {
      ...{ title: "Size, median", unit: "bytes", width: 8 },
      what: "As it came from Kafka, and as stored",
      queries: [
        q(`histogram_quantile(0.5, ${sum("le", rate("batch_raw_bytes_bucket"))})`, "raw"),
        q(`histogram_quantile(0.5, ${sum("le", rate("batch_stored_bytes_bucket"))})`, "stored"),
      ],
    },
    {
      ...{ title: "Records a batch, median", unit: "short", width: 8 },
      what: "Of confirmed batches",
      queries: [
        q(`histogram_quantile(0.5, ${sum("le", rate("batch_records_bucket"))})`, "records"),
      ],
    },
  ],
  Protocol: [
    {
      ...{ title: "Commits", unit: "cps", width: 6 },
      what: "By what they were for",
      queries: [q(sum("why", rate("commits_total")), "{{why}}")],
    },
    {
      ...{ title: "Group", unit: "none", width: 6 },
      what: "Assignments, and memberships that were lost, an hour",
      queries: [
        q(sum("group", `increase(${m("rebalances_total")}[1h])`), "{{group}} rebalances"),
        q(sum("group", `increase(${m("memberships_lost_total")}[1h])`), "{{group}} thrown out"),
      ],
    },
    {
      ...{ title: "Holes", unit: "cps", width: 6 },
      what: "Offsets without a record, by reason",
      queries: [q(sum("reason", rate("hole_offsets_total")), "{{reason}}")],
    },
    {
      ...{ title: "Conflicts, and batches made anew or taken over", unit: "none", width: 6 },
      what: "Number in an hour; a conflict stops its partition",
      queries: [
        q(sum("code", `increase(${m("conflicts_total")}[1h])`), "{{code}}"),
        q(`sum(increase(${m("batches_revised_total")}[1h]))`, "made anew"),
        q(`sum(increase(${m("batches_adopted_total")}[1h]))`, "taken over"),
      ],
    },
    {
      ...{ title: "Errors", unit: "cps", width: 12 },
      what: "By code: docs/errors.md has each",
      queries: [
        q(sum("code", rate("errors_total")), "{{code}}"),
        q(sum("code", rate("warnings_total")), "warning {{code}}"),
      ],
    },
    {
      ...{ title: "Steps done again", unit: "cps", width: 12 },
      what: "Of partitions, by kind",
      queries: [q(sum("step", rate("step_retries_total")), "{{step}}")],
    },
  ],
  Process: [
    {
      ...{ title: "Memory for batches", unit: "bytes", width: 6 },
      what: "Of the budget, and of the process",
      queries: [
        q(m("memory_used_bytes"), "{{instance}} used"),
        q(m("memory_limit_bytes"), "{{instance}} limit"),
        q(`process_resident_memory_bytes{${WHO}}`, "{{instance}} resident"),
      ],
    },
    {
      ...{ title: "Batches in flight", unit: "none", width: 6 },
      what: "Built, sealed or delivered now",
      queries: [q(m("batches_in_flight"), "{{instance}}")],
    },
    {
      ...{ title: "Partitions", unit: "none", width: 6 },
      what: "By state, and open pages",
      queries: [
        q(sum("state", m("partitions")), "{{state}}"),
        q(`sum(${m("http_event_streams")})`, "pages"),
      ],
    },
    {
      ...{ title: "CPU and event loop", unit: "percentunit", width: 6 },
      what: "Cores in use; right: how late the event loop comes to its work",
      queries: [
        q(`rate(process_cpu_seconds_total{${WHO}}[$__rate_interval])`, "{{instance}}"),
        {
          ...q(`nodejs_eventloop_lag_p99_seconds{${WHO}}`, "{{instance}} event loop lag p99"),
          unit: "s",
        },
      ],
    },
  ],
};
