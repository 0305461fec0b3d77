import { setImmediate } from "node:timers/promises";
import { parentPort, workerData } from "node:worker_threads";
import { Dice } from "../sim/core/random.ts";
import { polluted, shows } from "./inherited.ts";
import { inputOf } from "./mutate.ts";
import { shrunk } from "./shrink.ts";
import { openTargets } from "./targets/all.ts";
import type { Target } from "./target.ts";

/** What a fuzzing thread is told. */
export interface Work {
  readonly seed: number;
  /** Names of targets, in turns. */
  readonly targets: readonly string[];
  /** Of all targets together; each gets the same time. */
  readonly inputs: number;
  readonly untilMs: number;
  /** One count each for: the target, the input, by number, and tries of it; written before each is read. */
  readonly now: SharedArrayBuffer;
  /** Where each target goes on, when another thread was ended. */
  readonly from: Readonly<Record<string, number>>;
}

/** What it says: counts now and then, and each fault. */
export type Said =
  | { readonly is: "counts"; readonly counts: Readonly<Record<string, Counts>> }
  | { readonly is: "fault"; readonly fault: Fault }
  | { readonly is: "done" };

export interface Counts {
  readonly inputs: number;
  readonly taken: number;
  readonly ms: number;
}

export interface Fault {
  readonly target: string;
  /** With the seed, the input again. */
  readonly number: number;
  readonly what: string;
  /** Shrunk, in base64. */
  readonly input: string;
}

/** One thread works for so long on one target. */
const TURN_MS = 250;
/** A target that fails so often is left alone. */
const MAX_FAULTS = 5;

/** The dice of one input: nothing else of the run goes into it. */
export const diceOf = (seed: number, target: string, number: number): Dice =>
  new Dice(seed).fork(`${target}#${number}`);

/** Undefined when all is well, else what is wrong with how the input was read. */
export async function faultOf(target: Target, input: Buffer): Promise<string | undefined> {
  try {
    const found = target.read(input);
    if (typeof found !== "boolean") await found;
  } catch (error) {
    polluted();
    return textOf(error);
  }
  return polluted();
}

const textOf = (error: unknown): string =>
  error instanceof Error
    ? `${error.name}: ${error.message}\n${(error.stack ?? "").split("\n").slice(1, 6).join("\n")}`
    : `threw ${String(error)}`;

class Fuzzing {
  readonly #work: Work;
  readonly #now: Float64Array;
  readonly #counts = new Map<
    string,
    { inputs: number; taken: number; ms: number; faults: number }
  >();

  constructor(work: Work) {
    this.#work = work;
    this.#now = new Float64Array(work.now);
  }

  async run(targets: readonly Target[]): Promise<void> {
    for (const t of targets) {
      this.#counts.set(t.name, {
        inputs: this.#work.from[t.name] ?? 0,
        taken: 0,
        ms: 0,
        faults: 0,
      });
    }
    for (let turn = 0; this.#goesOn(targets); turn += 1) {
      const target = targets[turn % targets.length] as Target;
      if ((this.#counts.get(target.name)?.faults ?? 0) < MAX_FAULTS) await this.#turn(target);
      if (turn % targets.length === 0) this.#say();
      // What is given back natively is given back by the event loop.
      await setImmediate();
    }
    this.#say();
  }

  #goesOn(targets: readonly Target[]): boolean {
    const all = [...this.#counts.values()];
    const made = all.reduce((sum, c) => sum + c.inputs, 0);
    const some = targets.some((t) => (this.#counts.get(t.name)?.faults ?? 0) < MAX_FAULTS);
    return some && made < this.#work.inputs && Date.now() < this.#work.untilMs;
  }

  #say(): void {
    const counts = Object.fromEntries(
      [...this.#counts].map(([name, { inputs, taken, ms }]) => [name, { inputs, taken, ms }]),
    );
    parentPort?.postMessage({ is: "counts", counts } satisfies Said);
  }

  async #turn(target: Target): Promise<void> {
    const counts = this.#counts.get(target.name);
    if (counts === undefined) return;
    const began = performance.now();
    const which = this.#work.targets.indexOf(target.name);
    while (performance.now() - began < TURN_MS && counts.faults < MAX_FAULTS) {
      const number = counts.inputs;
      this.#now[0] = which;
      this.#now[1] = number;
      const input = inputOf(target, diceOf(this.#work.seed, target.name, number));
      counts.inputs += 1;
      try {
        const found = target.read(input);
        if (typeof found === "boolean" ? found : await found) counts.taken += 1;
        if (shows()) throw new Error(polluted());
      } catch (error) {
        counts.faults += 1;
        await this.#report(target, number, input, textOf(error));
      }
    }
    counts.ms += performance.now() - began;
    const added = polluted();
    if (added === undefined) return;
    // One of this turn did it in a way that does not show at once.
    counts.faults += 1;
    const fault = { target: target.name, number: counts.inputs - 1, what: added, input: "" };
    parentPort?.postMessage({ is: "fault", fault } satisfies Said);
  }

  async #report(target: Target, number: number, input: Buffer, what: string): Promise<void> {
    const kind = what.split("\n", 1)[0]?.replaceAll(/\d+/g, "#").slice(0, 60);
    const still = async (b: Buffer): Promise<boolean> => {
      // Another try is another input to whoever watches.
      this.#now[2] = (this.#now[2] ?? 0) + 1;
      return (
        (await faultOf(target, b))?.split("\n", 1)[0]?.replaceAll(/\d+/g, "#").slice(0, 60) === kind
      );
    };
    const least = await shrunk(input, still);
    const fault = { target: target.name, number, what, input: least.toString("base64") };
    parentPort?.postMessage({ is: "fault", fault } satisfies Said);
  }
}

if (parentPort !== null) {
  const work = workerData as Work;
  const all = await openTargets();
  const targets = work.targets.map((name) => all.find((t) => t.name === name) as Target);
  await new Fuzzing(work).run(targets);
  for (const target of all) await target.close?.();
  parentPort.postMessage({ is: "done" } satisfies Said);
}
