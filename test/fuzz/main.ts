import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { commandLine, numberOf } from "../command-line.ts";
import { fuzz, type Outcome } from "./run.ts";
import { faultOf } from "./worker.ts";
import { openTargets } from "./targets/all.ts";

/**
 * Everything that reads what others wrote, under inputs that are real ones made wrong. An input that breaks
 * something is made as short as it can be and kept in `fuzz-found/`.
 */
const HELP = `npm run fuzz -- [--minutes N | --inputs N | --seconds-each N] [--seed S] [--only TARGET] [--json]
npm run fuzz -- --list
npm run fuzz -- --only TARGET --replay FILE`;
const o = commandLine(HELP, {
  minutes: { type: "string" },
  inputs: { type: "string" },
  "seconds-each": { type: "string" },
  seed: { type: "string" },
  only: { type: "string" },
  replay: { type: "string" },
  list: { type: "boolean", default: false },
  json: { type: "boolean", default: false },
});
const given = (name: "minutes" | "inputs" | "seconds-each" | "seed"): number | undefined =>
  o[name] === undefined ? undefined : numberOf(HELP, name, o[name]);

const KEPT_IN = "fuzz-found";

const all = await openTargets();
const { only } = o;
const chosen = all.filter((t) => only === undefined || t.name.includes(only));
for (const target of all) if (!chosen.includes(target)) await target.close?.();
if (chosen.length === 0) throw new Error(`no target's name has "${only}"`);

if (o.list) {
  for (const { name, seeds } of chosen) console.log(`${name} (${seeds.length} real inputs)`);
  console.log(`${chosen.length} targets`);
} else if (o.replay !== undefined) await replay(o.replay);
else await run();
for (const target of chosen) await target.close?.();

async function replay(path: string): Promise<void> {
  for (const target of chosen) {
    const fault = await faultOf(target, readFileSync(path));
    console.log(`${target.name}: ${fault ?? "as it should be"}`);
    if (fault !== undefined) process.exitCode = 1;
  }
}

async function run(): Promise<void> {
  // Another one every day, so that as time goes by CI sees more than a run does.
  const seed = given("seed") ?? Math.floor(Date.now() / 86_400_000);
  const each = given("seconds-each");
  const minutes = each === undefined ? 1 : (each * chosen.length) / 60;
  const inputs = given("inputs");
  const outcome = await fuzz({
    ...{ seed, inputs: inputs ?? Number.POSITIVE_INFINITY, targets: chosen.map((t) => t.name) },
    minutes: given("minutes") ?? (inputs === undefined ? minutes : Number.POSITIVE_INFINITY),
    say: o.json ? () => undefined : (text) => console.log(text),
  });
  keep(outcome);
  if (o.json) console.log(JSON.stringify(outcome, undefined, 2));
  else print(outcome);
  if (outcome.faults.length > 0) process.exitCode = 1;
}

function keep({ faults }: Outcome): void {
  if (faults.length > 0) mkdirSync(KEPT_IN, { recursive: true });
  for (const { target, number, input } of faults)
    writeFileSync(join(KEPT_IN, `${target}-${number}`), Buffer.from(input, "base64"));
}

function print(outcome: Outcome): void {
  const { seed, counts, faults, rss } = outcome;
  let total = 0;
  for (const [name, { inputs, taken, ms }] of Object.entries(counts)) {
    total += inputs;
    const rate = Math.round((1000 * inputs) / Math.max(1, ms));
    console.log(`${name}: ${inputs} inputs, ${inputs - taken} refused, ${rate} a second`);
  }
  for (const { target, number, what } of faults) {
    console.log(`FAULT ${target} (seed ${seed}, input ${number}), ${KEPT_IN}/${target}-${number}`);
    console.log(`  ${what.replaceAll("\n", "\n  ")}`);
  }
  const mib = (bytes: number): number => Math.round(bytes / 2 ** 20);
  console.log(`${total} inputs, seed ${seed}; memory ${mib(rss.first)} to ${mib(rss.most)} MiB`);
  const failed = new Set(faults.map((f) => f.target)).size;
  console.log(`${Object.keys(counts).length - failed} passed, ${failed} failed`);
}
