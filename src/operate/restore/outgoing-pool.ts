import { availableParallelism } from "node:os";
import { Worker } from "node:worker_threads";
import { ArchiverError, type ErrorCode } from "../../core/errors.ts";
import { asInstalled } from "../../core/installed.ts";
import type { Outgoing, OutgoingOptions, StoredBatch } from "./outgoing-records.ts";
import type { OutgoingAnswer, OutgoingJob } from "./outgoing-worker.ts";

const MAX_THREADS = 4;

interface Waiting {
  readonly job: OutgoingJob;
  readonly resolve: (outgoing: Outgoing) => void;
  readonly reject: (error: unknown) => void;
}

interface Thread {
  readonly worker: Worker;
  current: Waiting | null;
}

/** Opening, verifying and re-batching in worker threads: buffers are handed over, not copied. */
export class OutgoingPool {
  readonly #threads: Thread[];
  readonly #waiting: Waiting[] = [];
  #nextId = 1;
  #closed = false;

  constructor(options: OutgoingOptions) {
    const threads = Math.min(MAX_THREADS, availableParallelism());
    this.#threads = Array.from({ length: threads }, () => this.#start(options));
  }

  /** The files are gone for the caller. @throws ArchiverError as `outgoingOf` */
  open(items: readonly StoredBatch[], signal: AbortSignal): Promise<Outgoing> {
    signal.throwIfAborted();
    return new Promise((resolve, reject) => {
      this.#waiting.push({ job: { id: this.#nextId++, items }, resolve, reject });
      this.#next();
    });
  }

  async close(): Promise<void> {
    this.#closed = true;
    const stopped = new ArchiverError("interrupted", "the restore has ended");
    for (const w of this.#waiting.splice(0)) w.reject(stopped);
    for (const thread of this.#threads.splice(0)) {
      await thread.worker.terminate();
      thread.current?.reject(stopped);
    }
  }

  #start(options: OutgoingOptions): Thread {
    const worker = new Worker(asInstalled(new URL("./outgoing-worker.ts", import.meta.url)), {
      workerData: options,
    });
    const thread: Thread = { worker, current: null };
    worker.on("message", (answer: OutgoingAnswer) => {
      const { current } = thread;
      if (current === null) return;
      thread.current = null;
      thread.worker.unref();
      if ("outgoing" in answer) current.resolve(answer.outgoing);
      else current.reject(new ArchiverError(answer.error.code as ErrorCode, answer.error.message));
      this.#next();
    });
    worker.on("error", (error) => this.#died(thread, error));
    worker.unref();
    return thread;
  }

  /** What it was at is not tried again: it would die of it again. */
  #died(thread: Thread, error: unknown): void {
    const at = this.#threads.indexOf(thread);
    if (at >= 0) this.#threads.splice(at, 1);
    const text = `a worker died: ${error instanceof Error ? error.message : String(error)}`;
    thread.current?.reject(new ArchiverError("assertion-failed", text, { cause: error }));
    thread.current = null;
    this.#next();
  }

  #next(): void {
    if (this.#threads.length === 0 && !this.#closed) {
      const none = new ArchiverError("assertion-failed", "every worker died");
      for (const w of this.#waiting.splice(0)) w.reject(none);
    }
    for (const thread of this.#threads) {
      if (thread.current !== null) continue;
      const next = this.#waiting.shift();
      if (next === undefined) return;
      thread.current = next;
      thread.worker.ref();
      const transfer = next.job.items.map(({ stored }) => stored.buffer as ArrayBuffer);
      thread.worker.postMessage(next.job, transfer);
    }
  }
}
