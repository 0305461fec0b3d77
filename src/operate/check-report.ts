import { z } from "zod";

const finding = z.strictObject({
  level: z.enum(["ok", "warning", "error"]),
  about: z.string().describe("`config`, `kafka`, `group NAME`, `topic NAME` or `sink NAME`"),
  code: z.string().describe("Stable"),
  text: z.string(),
});

/** What `check --json` prints. */
export const checkReport = z.strictObject({
  ok: z.boolean().describe("No finding is an error; the exit code is 0 then"),
  tool: z.string(),
  findings: z.array(finding),
  estimate: z
    .strictObject({
      seconds: z.number().describe("How long the topics were watched"),
      recordsPerSecond: z.number(),
      bytesPerSecond: z.number().describe("As Kafka stores them"),
      filesPerDay: z.number(),
      requestsPerDay: z
        .number()
        .describe("To each sink that stores files: data, manifest, and a look at each"),
    })
    .nullable()
    .describe("From what came while it watched; null: Kafka was not asked, or nothing came"),
  settings: z
    .array(
      z.strictObject({
        key: z.string().describe("`sinks[0].bucket`"),
        value: z.string().describe("As it is written; `[redacted]` for a secret"),
        source: z.string().describe("A line of the file and what it refers to, or `default`"),
      }),
    )
    .optional()
    .describe("Of `--explain` only: every setting and where it comes from"),
});

export type CheckReport = z.output<typeof checkReport>;
export type CheckFinding = z.output<typeof finding>;
export type Estimate = NonNullable<CheckReport["estimate"]>;

/** A finding with the exit code that it asks for. */
export interface Found extends CheckFinding {
  readonly exit: 0 | 1 | 2 | 4;
}

export const ok = (about: string, code: string, text: string): Found => ({
  ...{ level: "ok", about, code, text },
  exit: 0,
});

export const warning = (about: string, code: string, text: string): Found => ({
  ...{ level: "warning", about, code, text },
  exit: 0,
});

export const failure = (
  about: string,
  code: string,
  text: string,
  exit: Found["exit"] = 2,
): Found => ({
  ...{ level: "error", about, code, text },
  exit,
});
