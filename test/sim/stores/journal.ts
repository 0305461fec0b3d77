/** What was changed in a store, in its order, and how to undo it. */
export class Journal {
  readonly #entries: { readonly key: string; readonly undo: () => void }[] = [];

  note(key: string, undo: () => void): void {
    this.#entries.push({ key, undo });
  }

  /** Undoes the first change of a key that fits, and everything after it; without one nothing. */
  backBefore(fits: (key: string) => boolean): void {
    const first = this.#entries.findIndex(({ key }) => fits(key));
    if (first < 0) return;
    for (const { undo } of this.#entries.splice(first).reverse()) undo();
  }
}

export class JournaledMap<V> extends Map<string, V> {
  readonly #journal: Journal;

  constructor(journal: Journal) {
    super();
    this.#journal = journal;
  }

  override set(key: string, value: V): this {
    this.#note(key);
    return super.set(key, value);
  }

  override delete(key: string): boolean {
    this.#note(key);
    return super.delete(key);
  }

  #note(key: string): void {
    const before = super.get(key);
    this.#journal.note(key, () => {
      if (before === undefined) super.delete(key);
      else super.set(key, before);
    });
  }
}
