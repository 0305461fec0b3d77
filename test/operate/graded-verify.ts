import { type IndexedScope, writeRollUps } from "../../src/operate/index/write-roll-ups.ts";
import { deepCheck } from "../../src/operate/verify/deep-check.ts";
import { NEVER } from "../../src/operate/verify/expiry.ts";
import { seedKeys } from "../../src/operate/verify/foreign-keys.ts";
import { foreignOpener } from "../../src/operate/verify/foreign-opener.ts";
import type { Heads } from "../../src/operate/verify/heads.ts";
import { EVERY_FILE, NO_FILE } from "../../src/operate/verify/sampling.ts";
import {
  type ArchiveOptions,
  type ArchiveVerdict,
  verifyArchive,
} from "../../src/operate/verify/verify-archive.ts";
import type { Sink } from "../../src/sdk/sink.ts";
import { IDENTITY, never, SCOPE, SEED } from "./sample-archive.ts";

/** The sample archive under `verify`, grade by grade, with and without roll-ups. */
export const GRADES = ["quick", "files", "deep"] as const;
export type Grade = (typeof GRADES)[number];

const SEEDS = seedKeys(`${SEED.keyId}:${SEED.secret.toString("hex")}`);

const gradeOf = {
  quick: { sampling: NO_FILE, deep: undefined },
  files: { sampling: EVERY_FILE, deep: undefined },
  deep: { sampling: EVERY_FILE, deep: deepCheck(foreignOpener([]), SEEDS) },
};

export function gradedVerify(
  sink: Sink,
  grade: Grade,
  indexed: boolean,
  over: Partial<ArchiveOptions>,
): Promise<ArchiveVerdict> {
  const instead = grade === "quick" && over.across !== true;
  const options: ArchiveOptions = {
    ...{ sinks: [{ name: "files", sink }], filter: {}, seeds: SEEDS, heads: undefined },
    ...{ publicKeys: new Map(), expiry: NEVER, across: false, tailWaitMs: 0 },
    // With this seed no manifest of the sample is drawn but the first of each roll-up.
    index: { use: !indexed ? "none" : instead ? "instead" : "beside", seed: "none" },
    progress: { total: () => undefined, done: () => undefined },
    ...gradeOf[grade],
    ...over,
  };
  return verifyArchive(options, never);
}

/** Each code and batch of the first sink's problems once. */
export function foundIn(verdict: ArchiveVerdict): readonly string[] {
  const all = verdict.sinks[0]?.partitions.flatMap((p) => p.problems) ?? [];
  return [...new Set(all.map(({ code, start }) => `${code}@${start ?? ""}`))].toSorted();
}

export const headOf = (end: bigint, link: string): Heads => ({
  heads: [{ scope: SCOPE, archiveId: IDENTITY.archiveId, end, link }],
  from: "a place of its own",
  signed: false,
});

/** What `index` does, for archives that are too small for the command. */
export function rollUpEvery(sink: Sink, every: number, rebuild = false): Promise<IndexedScope> {
  const { documents } = sink;
  if (documents === undefined) throw new Error("a blob sink keeps documents");
  const how = { every, rebuild, dryRun: false, done: () => undefined };
  return writeRollUps({ sink, documents, scope: SCOPE, ...how }, never);
}
