import { Metrics } from "../observe/metrics.ts";
import { cell, GENERATED, rows } from "./markdown.ts";

interface Described {
  readonly name: string;
  readonly help: string;
  readonly type: string;
  readonly labelNames?: readonly string[];
}

/** docs/metrics.md */
export function metricsPage(): string {
  const { registry } = new Metrics("", () => null);
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
Labels are bounded: after ${"200"} topics the others count as \`other\`, and nothing is labelled by partition:
\`/api/status\` has these. Counters begin at 0 with the process.

${rows(["metric", "type", "labels", "meaning"], lines)}
`;
}

const kindOf = (metric: object): string => metric.constructor.name.toLowerCase();
