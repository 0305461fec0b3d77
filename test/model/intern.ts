/** Values that are equal by their text get one small number, so that a state is a few integers. */
export class Interned<T> {
  readonly #ids = new Map<string, number>();
  readonly #values: T[] = [];
  readonly #keyOf: (value: T) => string;

  constructor(keyOf: (value: T) => string) {
    this.#keyOf = keyOf;
  }

  get size(): number {
    return this.#values.length;
  }

  id(value: T): number {
    const key = this.#keyOf(value);
    const known = this.#ids.get(key);
    if (known !== undefined) return known;
    this.#ids.set(key, this.#values.length);
    this.#values.push(value);
    return this.#values.length - 1;
  }

  at(id: number): T {
    const value = this.#values[id];
    if (value === undefined) throw new RangeError(`nothing has the number ${id}`);
    return value;
  }
}

/** A set of fixed-length rows of integers; each row has the number of its insertion. */
export class RowSet {
  readonly #width: number;
  #rows: Int32Array;
  #slots: Int32Array;
  #size = 0;

  constructor(width: number) {
    this.#width = width;
    this.#rows = new Int32Array(width << 12);
    this.#slots = new Int32Array(1 << 13).fill(-1);
  }

  get size(): number {
    return this.#size;
  }

  get(row: number, column: number): number {
    return this.#rows[row * this.#width + column] ?? 0;
  }

  /** The row's number; `size` grows when it is new. */
  add(row: readonly number[]): number {
    if (this.#size * 2 >= this.#slots.length) this.#grow();
    let at = this.#hash(row, 0) & (this.#slots.length - 1);
    for (;;) {
      const found = this.#slots[at] ?? -1;
      if (found < 0) break;
      if (this.#equal(found, row)) return found;
      at = (at + 1) & (this.#slots.length - 1);
    }
    this.#slots[at] = this.#size;
    this.#rows.set(row, this.#size * this.#width);
    this.#size += 1;
    return this.#size - 1;
  }

  #equal(row: number, other: readonly number[]): boolean {
    const from = row * this.#width;
    for (let i = 0; i < this.#width; i += 1) if (this.#rows[from + i] !== other[i]) return false;
    return true;
  }

  #hash(values: ArrayLike<number>, from: number): number {
    let h = 0x811c9dc5;
    for (let i = 0; i < this.#width; i += 1) {
      h = Math.imul(h ^ (values[from + i] ?? 0), 0x01000193);
      h ^= h >>> 15;
      h = Math.imul(h, 0x2c1b3c6d);
    }
    return (h ^ (h >>> 13)) >>> 0;
  }

  #grow(): void {
    const rows = new Int32Array(this.#rows.length * 2);
    rows.set(this.#rows);
    this.#rows = rows;
    this.#slots = new Int32Array(this.#slots.length * 2).fill(-1);
    for (let row = 0; row < this.#size; row += 1) {
      let at = this.#hash(this.#rows, row * this.#width) & (this.#slots.length - 1);
      while ((this.#slots[at] ?? -1) >= 0) at = (at + 1) & (this.#slots.length - 1);
      this.#slots[at] = row;
    }
  }
}

/** Integers appended one by one. */
export class IntList {
  #items = new Int32Array(1 << 12);
  #size = 0;

  get size(): number {
    return this.#size;
  }

  push(value: number): void {
    if (this.#size === this.#items.length) {
      const more = new Int32Array(this.#items.length * 2);
      more.set(this.#items);
      this.#items = more;
    }
    this.#items[this.#size] = value;
    this.#size += 1;
  }

  at(i: number): number {
    return this.#items[i] ?? -1;
  }
}
