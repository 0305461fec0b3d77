import { Worker } from "node:worker_threads";
import { inputOf } from "./mutate.ts";
import { openTargets } from "./targets/all.ts";
import { type Counts, diceOf, type Fault, type Said, type Work } from "./worker.ts";

export interface FuzzOptions {
  readonly seed: number;
  readonly targets: readonly string[];
  /** Of all targets together. */
  readonly inputs: number;
  readonly minutes: number;
  readonly say: (text: string) => void;
}

export interface Outcome {
  readonly seed: number;
  readonly counts: Readonly<Record<string, Counts>>;
  readonly faults: readonly Fault[];
  /** Of the process, in bytes. */
  readonly rss: { readonly first: number; readonly most: number };
}

const LOOK_MS = 200;
/** One input takes a fraction of a millisecond; on a machine that is busy, longer. */
const HANGS_MS = 20_000;
const HEAP_MIB = 768;
/** What the process may grow by: inputs and what is made of them are bounded far below. */
const GROWTH_BYTES = 1 << 30;
const SAY_MS = 30_000;

/** Reads inputs in a thread, and watches it: one that hangs or grows is ended, and its input named. */
export async function fuzz(options: FuzzOptions): Promise<Outcome> {
  const watch = new Watch(options);
  while (await watch.thread());
  return watch.outcome();
}

class Watch {
  readonly #options: FuzzOptions;
  readonly #now = new SharedArrayBuffer(24);
  readonly #untilMs: number;
  readonly #faults: Fault[] = [];
  readonly #first = process.memoryUsage.rss();
  #most = 0;
  #counts: Record<string, Counts> = {};
  #left: readonly string[];
  #since = { place: "", atMs: 0 };

  constructor(options: FuzzOptions) {
    this.#options = options;
    this.#left = options.targets;
    this.#untilMs = Date.now() + Math.min(options.minutes * 60_000, 2 ** 45);
  }

  outcome(): Outcome {
    const { seed } = this.#options;
    const rss = { first: this.#first, most: this.#most };
    return { seed, counts: this.#counts, faults: this.#faults, rss };
  }

  /** True when it had to be ended, and others are left. */
  async thread(): Promise<boolean> {
    const earlier = { ...this.#counts };
    const { seed, inputs } = this.#options;
    const from = Object.fromEntries(Object.entries(earlier).map(([k, c]) => [k, c.inputs]));
    const others = Object.entries(earlier).filter(([name]) => !this.#left.includes(name));
    const made = others.reduce((sum, [, c]) => sum + c.inputs, 0);
    const untilMs = this.#untilMs;
    const work: Work = {
      ...{ seed, targets: this.#left, inputs: inputs - made, untilMs, now: this.#now, from },
    };
    const worker = new Worker(new URL("worker.ts", import.meta.url), {
      workerData: work,
      resourceLimits: { maxOldGenerationSizeMb: HEAP_MIB },
    });
    const ended = await this.#watched(worker, earlier);
    if (ended === null) return false;
    await this.#blame(ended);
    return this.#left.length > 0 && Date.now() < untilMs;
  }

  /** Null when it is done, else why it was ended. */
  #watched(worker: Worker, earlier: Readonly<Record<string, Counts>>): Promise<string | null> {
    return new Promise((resolve) => {
      let spokenMs = Date.now();
      const timer = setInterval(() => {
        const why = this.#wrong();
        if (why !== undefined) end(why);
        if (Date.now() - spokenMs < SAY_MS) return;
        spokenMs = Date.now();
        const made = Object.values(this.#counts).reduce((sum, c) => sum + c.inputs, 0);
        this.#options.say(`${made} inputs, ${this.#faults.length} faults`);
      }, LOOK_MS);
      const end = (why: string | null): void => {
        clearInterval(timer);
        void worker.terminate();
        resolve(why);
      };
      worker.on("error", (error) => end(`the thread ended: ${error.message}`));
      worker.on("exit", (code) => end(`the thread ended with ${code}`));
      worker.on("message", (said: Said) => {
        if (said.is === "counts") this.#add(said.counts, earlier);
        else if (said.is === "done") end(null);
        else this.#found(said.fault);
      });
    });
  }

  #add(counts: Readonly<Record<string, Counts>>, earlier: Readonly<Record<string, Counts>>): void {
    for (const [name, c] of Object.entries(counts)) {
      const { taken = 0, ms = 0 } = earlier[name] ?? {};
      this.#counts[name] = { inputs: c.inputs, taken: c.taken + taken, ms: c.ms + ms };
    }
  }

  #found(fault: Fault): void {
    this.#faults.push(fault);
    this.#options.say(`FAULT ${fault.target}, input ${fault.number}: ${fault.what.split("\n")[0]}`);
  }

  #wrong(): string | undefined {
    const rss = process.memoryUsage.rss();
    this.#most = Math.max(this.#most, rss);
    if (rss > this.#first + GROWTH_BYTES) return `memory grew to ${Math.round(rss / 2 ** 20)} MiB`;
    const place = new Float64Array(this.#now).join(" ");
    if (place !== this.#since.place) this.#since = { place, atMs: Date.now() };
    const ms = Date.now() - this.#since.atMs;
    return ms > HANGS_MS ? `no end after ${ms} ms` : undefined;
  }

  /** The input is made again from the seed, because the thread cannot say it any more. */
  async #blame(what: string): Promise<void> {
    const [which = 0, number = 0] = new Float64Array(this.#now);
    const name = this.#left[which] ?? "";
    const targets = await openTargets();
    const target = targets.find((t) => t.name === name);
    for (const t of targets) await t.close?.();
    if (target === undefined) return;
    const input = inputOf(target, diceOf(this.#options.seed, name, number));
    this.#found({ target: name, number, what, input: input.toString("base64") });
    this.#left = this.#left.filter((other) => other !== name);
    this.#since = { place: "", atMs: Date.now() };
  }
}
