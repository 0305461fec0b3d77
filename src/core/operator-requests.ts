import { z } from "zod";
import { decodeLine, encodeLine } from "./metadata-line.ts";

/**
 * What operators ask of the daemon that owns a partition, and what it answers: each a line of ASCII in the
 * metadata of an offset commit.
 *
 *     bo1 <checksum> <JSON>
 *
 * Requests lie in the group `<group>.operator`, under the partition they are about, and are written by
 * its only member. Answers lie in `<group>.operator.answers`, a group without members. The offsets
 * committed with them mean nothing.
 */
const MAGIC = "bo1";
const MAX_REQUESTS = 16;
const MAX_REASON_CHARS = 300;
const INT64_MAX = (1n << 63n) - 1n;

export const requestGroup = (group: string): string => `${group}.operator`;
export const answerGroup = (group: string): string => `${group}.operator.answers`;

const id = z.string().regex(/^[0-9a-f]{16}$/);
const by = z.string().min(1).max(120);
const text = z.string().max(MAX_REASON_CHARS);
const offset = z
  .union([z.bigint(), z.int().transform((n) => BigInt(n))])
  .refine((n) => n >= 0n && n <= INT64_MAX);

/** It stands in a manifest. */
const reason = z.string().regex(/^[\x20-\x7e]{1,200}$/);

const request = z.discriminatedUnion("do", [
  /**
   * Stop working on the partition. `ttlMs`: without a change of `beat` for so long, by the owner's own
   * clock, it is over, because whoever asked has died; null: until it is taken back.
   */
  z.strictObject({
    id,
    by,
    do: z.literal("pause"),
    ttlMs: z.int().min(1_000).max(3_600_000).nullable(),
    beat: z.int().nonnegative(),
  }),
  z.strictObject({ id, by, do: z.literal("skip"), to: offset, reason }),
  z.strictObject({ id, by, do: z.literal("detach"), sink: z.string().min(1).max(63) }),
  z.strictObject({ id, by, do: z.literal("attach"), sink: z.string().min(1).max(63) }),
]);

const answer = z.strictObject({
  /** Of the request. */
  id,
  /** `done` to a pause: nothing of this partition is under way, and nothing begins. */
  is: z.enum(["working", "done", "refused"]),
  text,
});

const requests = z.array(request).max(MAX_REQUESTS);
/** Who answers: a member that was fenced meanwhile may answer too, and does not count. */
const answers = z.strictObject({
  member: z.string().max(300),
  generation: z.int(),
  answers: z.array(answer).max(MAX_REQUESTS),
});

export type OperatorRequest = z.output<typeof request>;
export type PauseRequest = Extract<OperatorRequest, { do: "pause" }>;
export type OperatorAnswer = z.output<typeof answer>;
export type OperatorAnswers = z.output<typeof answers>;

/** The empty text for no requests. @throws ArchiverError `assertion-failed` when they do not fit */
export const encodeRequests = (list: readonly OperatorRequest[]): string =>
  list.length === 0 ? "" : encodeLine(MAGIC, requests.parse(list));

export const encodeAnswers = (value: OperatorAnswers): string =>
  encodeLine(MAGIC, answers.parse(value));

/** Never throws: what is not ours or was cut short asks for nothing; the reason is for a warning. */
export const decodeRequests = (
  text_: string,
): readonly OperatorRequest[] | { readonly invalid: string } =>
  text_ === "" ? [] : decodeLine(MAGIC, text_, requests);

export const decodeAnswers = (text_: string): OperatorAnswers | { readonly invalid: string } =>
  decodeLine(MAGIC, text_, answers);
