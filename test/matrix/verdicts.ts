import { PROMISES, type Promised } from "./promises.ts";

/** What became of one case. */
export interface Outcome {
  readonly name: string;
  readonly shows: readonly Promised[];
  readonly injected: readonly string[];
  readonly reported: readonly string[];
  /** Empty: it passed. */
  readonly wrong: readonly string[];
  readonly seconds: number;
}

const word = (wrong: readonly string[]): string => (wrong.length === 0 ? "ok    " : "FAILED");

/** One case as it ends, in lines. */
export function show({ name, injected, reported, wrong, seconds }: Outcome): string {
  return [
    `${word(wrong)} ${name} (${seconds.toFixed(0)} s)`,
    ...injected.map((text) => `         done:     ${text}`),
    ...reported.map((text) => `         reported: ${text}`),
    ...wrong.map((text) => `         wrong:    ${text}`),
  ].join("\n");
}

/** All cases, one a line, and how many of those that show a promise passed. */
export function table(outcomes: readonly Outcome[]): string {
  const cases = outcomes.map(
    ({ name, wrong, seconds }) => `${word(wrong)} ${seconds.toFixed(0).padStart(5)} s  ${name}`,
  );
  const promises = Object.entries(PROMISES).flatMap(([key, heading]) => {
    const showing = outcomes.filter(({ shows }) => shows.includes(key as Promised));
    const passed = showing.filter(({ wrong }) => wrong.length === 0).length;
    return showing.length === 0
      ? []
      : [`${passed} of ${showing.length}`.padStart(9) + `  ${heading}`];
  });
  return ["", ...cases, "", ...promises, ""].join("\n");
}
