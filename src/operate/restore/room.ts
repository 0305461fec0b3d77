import type { Budget } from "../../core/budget.ts";

/** Bytes held of a budget. */
export interface Held {
  /** Gives back what is more than this. */
  shrink(bytes: number): void;
  /** Gives back all of it, once. */
  release(): void;
}

interface Waiting {
  readonly bytes: number;
  readonly enter: () => void;
}

/** Room in a budget for whoever asks, in the order of asking: much is not overtaken by little. */
export class Room {
  readonly #budget: Budget;
  readonly #waiting = new Set<Waiting>();

  constructor(budget: Budget) {
    this.#budget = budget;
    budget.onRelease(() => this.#enter());
  }

  /** An idle budget has room for anything. @throws the signal's reason */
  async take(bytes: number, signal: AbortSignal): Promise<Held> {
    signal.throwIfAborted();
    const free = this.#waiting.size === 0 && this.#budget.tryReserve(bytes);
    if (!free) await this.#wait(bytes, signal);
    let held = bytes;
    const shrink = (to: number): void => {
      const less = Math.max(0, held - to);
      held -= less;
      if (less > 0) this.#budget.release(less);
    };
    return { shrink, release: () => shrink(0) };
  }

  #enter(): void {
    for (const { bytes, enter } of this.#waiting) {
      if (!this.#budget.tryReserve(bytes)) return;
      enter();
    }
  }

  #wait(bytes: number, signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const one: Waiting = {
        bytes,
        enter: () => {
          this.#waiting.delete(one);
          signal.removeEventListener("abort", leave);
          resolve();
        },
      };
      const leave = (): void => {
        this.#waiting.delete(one);
        reject(signal.reason as Error);
        // Who waits behind it may want less.
        this.#enter();
      };
      this.#waiting.add(one);
      signal.addEventListener("abort", leave, { once: true });
    });
  }
}
