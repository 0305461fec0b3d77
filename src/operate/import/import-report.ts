import { z } from "zod";

const count = z.int().nonnegative();
const offset = z.bigint().nonnegative();

/** What `import --json` prints. */
export const importReport = z.strictObject({
  ok: z.boolean(),
  tool: z.string(),
  dryRun: z.boolean(),
  pipeline: z.string(),
  group: z.string().describe("Its committed offsets say how far the archive is"),
  partitions: z.array(
    z.strictObject({
      topic: z.string(),
      topicId: z.string(),
      partition: count,
      from: offset.describe("Where this run began: the end of what was archived before"),
      to: offset.describe("Exclusive; Kafka's end, or what --to says"),
    }),
  ),
  batches: count.describe("Made by this run, in every sink"),
  records: count,
  seconds: z.number().nonnegative(),
});

export type ImportReport = z.output<typeof importReport>;
