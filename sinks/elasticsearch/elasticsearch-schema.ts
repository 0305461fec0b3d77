import { z } from "zod";

const secret = z.string().min(1).max(65_536);
const url = z.url({ protocol: /^https?$/ });

export const elasticsearchSchema = z
  .strictObject({
    url: z
      .union([url, z.array(url).min(1).max(64)])
      .describe("Of one node, or of several: a node that is away is passed over"),
    mode: z
      .enum(["documents", "catalogue"])
      .default("documents")
      .describe("`documents`: every record; `catalogue`: what the archive holds, without records"),
    username: z.string().min(1).optional().describe("Basic authentication"),
    password: secret.optional(),
    apiKey: secret
      .optional()
      .describe("Instead of username and password; as Elasticsearch encodes it"),
    ca: z.string().min(1).max(4096).optional().describe("PEM file of the authorities to trust"),
    caFingerprint: z
      .string()
      .regex(/^(?:[0-9A-Fa-f]{2}:?){32}$/, "expected a SHA-256 fingerprint in hex")
      .optional()
      .describe("SHA-256 of the authority's certificate, as Elasticsearch prints it"),
    rejectUnauthorized: z.boolean().default(true).describe("`false` trusts anybody: for tests"),
    indexPrefix: z
      .string()
      .regex(/^[a-z0-9][a-z0-9._-]{0,63}$/, "lower-case letters, digits, dots, dashes, underscores")
      .default("bulk-archiver")
      .describe("Of every index of this archive"),
    offsetsPerIndex: z
      .int()
      .min(1_000)
      .max(2 ** 52)
      .default(10_000_000)
      .describe("Offsets of each partition in one index of a topic; it must never change"),
    indexSettings: z
      .record(z.string().min(1), z.union([z.string(), z.number(), z.boolean()]))
      .default({})
      .describe("Of indices that are made, such as `number_of_shards`"),
    parseJson: z
      .boolean()
      .default(true)
      .describe("Values that are JSON objects are also indexed by field, below `json`"),
    bulkBytes: z
      .int()
      .min(1 << 10)
      .max(90 << 20)
      .default(5 << 20)
      .describe("Bytes of one bulk request"),
  })
  .refine((c) => (c.username === undefined) === (c.password === undefined), {
    error: "username and password belong together",
    path: ["password"],
  })
  .refine((c) => c.ca === undefined || c.caFingerprint === undefined, {
    error: "either ca or caFingerprint",
    path: ["caFingerprint"],
  })
  .refine((c) => c.apiKey === undefined || c.username === undefined, {
    error: "either apiKey, or username and password",
    path: ["apiKey"],
  });

export type ElasticsearchConfig = z.output<typeof elasticsearchSchema>;
