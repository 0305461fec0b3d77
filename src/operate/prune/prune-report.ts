import { z } from "zod";

const count = z.int().nonnegative();

const prunedPartition = z.strictObject({
  topic: z.string(),
  topicId: z.string(),
  partition: count,
  branch: count,
  /** Of what goes; null: nothing does. */
  from: z.bigint().nonnegative().nullable(),
  to: z.bigint().nonnegative().nullable(),
  batches: count.describe("Old enough and with data; with --dry-run: would go"),
  bytes: count,
  expired: count.describe("Whose data was removed now"),
  locked: count.describe("That the store keeps for longer: object lock, legal hold"),
  damaged: count.describe("Not what their manifests say, so left for `verify`"),
});

const prunedSink = z.strictObject({
  name: z.string(),
  able: z.boolean().describe("False: the sink has no files of its own that could go"),
  keptBatches: count.describe("With data, before this run"),
  keptBytes: count,
  percent: z.number().nonnegative().describe("Of those batches, or bytes, what is old enough"),
  partitions: z.array(prunedPartition),
});

/** What `prune --json` prints. */
export const pruneReport = z.strictObject({
  ok: z.boolean(),
  tool: z.string(),
  dryRun: z.boolean(),
  pipelines: z.array(
    z.strictObject({
      name: z.string(),
      retentionMs: count,
      before: z.string().describe("Records before this time are old enough; RFC 3339"),
      sinks: z.array(prunedSink),
    }),
  ),
});

export type PruneReport = z.output<typeof pruneReport>;
export type PrunedPipeline = PruneReport["pipelines"][number];
export type PrunedSink = z.output<typeof prunedSink>;
export type PrunedPartition = z.output<typeof prunedPartition>;
