/** Values of one label are bounded: a scraper pays for every one of them, for ever. */
export class BoundedLabel {
  readonly #seen = new Set<string>();
  readonly #most: number;

  constructor(most: number) {
    this.#most = most;
  }

  /** The value itself for the first ones; `other` for all that come later. */
  of(value: string): string {
    if (this.#seen.has(value)) return value;
    if (this.#seen.size >= this.#most) return "other";
    this.#seen.add(value);
    return value;
  }
}
