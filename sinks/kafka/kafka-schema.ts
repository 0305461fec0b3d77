import { z } from "zod";

const secret = z.string().min(1).max(65_536);
const path = z.string().min(1).max(4096);

const tls = z
  .strictObject({
    ca: path.optional().describe("PEM file of the authorities to trust; left out: the system's"),
    cert: path.optional().describe("PEM file of the client certificate"),
    key: path.optional().describe("PEM file of the client certificate's key"),
    passphrase: secret.optional(),
    servername: z.string().min(1).optional(),
    rejectUnauthorized: z.boolean().default(true),
  })
  .refine((t) => (t.cert === undefined) === (t.key === undefined), "cert and key belong together");

const sasl = z.discriminatedUnion("mechanism", [
  z.strictObject({
    mechanism: z.enum(["plain", "scram-sha-256", "scram-sha-512"]),
    username: z.string().min(1),
    password: secret,
  }),
  z.strictObject({
    mechanism: z.literal("oauthbearer"),
    tokenFile: path.describe("Read again before each authentication"),
  }),
]);

const UNIT_MS = { ms: 1, s: 1000, m: 60_000 } as const;

const durationMs = z
  .string()
  .regex(/^[1-9]\d{0,6}(ms|s|m)$/, "expected a duration such as 60s (ms, s, m)")
  .transform((text) => {
    const unit = /[a-z]+$/.exec(text)?.[0] as keyof typeof UNIT_MS;
    return Number.parseInt(text, 10) * UNIT_MS[unit];
  })
  .refine((ms) => ms >= 1000 && ms <= 900_000, "1s to 15m, which is what brokers allow");

const topicPart = z
  .string()
  .regex(/^[A-Za-z0-9._-]*$/, "letters, digits, dots, dashes, underscores");

export const kafkaSchema = z.strictObject({
  brokers: z
    .array(
      z.string().regex(/^(?:\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+):\d{1,5}$/, "expected host:port"),
    )
    .min(1)
    .describe("host:port of any of the target cluster"),
  clientId: z.string().min(1).max(63).default("bulk-archiver"),
  ssl: z
    .union([z.literal(true), tls])
    .optional()
    .describe("`true`: the system's authorities"),
  sasl: sasl.optional(),
  topicPrefix: topicPart
    .pipe(z.string().max(100))
    .default("")
    .describe("Before the source topic's name. Empty: the same name, which needs another cluster"),
  ledgerTopic: topicPart
    .pipe(z.string().min(1).max(249))
    .optional()
    .describe(
      "The topic that says which batches are here. Left out: `bulk-archiver.ledger` with the prefix",
    ),
  lineage: z
    .boolean()
    .default(true)
    .describe("Headers `bulk-archiver.*` behind a record's own: cluster, topic, partition, offset"),
  compression: z.enum(["none", "gzip", "snappy", "lz4", "zstd"]).default("zstd"),
  replicationFactor: z
    .int()
    .min(-1)
    .max(32_767)
    .default(-1)
    .describe("Of topics that are made here; -1: the brokers' default"),
  topicSettings: z
    .record(z.string().min(1), z.string())
    .default({})
    .describe("Settings of topics that are made here for copies, over the sink's own"),
  transactionTimeout: durationMs
    .prefault("60s")
    .describe("How long the coordinator leaves a transaction open whose writer is gone"),
  recordBatchBytes: z
    .int()
    .min(1024)
    .max(512 << 20)
    .default(900 << 10)
    .describe(
      "Bytes of one record batch before compression; below the target's `max.message.bytes`",
    ),
});

export type KafkaSinkConfig = z.output<typeof kafkaSchema>;
