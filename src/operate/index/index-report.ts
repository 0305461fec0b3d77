import { z } from "zod";

const count = z.int().nonnegative();

const partition = z.strictObject({
  topic: z.string(),
  topicId: z.string(),
  partition: count,
  branch: count,
  rollUps: count.describe("There are now"),
  written: count.describe("Roll-ups that this run made; with --dry-run: that it would make"),
  stale: count.describe("Roll-ups that were not as the manifests are; only --rebuild looks"),
  batches: count.describe("Manifests that were read"),
  tail: count.describe("Batches behind the last roll-up"),
  keys: z
    .strictObject({
      written: count,
      there: count,
      without: count.describe("Encrypted batches, and those with too many keys"),
    })
    .nullable()
    .describe("Filters of keys; null without --keys"),
});

/** What `index --json` prints. */
export const indexReport = z.strictObject({
  ok: z.boolean(),
  tool: z.string(),
  dryRun: z.boolean(),
  sinks: z.array(z.strictObject({ name: z.string(), partitions: z.array(partition) })),
});

export type IndexReport = z.output<typeof indexReport>;
export type IndexedPartition = z.output<typeof partition>;
