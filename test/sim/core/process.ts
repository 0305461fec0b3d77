import type { Clock, Random } from "../../../src/core/ports.ts";
import type { Dice } from "./random.ts";
import type { Scheduler } from "./scheduler.ts";
import { waits } from "./waits.ts";

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
  readonly #dice: Dice;
  readonly #onDeath: (why: string) => void;
  #alive = true;
  #frozenUntil = -Infinity;
  #plan: CrashPlan | null = null;
  #seen = 0;
  #delay: { readonly at: string; readonly ms: number } | null = null;
  #wallSkewMs = 0;
  /** Calls of ports so far. */
  calls = 0;

  constructor(
    name: string,
    ports: { readonly scheduler: Scheduler; readonly dice: Dice },
    onDeath: (why: string) => void,
  ) {
    this.name = name;
    this.#scheduler = ports.scheduler;
    this.#onDeath = onDeath;
    const { dice } = ports;
    this.#dice = dice;
    this.clock = {
      now: () => this.#scheduler.now,
      wall: () => EPOCH_MS + Math.floor(this.#scheduler.now) + this.#wallSkewMs,
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

  /** Frozen lately: what it does now it may have meant to do long before. */
  get wokeAt(): number {
    return this.#frozenUntil;
  }

  /** The next call whose name contains this arrives so much later than it was sent. */
  delay(at: string, ms: number): void {
    this.#delay = { at, ms };
  }

  /** Null: as any other. */
  lateBy(name: string): number | null {
    const found = this.#delay;
    if (found === null || !name.includes(found.at)) return null;
    this.#delay = null;
    return found.ms;
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
    waits.recorder?.died(this);
    this.#onDeath(why);
  }

  /** Called at every call of a port; true when the process dies at it. */
  point(name: string): "before" | "after" | null {
    this.calls += 1;
    const plan = this.#plan;
    if (plan === null || !name.includes(plan.at)) return null;
    this.#seen += 1;
    if (this.#seen < plan.nth) return null;
    this.#plan = null;
    return plan.side;
  }

  /** Runs `fire` in the process, after `ms`: never when it is dead by then, later when it is frozen. */
  after(ms: number, fire: () => void): () => void {
    let undo = (): void => undefined;
    const run = (): void => {
      if (!this.#alive) return;
      const wait = this.#frozenUntil - this.#scheduler.now;
      if (wait > 0) undo = this.#scheduler.after(wait, run);
      else {
        waits.owner = this;
        fire();
      }
    };
    undo = this.#scheduler.after(ms, run);
    return () => undo();
  }

  /** Work of the process itself that takes a while. */
  work(name: string, signal: AbortSignal): Promise<void> {
    const fate = this.point(name);
    if (fate !== null) this.die(`${fate} ${name}`);
    return this.#wait(this.#dice.int(1, 20), signal);
  }

  #sleep(ms: number, signal?: AbortSignal): Promise<void> {
    if (!this.#alive) return never();
    const fate = this.point("sleep");
    if (fate !== null) {
      this.die("at a sleep");
      return never();
    }
    return this.#wait(ms, signal);
  }

  #wait(ms: number, signal?: AbortSignal): Promise<void> {
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
