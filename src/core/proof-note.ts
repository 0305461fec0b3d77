import { z } from "zod";
import { decodeLine, encodeLine } from "./metadata-line.ts";

/**
 * What `verify --tell` leaves of its outcome for whoever looks at a daemon's page: metadata of a commit of
 * the group `<group>.proof`, which has no members, under partition 0 of each topic that it proved. The
 * offset committed with it means nothing, and nobody decides anything by it.
 */
const MAGIC = "bp1";

export const proofGroup = (group: string): string => `${group}.proof`;

const note = z.strictObject({
  /** Milliseconds since the epoch, by the clock of who looked: the end of the run. */
  atMs: z.number().nonnegative(),
  /** Of this topic, over all sinks. */
  problems: z.int().nonnegative(),
  grade: z.enum(["quick", "stored", "deep"]),
  /** Of the files that the grade reads; 100: all of them. */
  percent: z.number().min(0).max(100),
  /** The sinks were compared with each other, and the primary with the topic. */
  across: z.boolean(),
  againstKafka: z.boolean(),
});

export type ProofNote = z.output<typeof note>;

export const encodeProof = (value: ProofNote): string => encodeLine(MAGIC, note.parse(value));

/** Null: nothing was told, or what was is not ours. */
export function decodeProof(text: string): ProofNote | null {
  if (text === "") return null;
  const found = decodeLine(MAGIC, text, note);
  return "invalid" in found ? null : found;
}
