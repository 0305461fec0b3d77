/** Seeded randomness: the same seed makes the same run of faults. */
export class Dice {
  #state: number;

  constructor(seed: number) {
    this.#state = seed >>> 0;
  }

  /** In [0, 1). */
  unit(): number {
    // Mulberry32.
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let t = this.#state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  }

  between(least: number, most: number): number {
    return Math.round(least + this.unit() * (most - least));
  }

  pick<T>(of: readonly T[]): T {
    const found = of[Math.floor(this.unit() * of.length)];
    if (found === undefined) throw new Error("nothing to pick from");
    return found;
  }
}
