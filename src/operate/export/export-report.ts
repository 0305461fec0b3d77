import { z } from "zod";

const count = z.int().nonnegative();
const offset = z.bigint().nonnegative();

/** What `export --json` prints. */
export const exportReport = z.strictObject({
  ok: z.boolean(),
  tool: z.string(),
  dryRun: z.boolean(),
  sink: z.string(),
  out: z.string().describe("Folder; export.json there lists what it holds"),
  topic: z.string(),
  topicId: z.string(),
  codec: z.enum(["none", "gzip", "zstd"]),
  partitions: z.array(
    z.strictObject({
      partition: count,
      branch: count,
      next: offset.describe("Offsets before it are exported"),
      written: count.describe("Records of this run"),
      parts: z.array(
        z.strictObject({
          file: z.string().describe("Below `out`"),
          from: offset,
          to: offset.describe("Exclusive"),
          records: count,
          bytes: count,
          blake3: z.string().describe("Of the file"),
        }),
      ),
    }),
  ),
  records: count.describe("Of this run"),
});

export type ExportReport = z.output<typeof exportReport>;
