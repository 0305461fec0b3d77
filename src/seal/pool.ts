import { availableParallelism } from "node:os";
import { Worker } from "node:worker_threads";
import type { Cut } from "../core/cut.ts";
import { ArchiverError, type ErrorCode } from "../core/errors.ts";
import { asInstalled } from "../core/installed.ts";
import type { Seed } from "./keys.ts";
import type { SealRecipe } from "./recipe.ts";
import { seal, type SealedFile } from "./seal.ts";
import type { Answer, Job } from "./worker.ts";

/** Seals cuts; who calls bounds how many at once. */
export interface CutSealer {
  seal(cut: Cut, recipe: SealRecipe, signal: AbortSignal): Promise<SealedFile>;
  /**
   * The file's memory may be used for another. Only for a file that nobody reads any more, not even a
   * write that was given up; else leave it to the collector.
   */
  recycle(bytes: Uint8Array): void;
  close(): Promise<void>;
}

/** Buffers are made in steps of this, so that batches of one size find one another's. */
const BUFFER_STEP_BYTES = 4 << 20;
const DEFAULT_KEEP_BYTES = 32 << 20;

/** What a sealed file can need beyond its content: frame and chunk headers, the table, the header. */
const overhead = (contentBytes: number): number => (contentBytes >> 10) + (64 << 10);

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
  readonly #keepBytes: number;
  readonly #free: SharedArrayBuffer[] = [];
  #nextId = 1;
  #deaths = 0;
  #closed = false;

  private constructor(seeds: readonly Seed[], keepBytes: number) {
    this.#seeds = seeds;
    this.#keepBytes = keepBytes;
  }

  /** `threads`: one a core by default, as sealing is most of the work. `keepBytes`: kept for re-use. */
  static open(options: {
    readonly threads?: number;
    readonly seeds: readonly Seed[];
    readonly keepBytes?: number;
  }): SealPool {
    const pool = new SealPool(options.seeds, options.keepBytes ?? DEFAULT_KEEP_BYTES);
    const threads = options.threads ?? Math.min(8, availableParallelism());
    for (let i = 0; i < threads; i += 1) pool.#threads.push(pool.#start());
    return pool;
  }

  seal(cut: Cut, recipe: SealRecipe, signal: AbortSignal): Promise<SealedFile> {
    signal.throwIfAborted();
    if (this.#closed)
      return Promise.reject(new ArchiverError("interrupted", "sealing has stopped"));
    const { release: _release, ...data } = cut;
    return new Promise((resolve, reject) => {
      const into = this.#buffer(data.payload.length);
      this.#waiting.push({ job: { id: this.#nextId++, cut: data, recipe, into }, resolve, reject });
      this.#next();
    });
  }

  recycle(bytes: Uint8Array): void {
    const { buffer } = bytes;
    if (!(buffer instanceof SharedArrayBuffer)) return;
    const kept = this.#free.reduce((n, b) => n + b.byteLength, 0);
    if (kept + buffer.byteLength <= this.#keepBytes) this.#free.push(buffer);
  }

  /** A free buffer that fits without waste, else a new one; a small file needs none. */
  #buffer(contentBytes: number): SharedArrayBuffer | null {
    const needed = contentBytes + overhead(contentBytes);
    if (needed < BUFFER_STEP_BYTES) return null;
    const fits = this.#free.findIndex((b) => b.byteLength >= needed && b.byteLength <= 2 * needed);
    const found = fits < 0 ? undefined : this.#free.splice(fits, 1)[0];
    return (
      found ?? new SharedArrayBuffer(Math.ceil(needed / BUFFER_STEP_BYTES) * BUFFER_STEP_BYTES)
    );
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
    const worker = new Worker(asInstalled(new URL("./worker.ts", import.meta.url)), {
      workerData: { seeds: this.#seeds },
      // A worker makes few objects of its own; its garbage is the ciphers' output, which must not pile up.
      resourceLimits: { maxYoungGenerationSizeMb: 4 },
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
  recycle: () => undefined,
  close: () => Promise.resolve(),
});
