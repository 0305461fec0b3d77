import { readFileSync } from "node:fs";

export interface Step {
  readonly word: string;
  readonly rest: string;
}

/** The instructions of a Dockerfile, continued lines joined, comments left out. */
export function stepsOf(path: string): Step[] {
  const text = readFileSync(path, "utf8")
    .replaceAll(/^\s*#.*\n/gm, "")
    .replaceAll(/\\\n\s*/g, " ");
  return text.split("\n").flatMap((line) => {
    const [, word = "", rest = ""] = /^([A-Z]+)\s+(.*)$/.exec(line) ?? [];
    return word === "" ? [] : [{ word, rest }];
  });
}

/** Of an instruction in the exec form. */
export const wordsOf = (rest: string): string[] =>
  JSON.parse(rest.slice(rest.indexOf("["))) as string[];

/** The stages, each with its instructions after FROM. */
export function stagesOf(steps: readonly Step[]): Step[][] {
  const stages: Step[][] = [];
  for (const step of steps) {
    if (step.word === "FROM") stages.push([]);
    else stages.at(-1)?.push(step);
  }
  return stages;
}
