import { ArchiverError } from "../core/errors.ts";

export const FAILPOINTS = [
  "before-plan",
  "after-plan",
  "before-data",
  "mid-data",
  "after-data",
  "after-manifest",
  "before-commit",
  "after-commit",
] as const;
export type FailpointStep = (typeof FAILPOINTS)[number];

/** `BULK_ARCHIVER_FAILPOINT=<step>[:n][:sink=NAME]`: dies by SIGKILL at the n-th time of a step. */
export interface Failpoint {
  readonly step: FailpointStep;
  readonly nth: number;
  readonly sink: string | null;
}

/** @throws ArchiverError usage, when the text names no step. */
export function parseFailpoint(text: string): Failpoint {
  const [step, ...rest] = text.split(":");
  const known = FAILPOINTS.find((f) => f === step);
  let nth = 1;
  let sink: string | null = null;
  for (const part of rest) {
    if (/^[1-9]\d*$/.test(part)) nth = Number(part);
    else if (part.startsWith("sink=")) sink = part.slice("sink=".length);
    else throw bad(text);
  }
  if (known === undefined) throw bad(text);
  return { step: known, nth, sink };
}

const bad = (text: string): ArchiverError =>
  new ArchiverError(
    "usage",
    `BULK_ARCHIVER_FAILPOINT=${text}: expected <step>[:n][:sink=NAME], step one of ${FAILPOINTS.join(" ")}`,
  );

export type HitFailpoint = (step: FailpointStep, sink?: string) => void;

/** Counts hits and dies at the n-th, at once and without any clean-up: that is what it is for. */
export function failpointHitter(f: Failpoint | null): HitFailpoint {
  let seen = 0;
  return (step, sink) => {
    if (f === null || f.step !== step || (f.sink !== null && f.sink !== sink)) return;
    seen += 1;
    if (seen === f.nth) process.kill(process.pid, "SIGKILL");
  };
}
