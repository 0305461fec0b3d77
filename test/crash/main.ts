import { existsSync, writeFileSync } from "node:fs";
import { commandLine, numberOf } from "../command-line.ts";
import setup from "../global-setup.ts";
import { instrument } from "../sim/cover/instrument.ts";
import { isProtocol } from "../sim/cover/protocol-path.ts";
import { apart, type Side, told } from "./life.ts";
import { isProduct } from "./product.ts";

/** Commands and sinks that die at every wait, run again, and what became of it. */
const HELP = `npm run crashes -- [--only TEXT]... [--seed N] [--some N] [--places N] [--sides N] [--kills N]
                   [--again] [--list] [--report FILE]

  --only TEXT     scenarios whose name has this text; may be given several times
  --seed N        of where each dies how often, and in which order (default 1)
  --some N        so many scenarios, others with another seed (default: all)
  --places N      so many deaths in each scenario at most (default: at every wait, at both sides)
  --sides N       1: at either side of each wait, as the dice say (default 2: at both)
  --kills N       one of N deaths is a SIGKILL of a process of its own (default 20)
  --again         also at waits that another scenario has died at, or the simulation
  --list          the names
  --report FILE   what was passed, what it died at, and what was wrong, in JSON; a run with one that is
                  there goes on with what it lacks`;
const o = commandLine(HELP, {
  only: { type: "string", multiple: true },
  seed: { type: "string", default: "1" },
  some: { type: "string" },
  places: { type: "string", default: "1000000" },
  sides: { type: "string", default: "2" },
  kills: { type: "string", default: "20" },
  again: { type: "boolean", default: false },
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
const { sideOf, walk } = await import("./walk.ts");
const { World } = await import("./world.ts");
const { Dice } = await import("../sim/core/random.ts");
const { fileOf, readReported, reported, show, summary } = await import("./report.ts");

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
const known = o.report !== undefined && existsSync(o.report) ? readReported(o.report) : [];
const walked = [...known];
try {
  const dice = new Dice(seed);
  for (const scenario of chosen) {
    const done = new Set(o.again ? [] : walked.flatMap(({ sides }) => [...sides]));
    const passes = (place: string, side: Side): boolean => {
      const enough: readonly Side[] = o.sides === "1" ? ["begun", "settled"] : [side];
      const there = enough.some((s) => done.has(sideOf({ place, side: s })));
      return there || (!o.again && isProtocol(fileOf(place)));
    };
    const one = await walk(scenario, world, {
      sides: o.sides === "1" ? 1 : 2,
      ...{ dice: dice.fork(scenario.name), places, killOneOf, passes },
    });
    walked.push(one);
    console.log(show(one));
    if (o.report !== undefined) writeFileSync(o.report, reported(walked));
  }
} finally {
  await world.close();
  await close();
}
console.log(summary(walked));
const failed = walked.filter((w) => w.wrong.length > 0).length;
console.log(`${walked.length - failed} passed, ${failed} failed`);
// What a pipe has not taken yet would be lost by the exit.
process.stdout.write("", () => process.exit(failed === 0 && walked.length > 0 ? 0 : 1));
