import type { HrTime } from "@opentelemetry/api";
import { emptyResource } from "@opentelemetry/resources";
import {
  AggregationTemporality,
  type CollectionResult,
  DataPointType,
  type Histogram,
  type MetricData,
  type MetricProducer,
} from "@opentelemetry/sdk-metrics";
import { type MetricObjectWithValues, type MetricValue, type Registry } from "prom-client";
import { PREFIX } from "../metric-set.ts";

const SCOPE = { name: "bulk-archiver" } as const;

type Read = MetricObjectWithValues<MetricValue<string>>;
type Value = MetricValue<string> & { readonly metricName?: string };

export interface ProducerOptions {
  readonly registry: Registry;
  /** Brings the gauges up to now. */
  readonly read: () => void;
  readonly startedAtMs: number;
}

/** The same metrics that /metrics has, by the same names, for OpenTelemetry: one source, two ways out. */
export class PrometheusProducer implements MetricProducer {
  readonly #o: ProducerOptions;

  constructor(options: ProducerOptions) {
    this.#o = options;
  }

  async collect(): Promise<CollectionResult> {
    const { registry, read, startedAtMs } = this.#o;
    read();
    const all = (await registry.getMetricsAsJSON()) as Read[];
    const times = { startTime: hrTime(startedAtMs), endTime: hrTime(Date.now()) };
    const own = all.filter(({ name }) => name.startsWith(PREFIX) || name.startsWith("process_"));
    const metrics = own.flatMap((m) => convert(m, times));
    return {
      resourceMetrics: { resource: emptyResource(), scopeMetrics: [{ scope: SCOPE, metrics }] },
      errors: [],
    };
  }
}

interface Times {
  readonly startTime: HrTime;
  readonly endTime: HrTime;
}

const hrTime = (ms: number): HrTime => [Math.floor(ms / 1000), Math.round((ms % 1000) * 1e6)];

function convert(m: Read, times: Times): MetricData[] {
  const descriptor = { name: m.name, description: m.help, unit: unitOf(m.name), valueType: 1 };
  const base = { descriptor, aggregationTemporality: AggregationTemporality.CUMULATIVE };
  const points = (): { value: number; attributes: Record<string, string> }[] =>
    m.values.map(({ value, labels }) => ({ value, attributes: textual(labels) }));
  // prom-client says types as words here, whatever its own types say.
  const type = String(m.type);
  if (type === "histogram") {
    const dataPoints = histograms(m.values as Value[]).map((p) => ({ ...p, ...times }));
    return [{ ...base, dataPointType: DataPointType.HISTOGRAM, dataPoints }];
  }
  const dataPoints = points().map((p) => ({ ...p, ...times }));
  if (type === "counter")
    return [{ ...base, dataPointType: DataPointType.SUM, isMonotonic: true, dataPoints }];
  if (type === "gauge") return [{ ...base, dataPointType: DataPointType.GAUGE, dataPoints }];
  return [];
}

const unitOf = (name: string): string =>
  /_seconds(?:_total)?$/.test(name) ? "s" : /_bytes(?:_total)?$/.test(name) ? "By" : "1";

const textual = (labels: object): Record<string, string> =>
  Object.fromEntries(Object.entries(labels).map(([k, v]) => [k, String(v)]));

/** Prometheus counts a bucket with all below it, OpenTelemetry each by itself. */
function histograms(
  values: readonly Value[],
): { value: Histogram; attributes: Record<string, string> }[] {
  const series = new Map<
    string,
    { labels: Record<string, string>; le: number[]; upTo: number[]; sum: number; count: number }
  >();
  for (const { metricName = "", labels, value } of values) {
    const { le, ...rest } = textual(labels);
    const key = JSON.stringify(rest);
    const one = series.get(key) ?? { labels: rest, le: [], upTo: [], sum: 0, count: 0 };
    series.set(key, one);
    if (metricName.endsWith("_sum")) one.sum = value;
    else if (metricName.endsWith("_count")) one.count = value;
    else if (le !== "+Inf") {
      one.le.push(Number(le));
      one.upTo.push(value);
    }
  }
  return [...series.values()].map(({ labels, le, upTo, sum, count }) => {
    const counts = [...upTo, count].map((v, i) => v - (i === 0 ? 0 : (upTo[i - 1] ?? 0)));
    return { attributes: labels, value: { buckets: { boundaries: le, counts }, sum, count } };
  });
}
