import { bech32 } from "@scure/base";
import { z } from "zod";
import { proofFields } from "./proof-fields.ts";
import { http, telemetry } from "./observe-schema.ts";
import { address, path, secret } from "./schema-parts.ts";
import { duration, rate, size } from "./units.ts";

const KiB = 1024;
const MiB = 1024 ** 2;
const GiB = 1024 ** 3;
const DAY_MS = 86_400_000;

/** Names end up in paths, metrics and Kafka's own fields. */
const name = z
  .string()
  .regex(
    /^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/,
    "a name has 1 to 63 letters, digits, dots, dashes or underscores",
  );

const tls = z
  .strictObject({
    ca: path.optional().describe("PEM file of the authorities to trust; left out: the system's"),
    cert: path
      .optional()
      .describe(
        "PEM file of the client certificate; the three files are read again for each connection",
      ),
    key: path.optional().describe("PEM file of the client certificate's key"),
    passphrase: secret.optional().describe("Of the key"),
    servername: z.string().min(1).optional().describe("Name to expect in the broker's certificate"),
    rejectUnauthorized: z.boolean().default(true).describe("`false` trusts anybody: for tests"),
  })
  .refine((t) => (t.cert === undefined) === (t.key === undefined), "cert and key belong together");

const password = z.strictObject({
  mechanism: z.enum(["plain", "scram-sha-256", "scram-sha-512"]),
  username: z.string().min(1),
  password: secret,
});

const oauth = z
  .strictObject({
    mechanism: z.literal("oauthbearer"),
    tokenFile: path
      .optional()
      .describe(
        "Bearer token, read again before each authentication: also when a broker ends sessions, so write the next token in time",
      ),
    tokenEndpoint: z
      .url({ protocol: /^https?$/ })
      .optional()
      .describe("OAuth 2 client credentials (RFC 6749), asked before each authentication"),
    clientId: z.string().min(1).optional(),
    clientSecret: secret.optional(),
    scope: z.string().min(1).optional(),
  })
  .refine(
    (o) => (o.tokenFile === undefined) !== (o.tokenEndpoint === undefined),
    "exactly one of tokenFile and tokenEndpoint says where tokens come from",
  )
  .refine(
    (o) =>
      o.tokenEndpoint === undefined || (o.clientId !== undefined && o.clientSecret !== undefined),
    "tokenEndpoint needs clientId and clientSecret",
  );

const kafka = z
  .strictObject({
    brokers: z
      .array(address)
      .min(1, "at least one broker, as host:port")
      .describe("host:port of any of the cluster"),
    clientId: name.default("bulk-archiver"),
    instanceId: name
      .optional()
      .describe(
        "Static membership: a restart within `sessionTimeout` moves no partition. Unique per process",
      ),
    ssl: z
      .union([z.literal(true), tls])
      .optional()
      .describe("`true`: the system's authorities"),
    sasl: z.discriminatedUnion("mechanism", [password, oauth]).optional(),
    sessionTimeout: duration(1000, 1_800_000)
      .prefault("45s")
      .describe(
        "How long the group waits for a member that is gone before others get its partitions",
      ),
    heartbeat: duration(100, 600_000)
      .prefault("1s")
      .describe("At most a third of `sessionTimeout`"),
  })
  .refine((k) => k.heartbeat * 3 <= k.sessionTimeout, {
    error: "at most a third of sessionTimeout",
    path: ["heartbeat"],
  });

const topicName = z.string().check((context) => {
  const text = context.value;
  if (/^[A-Za-z0-9._-]{1,249}$/.test(text)) return;
  const hint = /[\\^$*+?()[\]{}|]/.test(text)
    ? `; an expression is written { regex: ${JSON.stringify(text)} }`
    : "";
  const message = `${JSON.stringify(text)} is no topic name${hint}`;
  context.issues.push({ code: "custom", message, input: text });
});

const expression = z
  .string()
  .min(1)
  .max(1000)
  .check((context) => {
    try {
      new RegExp(context.value, "u");
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      context.issues.push({ code: "custom", message, input: context.value });
    }
  });

const topics = z
  .array(z.union([topicName, z.strictObject({ regex: expression })]))
  .min(1, "at least one topic, or { regex: … }")
  .describe("Names, and expressions that new topics can match while it runs: `{ regex: … }`");

const batch = z.strictObject({
  bytes: size(KiB, GiB).prefault("16MiB").describe("Raw bytes at which a batch is cut"),
  age: duration(10, DAY_MS)
    .prefault("60s")
    .describe("Of a batch's oldest record when it is cut at the latest"),
  idle: duration(10, DAY_MS)
    .optional()
    .describe("Cut when nothing came for so long; left out: no such rule"),
});

