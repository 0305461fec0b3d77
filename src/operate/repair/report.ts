import { z } from "zod";

const offset = z.bigint().nonnegative();
const count = z.int().nonnegative();

/** One thing that was not mended. */
const problem = z.strictObject({
  code: z
    .enum([
      "source-damaged",
      "source-differs",
      "source-lacks",
      "different",
      "extra",
      "overlap",
      "not-placed",
      "lost",
      "hole",
      "chain-open",
      "before-archive",
      "primary-lacks",
      "refused",
    ])
    .describe("docs/operations.md says what to do about each"),
  sink: z.string().optional(),
  start: offset.optional(),
  end: offset.optional(),
  text: z.string(),
});

export type RepairProblem = z.output<typeof problem>;

const scopeFields = {
  topic: z.string(),
  topicId: z.string(),
  partition: count,
  branch: count,
};

const reconciledPartition = z.strictObject({
  ...scopeFields,
  compared: count.describe("Batches of the source that were compared with the target"),
  same: count,
  copied: count.describe("Was missing in the target; with --dry-run: would be copied"),
  replaced: count.describe("Was damaged or another; set aside and copied"),
  expired: count.describe("Older than `retention` and gone from one of both; not put back"),
  bytes: z.int().nonnegative().describe("Of the files copied"),
  problems: z.array(problem),
});

/** What `reconcile --json` prints. */
export const reconcileReport = z.strictObject({
  ok: z.boolean(),
  tool: z.string(),
  source: z.string(),
  target: z.string(),
  dryRun: z.boolean(),
  seconds: z.number().nonnegative(),
  partitions: z.array(reconciledPartition),
  proof: z
    .strictObject({
      ok: z.boolean(),
      batches: count.describe("Compared across both sinks"),
      problems: z.array(z.string()).describe("The first hundred"),
    })
    .nullable()
    .describe("What `verify --across-sinks` says of both afterwards; null: it was not asked"),
});

export type ReconcileReport = z.output<typeof reconcileReport>;
export type ReconciledPartition = z.output<typeof reconciledPartition>;

const replayedPartition = z.strictObject({
  ...scopeFields,
  from: offset,
  to: offset.describe("Exclusive; whole batches"),
  confirmed: count.describe("Batches that every sink named has, equal"),
  made: count.describe("Batches that were missing somewhere and were put there"),
  replaced: count.describe("Set aside and put there again, with --repair"),
  cut: count.describe("Of `made`: cut anew, because nothing said where they were"),
  expired: count.describe("Older than `retention`: neither compared nor put back"),
  expiredTo: offset.nullable().describe("Where the last of these ends; null: none"),
  records: offset.describe("Of all these batches"),
  bytes: z.int().nonnegative().describe("Of the files that were put somewhere"),
  problems: z.array(problem),
});

/** What `replay --json` prints. */
export const replayReport = z.strictObject({
  ok: z.boolean(),
  tool: z.string(),
  dryRun: z.boolean(),
  sinks: z.array(z.string()).describe("That were confirmed or written to, the primary first"),
  into: z.string().nullable(),
  seconds: z.number().nonnegative(),
  partitions: z.array(replayedPartition),
});

export type ReplayReport = z.output<typeof replayReport>;
export type ReplayedPartition = z.output<typeof replayedPartition>;

const rewrappedPartition = z.strictObject({
  ...scopeFields,
  batches: count,
  rewrapped: count.describe("With --dry-run: would be"),
  there: count.describe("Had these recipients already"),
  clear: count.describe("Not encrypted"),
  bytes: z.int().nonnegative().describe("Of the files rewrapped, of one sink"),
  problems: z.array(problem),
});

/** What `rewrap --json` prints. */
export const rewrapReport = z.strictObject({
  ok: z.boolean(),
  tool: z.string(),
  dryRun: z.boolean(),
  sinks: z.array(z.string()),
  seconds: z.number().nonnegative(),
  partitions: z.array(rewrappedPartition),
});

export type RewrapReport = z.output<typeof rewrapReport>;
export type RewrappedPartition = z.output<typeof rewrappedPartition>;
