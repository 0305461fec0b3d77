import { type Outcome, run } from "./run.ts";
import { scenarioOf } from "./scenario.ts";
import { Worker as Thread, isMainThread, parentPort } from "node:worker_threads";
import { shrink } from "./shrink.ts";

export interface SimulateOptions {
  readonly firstSeed: number;
  /** Infinity: until somebody stops it. */
  readonly runs: number;
  readonly shrink: boolean;
  readonly trace: boolean;
  /** The first failure is enough. */
  readonly stopAtFirst: boolean;
  /** A run that takes longer by the wall than this does not end. */
  readonly longestMs: number;
}

const THREADS = 2;
/** Seeds that a thread gets at once; one, when the first failure ends it. */
const PORTION = 20;
const SHOWN = 10;
/** What a thread says when it can begin. */
const READY = "ready";
/** How far it is, every so many seeds. */
const TOLD = 1_000;

interface Portion {
  readonly first: number;
  readonly count: number;
}

type Verdict = Omit<Outcome, "trace">;

/** Runs the seeds and prints what failed, with the command to run it again. The answer is the exit code. */
export async function simulate(o: SimulateOptions): Promise<number> {
  const began = performance.now();
  if (o.trace || o.shrink || o.runs === 1) return closely(o);
  const failed: Verdict[] = [];
  let done = 0;
  const take = (verdict: Verdict): void => {
    done += 1;
    if (done % TOLD === 0) console.log(`${done} seeds, ${failed.length} failed so far`);
    if (verdict.failure === null) return;
    failed.push(verdict);
    if (failed.length <= SHOWN) console.log(told(verdict));
  };
  await inThreads(o, take, () => o.stopAtFirst && failed.length > 0);
  const seconds = (performance.now() - began) / 1000;
  const cpu = process.cpuUsage();
  const each = (cpu.user + cpu.system) / 1000 / done;
  console.log(
    `seeds ${o.firstSeed} to ${o.firstSeed + done - 1}: ${seconds.toFixed(0)} s in ${THREADS} threads, ` +
      `${each.toFixed(1)} ms of CPU each`,
  );
  console.log(`${done - failed.length} passed, ${failed.length} failed`);
  return failed.length === 0 ? 0 : 1;
}

/** One after the other, with all that is to be seen. */
async function closely(o: SimulateOptions): Promise<number> {
  let failed = 0;
  for (let seed = o.firstSeed; seed < o.firstSeed + o.runs; seed += 1) {
    const scenario = scenarioOf(seed);
    const outcome = await run(scenario, { keep: o.trace ? 1_000_000 : 0 });
    if (o.trace) console.log(outcome.trace.join("\n"));
    const { events, virtualMs, objects, commits, hash } = outcome;
    console.log(
      `seed ${seed}: ${events} events in ${virtualMs} ms, ${objects} objects, ${commits} commits, trace ${hash}`,
    );
    if (outcome.failure === null) continue;
    failed += 1;
    console.log(told(outcome));
    if (o.shrink) console.log(await shrink(scenario, outcome.failure.rule));
  }
  console.log(`${o.runs - failed} passed, ${failed} failed`);
  return failed === 0 ? 0 : 1;
}

const told = ({ seed, failure }: Verdict): string =>
  `seed ${seed}: ${failure?.text}\n  npm run sim -- --seed ${seed} --trace\n  npm run sim -- --seed ${seed} --shrink`;

async function inThreads(
  o: SimulateOptions,
  take: (v: Verdict) => void,
  enough: () => boolean,
): Promise<void> {
  let next = o.firstSeed;
  const end = o.firstSeed + o.runs;
  const portion = (): Portion | null => {
    if (next >= end || enough()) return null;
    const first = next;
    const count = Math.min(o.stopAtFirst ? 1 : PORTION, end - first);
    next += count;
    return { first, count };
  };
  await Promise.all(Array.from({ length: THREADS }, () => thread(portion, take, o.longestMs)));
}

/** The portions of one thread after another; one that does not end is taken from it with its thread. */
function thread(
  portion: () => Portion | null,
  take: (v: Verdict) => void,
  longestMs: number,
): Promise<void> {
  return new Promise((resolve, reject) => {
    const begin = (first: Portion | null): void => {
      const worker = new Thread(new URL(import.meta.url));
      let rest = first;
      let watch: NodeJS.Timeout | undefined;
      let ready = false;
      const watched = (): void => {
        clearTimeout(watch);
        // Loading the product takes its time, on a machine that has much to do.
        if (!ready) return;
        watch = setTimeout(() => {
          // Whatever it still sends is of a run that has been judged.
          worker.removeAllListeners("message");
          worker.removeAllListeners("error");
          void worker.terminate().then(() => {
            if (rest === null) return;
            take(endless(rest.first, longestMs));
            const { first: seed, count } = rest;
            begin(count > 1 ? { first: seed + 1, count: count - 1 } : portion());
          }, reject);
        }, longestMs);
      };
      const give = (p: Portion | null): void => {
        rest = p;
        if (p === null) {
          clearTimeout(watch);
          void worker.terminate().then(() => resolve(), reject);
          return;
        }
        watched();
        worker.postMessage(p);
      };
      worker.on("message", (verdict: Verdict | typeof READY) => {
        if (verdict === READY) {
          ready = true;
          watched();
          return;
        }
        take(verdict);
        if (rest === null) return;
        const { first: seed, count } = rest;
        rest = { first: seed + 1, count: count - 1 };
        if (rest.count > 0) watched();
        else give(portion());
      });
      worker.on("error", (error) => {
        clearTimeout(watch);
        reject(error);
      });
      give(first);
    };
    begin(portion());
  });
}

const endless = (seed: number, ms: number): Verdict => ({
  seed,
  failure: {
    rule: "ends",
    text: `does not end: after ${ms / 1000} s of the wall its thread was stopped`,
  },
  ...{ hash: "", events: 0, virtualMs: 0, objects: 0, commits: 0 },
});

async function work({ first, count }: Portion): Promise<void> {
  for (let seed = first; seed < first + count; seed += 1) {
    if (seed === spinning) for (;;);
    const { trace: _trace, ...verdict } = await run(scenarioOf(seed));
    parentPort?.postMessage(verdict satisfies Verdict);
  }
}

/** A seed that never ends, for the test of the watch. */
const spinning = Number(process.env["SIM_SPINS"] ?? Number.NaN);

if (!isMainThread) {
  parentPort?.on("message", (p: Portion) => void work(p));
  parentPort?.postMessage(READY);
}