const compression = z
  .strictObject({
    codec: z.enum(["zstd", "gzip", "none"]).default("zstd"),
    level: z
      .int()
      .min(1)
      .max(22)
      .optional()
      .describe("zstd 1-22 (default 3), gzip 1-9 (default 6)"),
    recompress: z
      .enum(["auto", "always", "never"])
      .default("auto")
      .describe(
        "Of `segment`: `auto` keeps the producer's compression and compresses what came without",
      ),
  })
  .refine((c) => c.codec !== "gzip" || (c.level ?? 0) <= 9, {
    error: "gzip has levels 1 to 9",
    path: ["level"],
  })
  .refine((c) => c.codec !== "none" || c.level === undefined, {
    error: "codec none has no level",
    path: ["level"],
  });

const recipient = z.string().refine(isRecipient, {
  error: ({ input }) =>
    String(input).toUpperCase().startsWith("AGE-SECRET-KEY-")
      ? "this is an identity, the secret half; the daemon gets the recipient only (age1…)"
      : `${JSON.stringify(input)} is no age recipient (age1…); \`bulk-archiver keygen\` makes one`,
});

function isRecipient(text: string): boolean {
  if (!/^age1[02-9ac-hj-np-z]{58}$/.test(text)) return false;
  return bech32.decodeUnsafe(text) !== undefined;
}

const encryption = z.strictObject({
  recipients: z.array(recipient).min(1, "at least one age recipient").max(20),
  seedFile: path.describe("32 bytes as 64 hex digits, or lines keyId:hex, the first active"),
});

/** What one pipeline says; at the top of the file when there is only one. */
const pipelineFields = {
  group: z
    .string()
    .min(1)
    .max(255)
    .describe("Kafka consumer group; more processes of it share the partitions"),
  topics,
  start: z
    .enum(["earliest", "latest"])
    .default("earliest")
    .describe("Only where nothing is committed or archived yet"),
  batch: batch.prefault({}),
  format: z
    .enum(["segment", "ndjson"])
    .default("segment")
    .describe(
      "`segment`: Kafka's own record batches, byte for byte; `ndjson`: one JSON object a record",
    ),
  compression: compression.prefault({}),
  onPoison: z
    .enum(["keep", "stop"])
    .default("keep")
    .describe(
      "A record batch that cannot be decoded, with `ndjson`: kept raw in a line of its own, or its partition stops",
    ),
  encryption: encryption.optional().describe("Left out: files are stored in the clear"),
  ...proofFields,
};

const pipelineSchema = z.strictObject({
  name,
  ...pipelineFields,
  sinks: z
    .array(z.string())
    .min(1, "at least one sink")
    .describe("Names of sinks; the first that creates atomically is the primary"),
});

/** What every sink has, whatever its kind; the rest belongs to the kind. */
export const sinkFields = {
  name,
  kind: z.string().min(1).max(214).describe("A built-in kind, or the npm package of one"),
  whenAway: z
    .union([z.literal("wait"), z.strictObject({ detach: duration(1000, 365 * DAY_MS) })])
    .default("wait")
    .describe("`wait`: nothing is committed without it; `detach`: the others go on after so long"),
  backfill: z
    .enum(["wait", "auto"])
    .default("wait")
    .describe(
      "A sink that lacks what was archived before, such as one added later: `wait`: a partition goes on when it is filled; `auto`: the others go on meanwhile",
    ),
  limits: z
    .strictObject({
      concurrency: z.int().min(1).max(1024).default(8).describe("Calls at once"),
      rate: rate(KiB, 1024 * GiB)
        .optional()
        .describe("Of what is written and read together"),
      timeout: duration(100, DAY_MS).prefault("120s").describe("Of one try of one call"),
    })
    .prefault({}),
  plaintext: z
    .enum(["refuse", "allow"])
    .default("refuse")
    .describe("Whether readable records may go to this sink although encryption is on"),
};

const rest = {
  kafka,
  memory: size(MiB, 1024 * GiB)
    .prefault("256MiB")
    .describe("For everything buffered; at least twice batch.bytes"),
  http: http.optional().describe("Left out: no HTTP"),
  telemetry: telemetry.prefault({}),
  log: z
    .strictObject({
      level: z
        .enum(["trace", "debug", "info", "warn", "error", "silent"])
        .default("info")
        .describe("`--log-level` goes before it"),
    })
    .prefault({}),
  drainTimeout: duration(0, 3_600_000)
    .prefault("25s")
    .describe("How long SIGTERM waits for batches under way"),
  sinks: z.array(z.looseObject(sinkFields)).min(1, "at least one sink").max(32),
};

/** One pipeline, at the top of the file. */
export const singleSchema = z.strictObject({ ...rest, ...pipelineFields });

/** The general form. */
export const generalSchema = z.strictObject({
  ...rest,
  pipelines: z.array(pipelineSchema).min(1, "at least one pipeline").max(64),
});

export const PIPELINE_KEYS: readonly string[] = Object.keys(pipelineFields);

export type SingleInput = z.output<typeof singleSchema>;
export type GeneralInput = z.output<typeof generalSchema>;
export type PipelineInput = z.output<typeof pipelineSchema>;
export type SinkInput = GeneralInput["sinks"][number];
export type KafkaInput = GeneralInput["kafka"];
