import { z } from "zod";

/**
 * The shape of descriptions and manifests as stored. Everything is bounded, because what lies in a
 * sink is a claim; how the fields agree with each other is `manifest-check.ts`.
 */
export const MAX_MANIFEST_BYTES = 16 << 20;

/** More separate holes than this do not fit in a manifest: the batch has to be cut earlier. */
const MAX_HOLES = 65_536;

const INT64_MAX = (1n << 63n) - 1n;

const big = (min: bigint, max: bigint): z.ZodType<bigint> =>
  z
    .union([z.bigint(), z.int().transform((n) => BigInt(n))], "expected an integer")
    .refine((n) => n >= min && n <= max, `expected an integer in [${min}, ${max}]`);

const offset = big(0n, INT64_MAX);
const timestamp = z.union([z.null(), big(-(1n << 63n), INT64_MAX)], "expected an integer or null");
const int32 = (min: number): z.ZodType<number> =>
  z
    .int()
    .min(min)
    .max(2 ** 31 - 1);
const byteCount = z.int().min(0);
const hex32 = z.string().regex(/^[0-9a-f]{64}$/, "expected 64 lower-case hex digits");
const printable = (max: number): z.ZodType<string> =>
  z
    .string()
    .min(1)
    .max(max)
    .regex(/^[\x21-\x7e]+$/, "expected printable ASCII without spaces");

export const topicName = z
  .string()
  .regex(/^[A-Za-z0-9._-]{1,249}$/, "expected a Kafka topic name")
  .refine((t) => t !== "." && t !== "..", "expected a Kafka topic name");
export const topicIdText = z
  .string()
  .regex(/^(_|[A-Za-z0-9_-]{22})$/, "expected a topic id in base64url, or _");

/** Bounded, because it stands in every manifest that is read. */
const skipText = z
  .string()
  .regex(/^[\x20-\x7e]{1,200}$/, "expected 1 to 200 printable ASCII characters");

const hole = z.strictObject({
  from: offset,
  to: offset,
  reason: z.enum([
    "aborted",
    "control",
    "compacted",
    "filtered",
    "dead-lettered",
    "retention",
    "skipped",
  ]),
  offsets: offset.exactOptional(),
  text: skipText.exactOptional(),
});

const content = z.union(
  [
    z.strictObject({ algorithm: z.literal("blake3"), digest: hex32 }),
    z.strictObject({ algorithm: z.literal("blake3"), tag: hex32 }),
  ],
  "expected {algorithm: blake3, and digest or tag of 64 hex digits}",
);

const seal = z.strictObject({
  path: printable(1024),
  size: byteCount,
  digest: hex32,
  digestAlgorithm: z.literal("blake3"),
  codec: z.enum(["none", "zstd", "gzip"]),
  contentSize: byteCount,
  encryption: z.enum(["none", "age"]),
  keyId: printable(64).exactOptional(),
  recipients: z.array(printable(4096)).max(64),
});

export const descriptionSchema = z.strictObject({
  version: z.literal(1),
  archiveId: printable(64),
  clusterId: printable(256),
  topic: topicName,
  topicId: topicIdText,
  partition: int32(0),
  branch: int32(0),
  start: offset,
  end: offset,
  batchId: printable(512),
  revision: int32(0),
  leaderEpoch: int32(-1),
  records: offset,
  aborted: offset,
  control: offset,
  compacted: offset,
  filtered: offset,
  deadLettered: offset,
  holes: z.array(hole).max(MAX_HOLES),
  minTimestamp: timestamp,
  maxTimestamp: timestamp,
  format: z.enum(["segment", "ndjson"]),
  content,
  contentCheck: hex32.exactOptional(),
  recordsDigest: hex32.exactOptional(),
  seal,
});

const signatureSchema = z.strictObject({
  algorithm: z.literal("ed25519"),
  keyId: printable(64),
  value: z.string().regex(/^[0-9a-f]{128}$/, "expected 128 lower-case hex digits"),
});

export const manifestSchema = descriptionSchema.extend({
  prevLink: hex32,
  link: hex32,
  signature: signatureSchema.exactOptional(),
  mac: hex32.exactOptional(),
});
