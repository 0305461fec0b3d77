import { MAX_PARTITIONS, MAX_TOPICS, Metrics } from "../observe/metrics.ts";
import { cell, GENERATED, rows } from "./markdown.ts";

interface Described {
  readonly name: string;
  readonly help: string;
  readonly type: string;
  readonly labelNames?: readonly string[];
}

/** docs/metrics.md */
export function metricsPage(): string {
  const { registry } = new Metrics("");
  // The list that a scrape gives has no label names; the metrics themselves have them.
  const all = registry.getMetricsAsArray() as unknown as readonly Described[];
  const own = all.map(({ name }) => name).filter((name) => name.startsWith("bulk_archiver_"));
  const lines = own.sort().map((name) => {
    const metric = registry.getSingleMetric(name) as unknown as Described;
    const labels = (metric.labelNames ?? []).filter((label) => label !== "le");
    return [
      `\`${name}\``,
      kindOf(metric),
      labels.map((l) => `\`${l}\``).join(", "),
      cell(metric.help),
    ];
  });
  return `# Metrics

${GENERATED}

At \`/metrics\` of \`http.listen\`, in Prometheus' text format, beside Node's own \`process_*\` and \`nodejs_*\`.
Labels are bounded: after ${MAX_TOPICS} topics the others count as \`other\`. Series of partitions
(\`bulk_archiver_partition_…\`) end at ${MAX_PARTITIONS} partitions, and \`telemetry: { perPartition: false }\`
leaves them out: \`/api/status\` has every partition all the same. Counters begin at 0 with the process.
Alert rules are in [deploy/prometheus](../deploy/prometheus/bulk-archiver.rules.yml), a dashboard is in
[deploy/grafana](../deploy/grafana/bulk-archiver.json); the same metrics go out by OpenTelemetry with
\`telemetry: { otlp: … }\` ([http.md](http.md)).

${rows(["metric", "type", "labels", "meaning"], lines)}
`;
}

const kindOf = (metric: object): string => metric.constructor.name.toLowerCase();
