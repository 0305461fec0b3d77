import { z } from "zod";

const offset = z.bigint().nonnegative();
const range = z.strictObject({ from: offset, to: offset.describe("Exclusive") });

const partition = z.strictObject({
  partition: z.int().nonnegative().describe("Of the source"),
  toPartition: z.int().nonnegative(),
  branch: z.int().nonnegative(),
  from: offset.describe("First source offset that was asked for and is archived"),
  to: offset.describe("Exclusive"),
  batches: z.int().nonnegative().describe("Archived batches that records were taken from"),
  records: z.int().nonnegative().describe("Written by this run; by a dry run: to be written"),
  bytes: z.int().nonnegative().describe("Of the record batches written"),
  already: offset.describe("Source offsets of the range that had been restored before"),
  leftOut: z
    .array(z.strictObject({ ...range.shape, reason: z.string() }))
    .describe("Offsets that could not be decoded, with --skip-undecodable"),
});

/** What `restore --json` prints. */
export const restoreReport = z.strictObject({
  ok: z.boolean(),
  tool: z.string(),
  dryRun: z.boolean(),
  sink: z.string(),
  topic: z.string(),
  topicId: z.string(),
  to: z.strictObject({
    topic: z.string(),
    topicId: z
      .string()
      .describe("`_` where the broker has none, and in a dry run without the topic"),
    clusterId: z.string(),
    partitions: z.int().nonnegative(),
    created: z.enum(["no", "yes", "would-be"]),
    ledger: z.string().describe("The topic that says what was restored"),
  }),
  lineage: z.boolean(),
  partitions: z.array(partition),
  batches: z.int().nonnegative(),
  records: z.int().nonnegative(),
  bytes: z.int().nonnegative(),
  seconds: z.number().nonnegative(),
  warnings: z.array(z.string()),
});

export type RestoreReport = z.output<typeof restoreReport>;
export type RestoredPartition = z.output<typeof partition>;
