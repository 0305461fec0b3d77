import { CASES } from "../cases.ts";
import { run } from "./run.ts";

/** The cases whose name has this text, with what of them failed; the answer is the exit code. */
export async function playCases(text: string, traced: boolean): Promise<number> {
  const chosen = CASES.filter(([name]) => name.includes(text));
  if (chosen.length === 0) throw new Error(`no case has a name with "${text}"`);
  let failed = 0;
  for (const [name, scenario, shows = ""] of chosen) {
    const { failure, trace } = await run(scenario, { keep: 1_000_000 });
    if (traced) console.log(trace.join("\n"));
    const wrong =
      failure?.text ??
      (trace.some((line) => line.includes(shows)) ? null : `its trace has no ${shows}`);
    console.log(
      `${wrong === null ? "passed" : "FAILED"} ${name}${wrong === null ? "" : `: ${wrong}`}`,
    );
    if (wrong !== null) failed += 1;
  }
  console.log(`${chosen.length - failed} passed, ${failed} failed`);
  return failed === 0 ? 0 : 1;
}
