import { instrument } from "./cover/instrument.ts";

/**
 * The simulation, from the command line.
 *
 *     npm run sim -- [--seed N] [--runs M] [--forever] [--shrink] [--first] [--trace] [--coverage]
 */
const args = process.argv.slice(2);
const number = (name: string, otherwise: number): number => {
  const at = args.indexOf(`--${name}`);
  return at < 0 ? otherwise : Number(args[at + 1]);
};
const has = (name: string): boolean => args.includes(`--${name}`);

if (has("coverage")) {
  instrument();
  const { reportCoverage } = await import("./cover/report.ts");
  process.exitCode = await reportCoverage(number("seed", 1), number("runs", 300));
} else {
  const { simulate } = await import("./run/simulate.ts");
  process.exitCode = await simulate({
    firstSeed: number("seed", 1),
    runs: has("forever")
      ? Number.POSITIVE_INFINITY
      : number("runs", args.includes("--seed") ? 1 : 6_000),
    shrink: has("shrink"),
    trace: has("trace"),
    stopAtFirst: has("first"),
  });
}
