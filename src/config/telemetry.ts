import { Secret } from "../core/secret.ts";
import type { TelemetryConfig } from "./config.ts";
import type { TelemetryInput } from "./observe-schema.ts";

export function telemetryConfig({ perPartition, otlp }: TelemetryInput): TelemetryConfig {
  if (otlp === undefined) return { perPartition, otlp: null };
  const { headers, interval, endpoint, ...rest } = otlp;
  const secrets = Object.entries(headers).map(
    ([name, value]) => [name, new Secret(value)] as const,
  );
  return {
    perPartition,
    otlp: {
      ...rest,
      endpoint: endpoint.replace(/\/+$/, ""),
      headers: Object.fromEntries(secrets),
      intervalMs: interval,
    },
  };
}
