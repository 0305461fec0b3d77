const WINDOW_S = 30;

/** How much a second, over the last half minute: batches come in lumps. */
export class RateWindow {
  readonly #buckets = new Map<number, number>();
  #sinceS: number | null = null;

  add(nowMs: number, amount: number): void {
    const second = Math.floor(nowMs / 1000);
    this.#sinceS ??= second;
    this.#buckets.set(second, (this.#buckets.get(second) ?? 0) + amount);
    this.#forget(second);
  }

  perSecond(nowMs: number): number {
    const second = Math.floor(nowMs / 1000);
    this.#forget(second);
    const sum = [...this.#buckets.values()].reduce((a, b) => a + b, 0);
    // A window that has just begun is shorter; below five seconds a rate would be made up.
    const seconds = Math.min(WINDOW_S, Math.max(5, second - (this.#sinceS ?? second) + 1));
    return Math.round(sum / seconds);
  }

  #forget(second: number): void {
    for (const s of this.#buckets.keys()) if (s <= second - WINDOW_S) this.#buckets.delete(s);
  }
}
