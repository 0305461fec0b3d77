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

/**
 * `BULK_ARCHIVER_FAILPOINT=<step>[:n][:sink=NAME][:stop]`: dies by SIGKILL at the n-th time of a step;
 * with `:stop` it freezes by SIGSTOP instead, so that tests can wake it as a zombie.
 */
export interface Failpoint {
  readonly step: FailpointStep;
  readonly nth: number;
  readonly sink: string | null;
  readonly signal: "SIGKILL" | "SIGSTOP";
}

/** @throws ArchiverError usage, when the text names no step. */
export function parseFailpoint(text: string): Failpoint {
  const [step, ...rest] = text.split(":");
  const known = FAILPOINTS.find((f) => f === step);
  let nth = 1;
  let sink: string | null = null;
  let signal: Failpoint["signal"] = "SIGKILL";
  for (const part of rest) {
    if (/^[1-9]\d*$/.test(part)) nth = Number(part);
    else if (part.startsWith("sink=")) sink = part.slice("sink=".length);
    else if (part === "stop") signal = "SIGSTOP";
    else throw bad(text);
  }
  if (known === undefined) throw bad(text);
  return { step: known, nth, sink, signal };
}

const bad = (text: string): ArchiverError =>
  new ArchiverError(
    "usage",
    `BULK_ARCHIVER_FAILPOINT=${text}: expected <step>[:n][:sink=NAME][:stop], step one of ${FAILPOINTS.join(" ")}`,
  );

export type HitFailpoint = (step: FailpointStep, sink?: string) => void;

/** Counts hits and dies (or freezes) at the n-th, at once and without any clean-up: that is what it is for. */
export function failpointHitter(f: Failpoint | null): HitFailpoint {
  let seen = 0;
  return (step, sink) => {
    if (f === null || f.step !== step || (f.sink !== null && f.sink !== sink)) return;
    seen += 1;
    if (seen === f.nth) process.kill(process.pid, f.signal);
  };
}
