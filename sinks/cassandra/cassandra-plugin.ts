import { z } from "zod";
import type { Host, Sink, SinkPlugin } from "../../src/sdk/sink.ts";

const UNIT_MS = { ms: 1, s: 1000, m: 60_000 } as const;
const HOST_PORT = /^(?:\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+):\d{1,5}$/;

const path = z.string().min(1).max(4096);
const secret = z.string().min(1).max(65_536);

const durationMs = z
  .string()
  .regex(/^[1-9]\d{0,6}(ms|s|m)$/, "expected a duration such as 12s (ms, s, m)")
  .transform((text) => {
    const unit = /[a-z]+$/.exec(text)?.[0] as keyof typeof UNIT_MS;
    return Number.parseInt(text, 10) * UNIT_MS[unit];
  });

const tls = z
  .strictObject({
    ca: path.optional().describe("PEM file of the authorities to trust; left out: the system's"),
    cert: path.optional().describe("PEM file of the client certificate"),
    key: path.optional().describe("PEM file of the client certificate's key"),
    passphrase: secret.optional().describe("Of the key"),
    servername: z.string().min(1).optional().describe("Name to expect in a node's certificate"),
    rejectUnauthorized: z.boolean().default(true).describe("`false` trusts anybody: for tests"),
  })
  .refine((t) => (t.cert === undefined) === (t.key === undefined), "cert and key belong together");

const cassandraSchema = z
  .strictObject({
    contactPoints: z
      .array(z.string().regex(HOST_PORT, "expected host:port, such as 127.0.0.1:9042"))
      .min(1, "at least one node, as host:port")
      .describe("host:port of any nodes of the cluster; the others have the port of the first"),
    localDataCenter: z
      .string()
      .regex(/^[A-Za-z0-9._-]{1,100}$/, "the name of a data centre")
      .describe("Data centre whose nodes are asked, as `nodetool status` names it"),
    keyspace: z
      .string()
      .regex(/^[a-z][a-z0-9_]{0,47}$/, "1 to 48 lower-case letters, digits, underscores")
      .describe("One archive a keyspace"),
    username: z.string().min(1).max(1024).optional().describe("Of password authentication"),
    password: secret.optional(),
    tls: z
      .union([z.literal(true), tls])
      .optional()
      .describe("`true`: the system's authorities"),
    consistency: z
      .enum(["LOCAL_QUORUM", "QUORUM", "ALL"])
      .default("LOCAL_QUORUM")
      .describe("Of data, written and read"),
    serialConsistency: z
      .enum(["SERIAL", "LOCAL_SERIAL"])
      .default("SERIAL")
      .describe(
        "Of the rows that publish. `LOCAL_SERIAL` only where every daemon of the archive has the same `localDataCenter`",
      ),
    requestTimeout: durationMs
      .prefault("12s")
      .describe("How long a node may take to answer one request"),
    chunksAtOnce: z
      .int()
      .min(1)
      .max(64)
      .default(8)
      .describe("Chunks of 512 KiB on their way at once, of all batches together"),
    createSchema: z
      .boolean()
      .default(true)
      .describe("Makes the keyspace and its tables when they are missing"),
    replication: z
      .record(z.string().regex(/^[A-Za-z0-9._-]{1,100}$/), z.int().min(1).max(100))
      .optional()
      .describe(
        "Copies by data centre, for a keyspace that is made; left out: 3 in the local one, or as many as it has nodes",
      ),
  })
  .refine((c) => (c.username === undefined) === (c.password === undefined), {
    error: "username and password belong together",
    path: ["username"],
  });

export type CassandraConfig = z.output<typeof cassandraSchema>;

/** A keyspace of Apache Cassandra 4.0 or later. */
export const cassandraPlugin: SinkPlugin<CassandraConfig> = {
  kind: "cassandra",
  sdk: 1,
  schema: cassandraSchema,
  where: ({ contactPoints, keyspace }: CassandraConfig) =>
    `${contactPoints.join(", ")} ${keyspace}`,
  // The driver is loaded by who uses it.
  open: async (config: CassandraConfig, host: Host, signal: AbortSignal): Promise<Sink> => {
    const { openCassandra } = await import("./cassandra-open.ts");
    signal.throwIfAborted();
    return openCassandra(config, host);
  },
};
