import { z } from "zod";

const offset = z.bigint().nonnegative();
const ms = z.number().nonnegative();

const partition = z.strictObject({
  group: z.string().describe("Consumer group of the pipeline it belongs to"),
  topic: z.string(),
  topicId: z.string().describe("base64url; `_` where the broker has none"),
  partition: z.int().nonnegative(),
  branch: z.int().nonnegative(),
  state: z
    .enum(["locating", "walking", "running", "paused", "stopped", "ended", "unassigned", "unknown"])
    .describe(
      "Of the task that owns it; `paused`: an operator asked for that; `unknown` when no daemon was asked",
    ),
  committed: offset.nullable().describe("Next offset to archive; null: nothing committed yet"),
  end: offset.nullable().describe("Last stable offset in Kafka; null: not known now"),
  lag: offset.nullable().describe("end - committed"),
  pendingPlans: z
    .array(z.strictObject({ start: offset, end: offset }))
    .describe("As committed in Kafka"),
  lastBatch: z
    .strictObject({
      start: offset,
      end: offset,
      records: offset,
      path: z.string(),
      size: z.int().nonnegative(),
      maxTimestamp: z.bigint().nullable(),
    })
    .nullable()
    .describe("The newest whole batch in the primary"),
  waiting: z
    .string()
    .nullable()
    .describe("Why nothing moves, in words; null: it moves, or it is not known"),
  oldestUnconfirmedMs: ms
    .nullable()
    .describe("Age of the oldest record that not every sink has confirmed"),
  inFlight: z.int().nonnegative().describe("Batches that are built, sealed or delivered now"),
  waitsFor: z
    .array(z.string())
    .optional()
    .describe("Sinks that have not confirmed the oldest batch under way; of a daemon only"),
  lacks: z
    .array(z.string())
    .optional()
    .describe("Sinks that it went on without and that are not filled yet; of a daemon only"),
  conflictIn: z
    .string()
    .nullable()
    .optional()
    .describe("The sink over whose content it has stopped; of a daemon only"),
});

const sink = z.strictObject({
  name: z.string(),
  kind: z.string(),
  primary: z.boolean(),
  where: z
    .string()
    .nullable()
    .optional()
    .describe("What it writes to, in words for people, without secrets; of a daemon only"),
  state: z.enum(["ok", "retrying", "parked", "unreachable", "unknown"]),
  since: z.string().nullable().describe("RFC 3339"),
  lastError: z.string().nullable(),
  next: z.string().nullable().describe("When it is tried again, or what to do"),
  behind: offset
    .nullable()
    .describe("Offsets that the primary has and this sink has not; null: not known"),
});

/** Of the page too. */
export const verdict = z.strictObject({
  level: z.enum(["ok", "work", "attention", "human", "none"]),
  code: z.string().describe("Stable, such as OK, SINK_AWAY, STOPPED"),
  title: z.string(),
  sentence: z.string().describe("Is everything safe? Times are UTC"),
  second: z.string().describe("What follows from it; may be empty"),
  todo: z.array(z.strictObject({ text: z.string(), command: z.string().nullable() })),
});

/** What /api/status and `status --json` answer. Offsets are integer literals of up to 64 bits. */
export const statusReport = z.strictObject({
  tool: z.string(),
  version: z.string(),
  source: z
    .enum(["daemon", "outside", "both"])
    .describe("Who says it: the daemon; Kafka and the sinks as `status` found them; or both"),
  group: z.string().describe("Of the first pipeline"),
  clusterId: z.string().nullable(),
  partitions: z.array(partition),
  sinks: z.array(sink),
  memory: z
    .strictObject({ limit: z.int().nonnegative(), used: z.int().nonnegative() })
    .nullable()
    .describe("Bytes of the budget; null when no daemon was asked"),
  member: z
    .strictObject({
      id: z.string(),
      generation: z.int(),
      instanceId: z.string().nullable(),
      state: z.enum(["joining", "stable", "stopped"]),
      lastError: z.string().nullable().describe("Why it is not a member now, or not heard"),
    })
    .nullable()
    .describe("Of the first pipeline's group; null: not a member now"),
  verdict: verdict.optional().describe("What the page says at its head; of a daemon only"),
});

export type Verdict = z.output<typeof verdict>;
export type StatusReport = z.output<typeof statusReport>;
export type PartitionStatus = z.output<typeof partition>;
export type SinkStatus = z.output<typeof sink>;
