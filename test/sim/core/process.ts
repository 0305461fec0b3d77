import type { Clock, Random } from "../../../src/core/ports.ts";
import type { Dice } from "./random.ts";
import type { Scheduler } from "./scheduler.ts";

/** Where in the product a crash was tried: the stack at the call of a port. */
export type OnCrash = (point: string, side: "before" | "after", stack: string) => void;

export interface CrashPlan {
  /** Dies at the n-th call of a port from now on whose name contains this. */
  readonly at: string;
  readonly nth: number;
  /** Before the call has any effect, or after it had it and before the answer is heard. */
  readonly side: "before" | "after";
}

/** The short sleeps of the daemon's own rhythm last a little longer here: a sleep may always be late. */
const COARSE_MS = 400;
/** Wall-clock time at the beginning of a run. */
const EPOCH_MS = 1_760_000_000_000;

/**
 * One process of the daemon. It lives in this one, so what "dies" means is made here: nothing reaches
 * it any more, and nothing that it does reaches anything. Its promises stay pending for ever.
 */
export class SimProcess {
  readonly name: string;
  readonly clock: Clock;
  readonly random: Random;
  readonly #scheduler: Scheduler;
  readonly #onCrash: OnCrash;
  readonly #onDeath: (why: string) => void;
  #alive = true;
  #frozenUntil = 0;
  #plan: CrashPlan | null = null;
  #seen = 0;
  #wallSkewMs = 0;
  /** Calls of ports so far. */
  calls = 0;
  /** Stacks of calls are told even without a crash; for finding out where crashes are possible. */
  watch: ((point: string, call: number, stack: string) => void) | null = null;

  constructor(
    name: string,
    ports: { readonly scheduler: Scheduler; readonly dice: Dice; readonly onCrash: OnCrash },
    onDeath: (why: string) => void,
  ) {
    this.name = name;
    this.#scheduler = ports.scheduler;
    this.#onCrash = ports.onCrash;
    this.#onDeath = onDeath;
    const { dice } = ports;
    this.clock = {
      now: () => this.#scheduler.now,
      wall: () => EPOCH_MS + this.#scheduler.now + this.#wallSkewMs,
      sleep: (ms, signal) => this.#sleep(ms < COARSE_MS ? ms + dice.int(0, COARSE_MS) : ms, signal),
    };
    this.random = { bytes: (n) => dice.bytes(n), unit: () => dice.unit() };
  }

  get alive(): boolean {
    return this.#alive;
  }

  /** Nothing happens in it for so long, then everything that came meanwhile. */
  freeze(ms: number): void {
    this.#frozenUntil = Math.max(this.#frozenUntil, this.#scheduler.now + ms);
  }

  stepWall(ms: number): void {
    this.#wallSkewMs += ms;
  }

  crashAt(plan: CrashPlan): void {
    this.#plan = plan;
    this.#seen = 0;
  }

  die(why: string): void {
    if (!this.#alive) return;
    this.#alive = false;
    this.#onDeath(why);
  }

  /** Called at every call of a port; true when the process dies at it. */
  point(name: string): "before" | "after" | null {
    this.calls += 1;
    if (this.watch !== null) this.watch(name, this.calls, stack());
    const plan = this.#plan;
    if (plan === null || !name.includes(plan.at)) return null;
    this.#seen += 1;
    if (this.#seen < plan.nth) return null;
    this.#plan = null;
    this.#onCrash(name, plan.side, stack());
    return plan.side;
  }

  /** Runs `fire` in the process, after `ms`: never when it is dead by then, later when it is frozen. */
  after(ms: number, fire: () => void): () => void {
    let undo = (): void => undefined;
    const run = (): void => {
      if (!this.#alive) return;
      const wait = this.#frozenUntil - this.#scheduler.now;
      if (wait > 0) undo = this.#scheduler.after(wait, run);
      else fire();
    };
    undo = this.#scheduler.after(ms, run);
    return () => undo();
  }

  #sleep(ms: number, signal?: AbortSignal): Promise<void> {
    if (!this.#alive) return never();
    const fate = this.point("sleep");
    if (fate !== null) {
      this.die("at a sleep");
      return never();
    }
    return new Promise((resolve, reject) => {
      if (signal?.aborted === true) return reject(signal.reason as Error);
      const abort = (): void => {
        undo();
        reject(signal?.reason as Error);
      };
      const undo = this.after(ms, () => {
        signal?.removeEventListener("abort", abort);
        resolve();
      });
      signal?.addEventListener("abort", abort, { once: true });
    });
  }
}

/** What waits for it is forgotten with it; one for all would keep everything that ever waited. */
export const never = (): Promise<never> => new Promise(() => undefined);

function stack(): string {
  const before = Error.stackTraceLimit;
  Error.stackTraceLimit = 60;
  const text = new Error("here").stack ?? "";
  Error.stackTraceLimit = before;
  return text;
}
