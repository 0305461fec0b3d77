import { Worker as Thread, isMainThread, parentPort } from "node:worker_threads";
import { type Outcome, Search } from "./explore.ts";
import { AWAY_MUTATIONS } from "./away-mutations.ts";
import { MUTATIONS } from "./mutations.ts";
import { VARIANTS } from "./variants.ts";
import { Chain, HONEST, type Setting, TABLE } from "./world.ts";

/**
 * The state search of the protocol, on the project's own state table.
 *
 *     node test/model/search.ts [letters] [--json]
 *
 * Lower-case letters (Latin, Greek) and digits are variants: within the bounds printed, every reachable state
 * holds every invariant, and from each of them completeness stays reachable. Upper-case letters are
 * mutations: one rule switched off, and the invariant that has to notice. Exit code 1 when any
 * fails.
 */
const ALL_MUTATIONS = [...MUTATIONS, ...AWAY_MUTATIONS];
const MAX_STATES = 8_000_000;
const THREADS = 2;

interface Report {
  readonly letter: string;
  readonly ok: boolean;
  readonly lines: readonly string[];
  readonly outcome: Outcome;
}

function runVariant(setting: Setting): Report {
  const outcome = new Search({ setting, table: TABLE, broken: HONEST, chain: new Chain() }).run(
    MAX_STATES,
  );
  const { violation, cut, alarms } = outcome;
  const missing = setting.alarms.filter((code) => alarms[code] === undefined);
  const ok = violation === null && !cut && missing.length === 0;
  const lines = [
    `${ok ? "ok    " : "FAILED"} ${setting.letter} ${setting.title}: ${sizeOf(outcome)}`,
    `         ${boundsOf(setting)}`,
  ];
  if (cut) lines.push(`         more than ${MAX_STATES} states: the search was cut`);
  for (const [code, trace] of Object.entries(alarms)) {
    lines.push(`         alarm ${code}, as it should: ${trace.join(" ; ")}`);
  }
  for (const code of missing) lines.push(`         alarm ${code} was never raised`);
  if (violation !== null)
    lines.push(`         ${violation.invariant}: ${violation.text}`, ...numbered(violation.trace));
  return { letter: setting.letter, ok, lines, outcome };
}

function runMutation(letter: string): Report {
  const mutation = ALL_MUTATIONS.find((m) => m.letter === letter);
  if (mutation === undefined) throw new RangeError(`no mutation ${letter}`);
  const outcome = new Search({ ...mutation, chain: new Chain() }).run(MAX_STATES);
  const by = outcome.violation?.invariant;
  const ok = by === mutation.caughtBy;
  const lines = [
    `${ok ? "caught" : "FAILED"} ${letter} ${mutation.rule}, ${mutation.title}: ` +
      `${by ?? "by nothing"}${ok ? "" : ` instead of ${mutation.caughtBy}`}, ${sizeOf(outcome)}`,
  ];
  if (outcome.violation !== null) {
    const { text, trace } = outcome.violation;
    lines.push(`         ${text}`, `         after: ${trace.slice(-3).join(" ; ")}`);
    if (!ok) lines.push(...numbered(trace));
  }
  return { letter, ok, lines, outcome };
}

const numbered = (trace: readonly string[]): string[] =>
  trace.map((step, i) => `         ${i + 1}. ${step}`);

function sizeOf(o: Outcome): string {
  const states = `${o.states} states (${o.unreduced} without symmetry)`;
  return `${states}, ${o.steps} steps, ${o.seconds.toFixed(1)} s`;
}

function boundsOf(s: Setting): string {
  const faults = Object.entries(s.faults).map(([name, n]) => `${name} ${n}`);
  const parts = [
    `2 workers${s.groups === 2 ? " in 2 groups" : ""}`,
    `${s.sinks} sinks`,
    `${s.offsets} offsets`,
    ...(s.control.length > 0 ? [`markers at ${s.control.join(", ")}`] : []),
    `${s.depth} in flight`,
    ...(s.commits === "atomic" ? [] : [`commits ${s.commits}`]),
    ...faults,
  ];
  return parts.join(", ");
}

const run = (letter: string): Report => {
  const setting = VARIANTS.find((v) => v.letter === letter);
  return setting === undefined ? runMutation(letter) : runVariant(setting);
};

/** A big variant first, so that both threads end together. */
const cost = (letter: string): number => {
  const s = VARIANTS.find((v) => v.letter === letter);
  return s === undefined ? 0 : s.weight;
};

async function main(): Promise<void> {
  const args = process.argv.slice(2);
  const json = args.includes("--json");
  const letters = args.filter((a) => !a.startsWith("--")).join("");
  const all = [...VARIANTS, ...ALL_MUTATIONS].map((x) => x.letter);
  const chosen = letters === "" ? all : all.filter((l) => letters.includes(l));
  if (chosen.length === 0) throw new RangeError(`no such letters: ${letters}`);
  const reports = await runAll(chosen, json);
  const failed = reports.filter((r) => !r.ok).length;
  if (json)
    process.stdout.write(
      `${JSON.stringify(reports.map(({ letter, ok, outcome }) => ({ letter, ok, ...outcome })))}\n`,
    );
  const sum = (f: (o: Outcome) => number): number => reports.reduce((n, r) => n + f(r.outcome), 0);
  const say = json ? process.stderr : process.stdout;
  const states = `${sum((o) => o.states)} states (${sum((o) => o.unreduced)} without symmetry)`;
  say.write(`${states}, ${sum((o) => o.seconds).toFixed(0)} CPU-seconds in ${THREADS} threads\n`);
  say.write(`${reports.length - failed} passed, ${failed} failed\n`);
  process.exitCode = failed === 0 ? 0 : 1;
}

/** Prints in the order of the list, each as soon as those before it are there. */
async function runAll(chosen: readonly string[], quiet: boolean): Promise<Report[]> {
  const queue = [...chosen].sort((a, b) => cost(b) - cost(a));
  const done = new Map<string, Report>();
  let printed = 0;
  const take = (report: Report): void => {
    done.set(report.letter, report);
    for (let next = chosen[printed]; next !== undefined && done.has(next); next = chosen[printed]) {
      if (!quiet) process.stdout.write(`${done.get(next)?.lines.join("\n")}\n`);
      printed += 1;
    }
  };
  await Promise.all(
    Array.from({ length: Math.min(THREADS, queue.length) }, () => drain(queue, take)),
  );
  return chosen.flatMap((l) => done.get(l) ?? []);
}

function drain(queue: string[], take: (report: Report) => void): Promise<void> {
  const thread = new Thread(new URL(import.meta.url), {
    resourceLimits: { maxOldGenerationSizeMb: 3_000 },
  });
  return new Promise((resolve, reject) => {
    const next = (): void => {
      const letter = queue.shift();
      if (letter !== undefined) thread.postMessage(letter);
      else void thread.terminate().then(() => resolve());
    };
    thread.on("message", (report: Report) => {
      take(report);
      next();
    });
    thread.on("error", reject);
    next();
  });
}

if (isMainThread) await main();
else parentPort?.on("message", (letter: string) => parentPort?.postMessage(run(letter)));
