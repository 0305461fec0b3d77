import { z } from "zod";
import { verdict } from "./status-report.ts";

const ms = z.number();
/** Decimal digits: a browser's numbers hold no offset beyond 2^53. */
const digits = z.string().regex(/^\d+$/);

const LEVELS = ["ok", "work", "attention", "human", "none"] as const;
const level = z.enum(LEVELS).describe("`human`: a person has to act; `attention`: it waits");

const partition = z.strictObject({
  group: z.string(),
  topic: z.string(),
  partition: z.int().nonnegative(),
  owner: z.string().nullable().describe("Name of the member; null: nobody"),
  self: z.boolean().describe("This process owns it"),
  state: z.enum([
    "safe",
    "idle",
    "fresh",
    "moving",
    "behind",
    "waiting",
    "paused",
    "stopped",
    "unowned",
  ]),
  words: z.string().nullable().describe("Why nothing moves"),
  committed: digits.nullable(),
  end: digits.nullable(),
  lag: digits.nullable(),
  oldestAtMs: ms.nullable().describe("Time of the oldest record that not every sink has confirmed"),
  plan: z.strictObject({ start: digits, end: digits }).nullable(),
  waitsFor: z.array(z.string()).describe("Sinks that have not confirmed the oldest batch"),
  lacks: z.array(z.string()).describe("Sinks that it went on without and that are not filled yet"),
});

const sink = z.strictObject({
  name: z.string(),
  kind: z.string(),
  primary: z.boolean(),
  where: z.string().nullable().describe("What it writes to, in words for people"),
  level,
  state: z.string(),
  sinceMs: ms.nullable(),
  error: z.strictObject({ atMs: ms.nullable(), code: z.string(), text: z.string() }).nullable(),
  todo: z.string().nullable(),
  nextMs: ms.nullable().describe("When it is tried again"),
  behind: digits.nullable().describe("Offsets that the primary has and this sink has not"),
  waiting: z.int().nonnegative().describe("Partitions that wait for it"),
  lacking: z.int().nonnegative().describe("Partitions that went on without it"),
  conflicts: z
    .int()
    .nonnegative()
    .describe("Partitions of this process that have stopped over what it holds"),
  writeP95Ms: ms.nullable().describe("Of the last writes"),
  minutes: z.string().describe("The last hour: 0 well, 1 tried again, 2 away, - not known"),
});

const member = z.strictObject({
  name: z.string(),
  host: z.string(),
  self: z.boolean(),
  partitions: z.int().nonnegative(),
  lag: digits.nullable(),
  offsetsPerS: z.number().nullable().describe("Committed, between the last two looks"),
  oldestAtMs: ms.nullable(),
});

const event = z.strictObject({ id: z.int(), atMs: ms, level, text: z.string() });

const sample = z.array(z.number().nullable());
const history = z.strictObject({
  stepMs: ms,
  untilMs: ms.describe("End of the last step"),
  recordsPerS: sample,
  bytesPerS: sample,
  producedPerS: sample.describe("Offsets that came to this process's partitions, markers included"),
  oldestMs: sample,
  lag: sample,
  outages: z.array(z.strictObject({ sink: z.string(), fromMs: ms, toMs: ms.nullable() })),
});

/** What the page is made of: whole at first, then what changed, once a second. */
export const liveReport = z.strictObject({
  nowMs: ms,
  verdict,
  daemon: z.strictObject({
    tool: z.string(),
    version: z.string(),
    group: z.string(),
    clusterId: z.string().nullable(),
    member: z.string().nullable(),
    startedAtMs: ms,
  }),
  limits: z.strictObject({
    unconfirmedMs: ms.describe("Older than this counts as behind"),
    batchAgeMs: ms,
  }),
  totals: z.strictObject({
    oldestMs: ms.nullable(),
    recordsPerS: z.number(),
    rawBytesPerS: z.number(),
    storedBytesPerS: z.number(),
    lag: digits.nullable(),
    memoryUsed: z.number(),
    memoryLimit: z.number(),
    inFlight: z.int().nonnegative(),
    lastProof: z
      .strictObject({
        atMs: ms,
        problems: z.int().nonnegative(),
        grade: z.enum(["quick", "stored", "deep"]),
        percent: z.number(),
        across: z.boolean(),
        againstKafka: z.boolean(),
        unproven: z.int().nonnegative().describe("Topics of which nothing was told"),
      })
      .nullable()
      .describe("What `verify --tell` left of the topic that was proven longest ago"),
    retentionLeftMs: ms.nullable().describe("How long Kafka keeps what is not archived"),
  }),
  groupError: z.string().nullable().describe("Why the others' part may be old"),
  sinks: z.array(sink),
  members: z.array(member),
  partitions: z.array(partition).describe("In an update: those that changed"),
  gone: z.array(z.string()).describe("`group/topic/partition` no more there; in an update"),
  events: z.array(event).describe("Newest last; in an update: new ones"),
  history: history.nullable().describe("In an update: null when nothing was added"),
});

export type Level = (typeof LEVELS)[number];
export type LiveReport = z.output<typeof liveReport>;
export type LivePartition = z.output<typeof partition>;
export type LiveSink = z.output<typeof sink>;
export type LiveMember = z.output<typeof member>;
export type LiveEvent = z.output<typeof event>;
export type LiveHistory = z.output<typeof history>;
export type LiveTotals = z.output<typeof liveReport>["totals"];
