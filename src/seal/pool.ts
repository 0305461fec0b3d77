import { availableParallelism } from "node:os";
import { Worker } from "node:worker_threads";
import type { Cut } from "../core/cut.ts";
import { ArchiverError, type ErrorCode } from "../core/errors.ts";
import type { Seed } from "./keys.ts";
import type { SealRecipe } from "./recipe.ts";
import { seal, type SealedFile } from "./seal.ts";
import type { Answer, Job } from "./worker.ts";

/** Seals cuts; who calls bounds how many at once. */
export interface CutSealer {
  seal(cut: Cut, recipe: SealRecipe, signal: AbortSignal): Promise<SealedFile>;
  close(): Promise<void>;
}

interface Waiting {
  readonly job: Job;
  readonly resolve: (sealed: SealedFile) => void;
  readonly reject: (error: unknown) => void;
}

interface Thread {
  readonly worker: Worker;
  current: Waiting | null;
}

/** A worker that dies this often without finishing a job is not a passing fault. */
const MAX_DEATHS = 5;

/**
 * Sealing in worker threads: blocks are shared, results are handed over, nothing is copied between
 * threads. A thread has one job at a time; the others wait here.
 */
export class SealPool implements CutSealer {
  readonly #threads: Thread[] = [];
  readonly #waiting: Waiting[] = [];
  readonly #seeds: readonly Seed[];
  #nextId = 1;
  #deaths = 0;
  #closed = false;

  private constructor(seeds: readonly Seed[]) {
    this.#seeds = seeds;
  }

  /** @param options.threads default: one a core, as sealing is most of the work */
  static open(options: { readonly threads?: number; readonly seeds: readonly Seed[] }): SealPool {
    const pool = new SealPool(options.seeds);
    const threads = options.threads ?? Math.min(8, availableParallelism());
    for (let i = 0; i < threads; i += 1) pool.#threads.push(pool.#start());
    return pool;
  }

  seal(cut: Cut, recipe: SealRecipe, signal: AbortSignal): Promise<SealedFile> {
    signal.throwIfAborted();
    if (this.#closed) return Promise.reject(new ArchiverError("interrupted", "sealing has stopped"));
    const { release: _release, ...data } = cut;
    return new Promise((resolve, reject) => {
      this.#waiting.push({ job: { id: this.#nextId++, cut: data, recipe }, resolve, reject });
      this.#next();
    });
  }

  async close(): Promise<void> {
    this.#closed = true;
    const stopped = new ArchiverError("interrupted", "sealing has stopped");
    for (const w of this.#waiting.splice(0)) w.reject(stopped);
    await Promise.all(
      this.#threads.splice(0).map(async (t) => {
        await t.worker.terminate();
        t.current?.reject(stopped);
      }),
    );
  }

  #start(): Thread {
    const worker = new Worker(new URL("./worker.ts", import.meta.url), {
      workerData: { seeds: this.#seeds },
    });
    const thread: Thread = { worker, current: null };
    worker.on("message", (answer: Answer) => this.#answered(thread, answer));
    worker.on("error", (error) => this.#died(thread, error));
    worker.unref();
    return thread;
  }

  #answered(thread: Thread, answer: Answer): void {
    const { current } = thread;
    if (current === null || current.job.id !== answer.id) return;
    thread.current = null;
    this.#deaths = 0;
    thread.worker.unref();
    if ("sealed" in answer) current.resolve(answer.sealed);
    else current.reject(new ArchiverError(answer.error.code as ErrorCode, answer.error.message));
    this.#next();
  }

  #died(thread: Thread, error: unknown): void {
    const text = `a sealing worker died: ${error instanceof Error ? error.message : String(error)}`;
    thread.current?.reject(new ArchiverError("assertion-failed", text, { cause: error }));
    thread.current = null;
    this.#deaths += 1;
    const at = this.#threads.indexOf(thread);
    if (this.#closed || at < 0) return;
    if (this.#deaths < MAX_DEATHS) this.#threads[at] = this.#start();
    else this.#threads.splice(at, 1);
    this.#next();
  }

  #next(): void {
    for (const thread of this.#threads) {
      if (thread.current !== null) continue;
      const next = this.#waiting.shift();
      if (next === undefined) return;
      thread.current = next;
      thread.worker.ref();
      thread.worker.postMessage(next.job);
    }
    if (this.#threads.length > 0) return;
    const none = new ArchiverError("assertion-failed", "every sealing worker died");
    for (const w of this.#waiting.splice(0)) w.reject(none);
  }
}

/** The same in the calling thread, for a simulation. */
export const inlineSealer = (seeds: readonly Seed[]): CutSealer => ({
  seal: async (cut, recipe, signal) => {
    await Promise.resolve();
    signal.throwIfAborted();
    const { release: _release, ...data } = cut;
    return seal(data, recipe, seeds);
  },
  close: () => Promise.resolve(),
});
