import { z } from "zod";
import { MIN_TOKEN_CHARS } from "../core/token-file.ts";
import { address, path, secret } from "./schema-parts.ts";
import { duration } from "./units.ts";

const TOKEN = new RegExp(`^\\S{${MIN_TOKEN_CHARS},}$`);
const PUBLIC = ["/healthz", "/readyz", "/metrics"];

export const http = z
  .strictObject({
    listen: address.describe(
      "Address and port; what is not `public` is answered to other machines only with the token",
    ),
    hosts: z
      .array(z.string().regex(/^[A-Za-z0-9.-]{1,253}$/, "expected a host name without port"))
      .default([])
      .describe("Names by which it may be asked, beside localhost and IP addresses"),
    token: secret
      .regex(TOKEN, `a token has at least ${MIN_TOKEN_CHARS} characters and no space`)
      .optional()
      .describe("Bearer token, or the password that a browser is asked for; needed here too then"),
    tokenFile: path.optional().describe("File that holds it, read again when it was replaced"),
    public: z
      .array(z.string().regex(/^\/[\w./-]*$/, "expected a path such as /metrics"))
      .max(20)
      .default(PUBLIC)
      .describe("Paths that need no token"),
  })
  .refine((h) => h.token === undefined || h.tokenFile === undefined, {
    error: "token or tokenFile, not both",
    path: ["tokenFile"],
  });

const headerName = z.string().regex(/^[A-Za-z0-9-]{1,100}$/, "expected the name of an HTTP header");
const attributeName = z
  .string()
  .regex(/^[a-z][\w.]{0,100}$/, "expected a name such as service.name");

const otlp = z.strictObject({
  endpoint: z
    .url({ protocol: /^https?$/ })
    .describe("Of a collector, such as http://127.0.0.1:4318; OTLP over HTTP with protobuf"),
  headers: z.record(headerName, secret).default({}).describe("Sent along, for authentication"),
  metrics: z.boolean().default(true).describe("The metrics of docs/metrics.md"),
  traces: z.boolean().default(true).describe("A trace a batch: sealed, delivered, confirmed"),
  interval: duration(1000, 3_600_000).prefault("30s").describe("Between two exports of metrics"),
  attributes: z
    .record(attributeName, z.string().max(1000))
    .default({})
    .describe("Of the resource, beside service.name and service.version"),
});

export const telemetry = z.strictObject({
  perPartition: z
    .boolean()
    .default(true)
    .describe("Metrics of each partition beside those of each topic; up to 2,000 partitions"),
  otlp: otlp.optional().describe("OpenTelemetry export; left out: none"),
});

export type TelemetryInput = z.output<typeof telemetry>;
