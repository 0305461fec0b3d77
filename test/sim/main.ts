import { run } from "./run/run.ts";
import { scenarioOf } from "./run/scenario.ts";

const args = process.argv.slice(2);
const number = (name: string, otherwise: number): number => {
  const at = args.indexOf(`--${name}`);
  return at < 0 ? otherwise : Number(args[at + 1]);
};
const seed = number("seed", 1);
const runs = number("runs", 1);
const verbose = args.includes("--trace");
let failed = 0;
const began = performance.now();
for (let s = seed; s < seed + runs; s += 1) {
  const o = await run(scenarioOf(s), { keep: verbose ? 1_000_000 : 0 });
  if (verbose) console.log(o.trace.join("\n"));
  if (o.failure !== null) {
    failed += 1;
    console.log(`seed ${s}: ${o.failure.text}`);
  }
  if (runs === 1) console.log(o.hash, o.events, o.virtualMs, o.objects, o.commits);
}
console.log(`${((performance.now() - began) / runs).toFixed(1)} ms a run`);
console.log(`${runs - failed} passed, ${failed} failed`);
