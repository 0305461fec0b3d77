import { assert } from "./assert.ts";

/** More waiting than this is a caller without back-pressure. */
const MAX_WAITING = 100_000;

/** So many at once, the others wait: first come, first served. */
export class Places {
  #free: number;
  readonly #waiting = new Set<() => void>();

  constructor(places: number) {
    assert(Number.isInteger(places) && places >= 1, "places: at least one at once");
    this.#free = places;
  }

  /** Resolves to what gives the place back; it is called once. @throws the signal's reason */
  async take(signal: AbortSignal): Promise<() => void> {
    signal.throwIfAborted();
    if (this.#free > 0) this.#free -= 1;
    else await this.#wait(signal);
    return () => {
      const [next] = this.#waiting;
      // The place goes from hand to hand, so that no newcomer takes it in between.
      if (next === undefined) this.#free += 1;
      else next();
    };
  }

  #wait(signal: AbortSignal): Promise<void> {
    assert(this.#waiting.size < MAX_WAITING, "places: too many wait");
    return new Promise((resolve, reject) => {
      const enter = (): void => {
        this.#waiting.delete(enter);
        signal.removeEventListener("abort", leave);
        resolve();
      };
      const leave = (): void => {
        this.#waiting.delete(enter);
        reject(signal.reason as Error);
      };
      this.#waiting.add(enter);
      signal.addEventListener("abort", leave, { once: true });
    });
  }
}
