import { z } from "zod";
import { duration } from "./units.ts";

const DAY_MS = 86_400_000;
const path = z.string().min(1).max(4096);

const signing = z.strictObject({
  keyFile: path.describe(
    "Ed25519 key in PEM (PKCS #8), as `keygen --signing` makes it; its public half verifies",
  ),
  keyId: z
    .string()
    .regex(/^[\x21-\x7e]{1,64}$/, "expected 1 to 64 printable characters without spaces")
    .optional()
    .describe("How signatures name the key; left out: 8 hex digits of the public key's hash"),
});

const heads = z
  .strictObject({
    topic: z
      .string()
      .regex(/^[A-Za-z0-9._-]{1,249}$/, "expected a topic name")
      .optional()
      .describe("Of the same Kafka cluster; let only the archiver write to it, and compact it"),
    file: path.optional().describe("One line a head is appended; on another machine's file system"),
    sink: z.string().min(1).optional().describe("Name of a sink of the configuration"),
    every: duration(1000, DAY_MS).prefault("10m"),
  })
  .refine(
    (h) => [h.topic, h.file, h.sink].filter((place) => place !== undefined).length === 1,
    "exactly one of topic, file and sink says where heads go",
  );

/** What makes an archive provable to others, and how long its data has to stay. */
export const proofFields = {
  signing: signing.optional().describe("Manifests are signed; left out: they are not"),
  heads: heads
    .optional()
    .describe("Where signed heads of all chains are published, so that a removed end shows"),
  retention: duration(DAY_MS, 36_500 * DAY_MS)
    .optional()
    .describe(
      "Data older than this may be gone while its manifest stays: by a store's lifecycle rule or `prune`; left out: data is kept for ever",
    ),
};
