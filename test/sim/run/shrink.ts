import type { Happening, Scenario } from "../world/settings.ts";
import { run } from "./run.ts";

/** No more than this many runs are tried. */
const MAX_RUNS = 400;

/** The same run with less in it that still fails by the same rule, and how it fails. */
export async function shrink(scenario: Scenario, rule: string): Promise<string> {
  let least = scenario;
  let tries = 0;
  const fails = async (s: Scenario): Promise<boolean> => {
    tries += 1;
    return tries <= MAX_RUNS && (await run(s)).failure?.rule === rule;
  };
  for (let size = Math.ceil(least.happenings.length / 2); size >= 1; size = halved(size)) {
    for (let at = 0; at < least.happenings.length;) {
      const without = least.happenings.toSpliced(at, size);
      const candidate = { ...least, happenings: without };
      if (await fails(candidate)) least = candidate;
      else at += size;
    }
    if (size === 1) break;
  }
  for (const simpler of simplifications(least)) {
    const candidate = { ...least, ...simpler };
    if (await fails(candidate)) least = candidate;
  }
  const outcome = await run(least, { keep: 60 });
  const { happenings, ...rest } = least;
  return [
    `shrunk from ${scenario.happenings.length} happenings to ${happenings.length} in ${tries} runs:`,
    JSON.stringify(rest),
    ...happenings.map((h: Happening) => `  ${JSON.stringify(h)}`),
    "the end of its trace:",
    ...outcome.trace.map((line) => `  ${line}`),
    outcome.failure?.text ?? "it passes",
  ].join("\n");
}

const halved = (size: number): number => Math.floor(size / 2);

function simplifications(s: Scenario): Partial<Scenario>[] {
  return [
    { daemons: 1, secondGroup: false },
    { sinks: s.sinks.slice(0, 2) },
    { partitions: 1 },
    { staticIds: false },
    { settings: { format: "segment", codec: "none", level: 3, encrypted: false } },
  ];
}
