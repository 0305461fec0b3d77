import { writeFileSync } from "node:fs";
import { commandLine, numberOf } from "../command-line.ts";
import setup from "../global-setup.ts";
import { instrument } from "../sim/cover/instrument.ts";
import { apart, told } from "./life.ts";
import { isProduct } from "./product.ts";

/** Commands and sinks that die at every wait, run again, and what became of it. */
const HELP = `npm run crashes -- [--only TEXT]... [--seed N] [--some N] [--places N] [--kills N]
                   [--list] [--report FILE]

  --only TEXT     scenarios whose name has this text; may be given several times
  --seed N        of where each dies how often, and in which order (default 1)
  --some N        so many scenarios, others with another seed (default: all)
  --places N      so many deaths in each scenario at most (default: at every wait, at both sides)
  --kills N       one of N deaths is a SIGKILL of a process of its own (default 20)
  --list          the names
  --report FILE   what was passed, what it died at, and what was wrong, in JSON`;
const o = commandLine(HELP, {
  only: { type: "string", multiple: true },
  seed: { type: "string", default: "1" },
  some: { type: "string" },
  places: { type: "string", default: "1000000" },
  kills: { type: "string", default: "20" },
  list: { type: "boolean", default: false },
  report: { type: "string" },
});
const [seed, places, killOneOf] = (["seed", "places", "kills"] as const).map((name) =>
  numberOf(HELP, name, o[name]),
) as [number, number, number];

instrument(isProduct, told);
apart();
// Files that a dead run had open are closed by the collector, which Node warns of.
process.removeAllListeners("warning");
const { SCENARIOS } = await import("./scenarios.ts");
const { walk } = await import("./walk.ts");
const { World } = await import("./world.ts");
const { Dice } = await import("../sim/core/random.ts");
const { show, summary } = await import("./report.ts");

const named = SCENARIOS.filter(({ name }) => o.only?.some((text) => name.includes(text)) ?? true);
const some = o.some === undefined ? named.length : numberOf(HELP, "some", o.some);
const chosen = named.filter(
  (_, i) => (i + named.length - ((seed * some) % named.length)) % named.length < some,
);
if (o.list) {
  for (const { name } of chosen) console.log(name);
  process.exit(0);
}
const close = await setup();
const world = new World();
const walked = [];
try {
  const dice = new Dice(seed);
  for (const scenario of chosen) {
    const how = { dice: dice.fork(scenario.name), places, killOneOf, passes: () => false };
    const one = await walk(scenario, world, how);
    walked.push(one);
    console.log(show(one));
  }
} finally {
  await world.close();
  await close();
}
console.log(summary(walked));
if (o.report !== undefined) {
  const plain = walked.map((w) => ({ ...w, passed: [...w.passed], died: [...w.died] }));
  writeFileSync(o.report, `${JSON.stringify(plain, null, 2)}\n`);
}
const failed = walked.filter((w) => w.wrong.length > 0).length;
console.log(`${walked.length - failed} passed, ${failed} failed`);
process.exit(failed === 0 && walked.length > 0 ? 0 : 1);
