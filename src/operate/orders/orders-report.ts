import { z } from "zod";

const offset = z.bigint();

const ordered = z.strictObject({
  topic: z.string(),
  partition: z.int(),
  is: z
    .enum(["done", "waits", "refused", "would-be"])
    .describe(
      "`waits`: nobody owns the partition now; it is done when a daemon does. `would-be`: with --dry-run",
    ),
  text: z.string(),
  committed: offset.nullable().describe("Of the pipeline's group, before the command"),
});

/** What `skip`, `detach`, `attach`, `pause` and `resume` print with `--json`. */
export const ordersReport = z.strictObject({
  ok: z.boolean().describe("Nothing was refused"),
  tool: z.string(),
  command: z.string(),
  group: z.string(),
  partitions: z.array(ordered),
});

export type OrdersReport = z.output<typeof ordersReport>;
export type Ordered = z.output<typeof ordered>;
