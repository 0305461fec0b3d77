import { commandLine, numberOf } from "../command-line.ts";
import { waits } from "./core/waits.ts";
import { instrument } from "./cover/instrument.ts";
import { isProtocol } from "./cover/protocol-path.ts";

/** The simulation, from the command line. */
const HELP = `npm run sim -- [--seed N] [--runs M] [--forever] [--shrink] [--first] [--trace] [--case TEXT]
               [--coverage] [--longest S]

  --seed N      the first seed (default 1); alone: this one run
  --runs M      so many seeds (default 6000 without --seed)
  --forever     until somebody stops it
  --first       ends at the first failure
  --longest S   a run that takes longer by the wall than so many seconds does not end: a failure (default 120)
  --trace       every event
  --shrink      the least of a run that still fails
  --case TEXT   the cases that have a name with this text, instead of seeds
  --coverage    where a crash was tried, wait by wait`;
const o = commandLine(HELP, {
  seed: { type: "string" },
  runs: { type: "string" },
  case: { type: "string" },
  longest: { type: "string" },
  forever: { type: "boolean", default: false },
  shrink: { type: "boolean", default: false },
  first: { type: "boolean", default: false },
  trace: { type: "boolean", default: false },
  coverage: { type: "boolean", default: false },
});
const firstSeed = numberOf(HELP, "seed", o.seed ?? "1");
const asked = o.runs === undefined ? null : numberOf(HELP, "runs", o.runs);

if (o.coverage) {
  instrument(isProtocol, (place, value) => {
    const { owner, recorder } = waits;
    if (owner !== null) recorder?.began(owner, place, value);
    return value;
  });
  const { reportCoverage } = await import("./cover/report.ts");
  process.exitCode = await reportCoverage(firstSeed, asked ?? 300);
} else if (o.case !== undefined) {
  const { playCases } = await import("./run/play-cases.ts");
  process.exitCode = await playCases(o.case, o.trace);
} else {
  const { simulate } = await import("./run/simulate.ts");
  process.exitCode = await simulate({
    firstSeed,
    runs: o.forever ? Number.POSITIVE_INFINITY : (asked ?? (o.seed === undefined ? 6_000 : 1)),
    shrink: o.shrink,
    trace: o.trace,
    stopAtFirst: o.first,
    longestMs: numberOf(HELP, "longest", o.longest ?? "120") * 1000,
  });
}
