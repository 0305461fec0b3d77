import { diag, DiagLogLevel } from "@opentelemetry/api";
import { OTLPMetricExporter } from "@opentelemetry/exporter-metrics-otlp-proto";
import { OTLPTraceExporter } from "@opentelemetry/exporter-trace-otlp-proto";
import { resourceFromAttributes } from "@opentelemetry/resources";
import { MeterProvider, PeriodicExportingMetricReader } from "@opentelemetry/sdk-metrics";
import { BatchSpanProcessor, TracerProvider } from "@opentelemetry/sdk-trace";
import { messageOf } from "../../core/message.ts";
import type { Exporter, ExportOptions } from "../exporter.ts";
import type { Log } from "../log.ts";
import type { Metrics } from "../metrics.ts";
import { BatchSpans } from "./batch-spans.ts";
import { PrometheusProducer } from "./prometheus-producer.ts";

const TIMEOUT_MS = 10_000;
const CLOSE_MS = 5_000;
const MAX_SPANS = 2_048;
/** The same complaint is said once in so long: a collector that is away is away at every try. */
const QUIET_MS = 60_000;

export interface OtlpPorts {
  readonly metrics: Metrics;
  readonly log: Log;
  readonly version: string;
}

/** OpenTelemetry by its official SDK: metrics at intervals, a trace for each batch. */
export function openOtlp(o: ExportOptions, { metrics, log, version }: OtlpPorts): Exporter {
  complainTo(log);
  const resource = resourceFromAttributes({
    "service.name": "bulk-archiver",
    "service.version": version,
    ...o.attributes,
  });
  const to = (signal: string) => ({
    url: `${o.endpoint}/v1/${signal}`,
    headers: { ...o.headers },
    timeoutMillis: TIMEOUT_MS,
    concurrencyLimit: 4,
  });
  const { registry } = metrics;
  const producer = new PrometheusProducer({
    registry,
    read: () => metrics.read(),
    startedAtMs: Date.now(),
  });
  const reader = new PeriodicExportingMetricReader({
    exporter: new OTLPMetricExporter(to("metrics")),
    exportIntervalMillis: o.intervalMs,
    exportTimeoutMillis: Math.min(TIMEOUT_MS, o.intervalMs),
    metricProducers: [producer],
  });
  const meters = o.metrics ? new MeterProvider({ resource, readers: [reader] }) : null;
  const tracers = o.traces
    ? new TracerProvider({
        resource,
        spanProcessors: [
          new BatchSpanProcessor({
            exporter: new OTLPTraceExporter(to("traces")),
            maxQueueSize: MAX_SPANS,
            exportTimeoutMillis: TIMEOUT_MS,
          }),
        ],
      })
    : null;
  const spans =
    tracers === null ? null : new BatchSpans(tracers.getTracer("bulk-archiver", version));
  return {
    take: (event) => spans?.take(event),
    close: async () => {
      const late = new Promise<void>((resolve) => setTimeout(resolve, CLOSE_MS).unref());
      const ended = [meters?.shutdown(), tracers?.shutdown()].map((end) =>
        Promise.resolve(end).catch((error: unknown) =>
          log.warn({ error: messageOf(error) }, "OpenTelemetry: the last export failed"),
        ),
      );
      await Promise.race([Promise.all(ended), late]);
    },
  };
}

/** What the SDK has to say goes to the log; nothing of it stops the archiver. */
function complainTo(log: Log): void {
  const saidAt = new Map<string, number>();
  const say = (text: string, more: readonly unknown[]): void => {
    const now = Date.now();
    const key = text.slice(0, 60);
    if (now - (saidAt.get(key) ?? 0) < QUIET_MS || saidAt.size > 100) return;
    saidAt.set(key, now);
    log.warn(
      { details: more.map((m) => messageOf(m)).join(" ") || undefined },
      `OpenTelemetry: ${text}`,
    );
  };
  const quiet = (): void => undefined;
  diag.setLogger(
    {
      error: (text, ...more) => say(text, more),
      warn: (text, ...more) => say(text, more),
      ...{ info: quiet, debug: quiet, verbose: quiet },
    },
    { logLevel: DiagLogLevel.WARN, suppressOverrideMessage: true },
  );
}
