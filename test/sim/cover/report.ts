import { WHEREABOUTS } from "../../crash/whereabouts.ts";
import { cover, stale, uncovered, wrongElsewhere } from "./coverage.ts";
import { ELSEWHERE } from "./elsewhere.ts";

/** Prints how often a crash was tried at each wait; the answer is the exit code. */
export async function reportCoverage(firstSeed: number, runs: number): Promise<number> {
  const c = await cover(firstSeed, runs);
  for (const s of c.sites) console.log(`${String(s.crashes).padStart(7)} ${s.place}  ${s.text}`);
  const never = uncovered(c);
  const known = c.sites.filter((s) => s.crashes === 0).length - never.length;
  console.log(
    `${c.runs} runs, ${c.deaths} deaths, ${c.sites.length} waits: ` +
      `${c.sites.length - never.length - known} crashed at, ${known} out of reach, ${never.length} never`,
  );
  for (const s of never) console.log(`never: ${s.place}  ${s.text} (${s.waits} waits)`);
  for (const { file, killedIn } of ELSEWHERE)
    console.log(
      `elsewhere: ${file}, ${killedIn === null ? "nothing outlives it" : `killed in ${killedIn}`}`,
    );
  for (const { at, by, why } of WHEREABOUTS) {
    const where = by === null ? "nowhere" : `by \`npm run crashes\` (${by})`;
    console.log(`not simulated: ${at}, ${where}${why === undefined ? "" : `: ${why}`}`);
  }
  const wrong = wrongElsewhere(c);
  for (const text of wrong) console.log(`elsewhere, wrongly: ${text}`);
  for (const text of stale(c)) console.log(`no longer out of reach: ${text}`);
  for (const text of c.failures) console.log(text);
  const faults = [...never, ...wrong, ...stale(c), ...c.failures];
  return faults.length === 0 ? 0 : 1;
}
