/** Bytes as Kafka's protocol writes them; the simulation's own, so that a slip in the product's shows. */
export class Out {
  readonly #parts: Buffer[] = [];

  i8(v: number): this {
    return this.raw(Buffer.from([v & 0xff]));
  }

  i16(v: number): this {
    const b = Buffer.alloc(2);
    b.writeInt16BE(v);
    return this.raw(b);
  }

  i32(v: number): this {
    const b = Buffer.alloc(4);
    b.writeInt32BE(v);
    return this.raw(b);
  }

  i64(v: number | bigint): this {
    const b = Buffer.alloc(8);
    b.writeBigInt64BE(BigInt(v));
    return this.raw(b);
  }

  text(v: string | null): this {
    return v === null ? this.i16(-1) : this.i16(Buffer.byteLength(v)).raw(Buffer.from(v));
  }

  blob(v: Uint8Array): this {
    return this.i32(v.length).raw(v);
  }

  list<T>(items: readonly T[], write: (item: T) => void): this {
    this.i32(items.length);
    for (const item of items) write(item);
    return this;
  }

  uvarint(v: number): this {
    let left = v;
    const bytes: number[] = [];
    for (; left > 0x7f; left >>>= 7) bytes.push((left & 0x7f) | 0x80);
    return this.raw(Buffer.from([...bytes, left]));
  }

  shortText(v: string): this {
    return this.uvarint(Buffer.byteLength(v) + 1).raw(Buffer.from(v));
  }

  shortBlob(v: Uint8Array): this {
    return this.uvarint(v.length + 1).raw(v);
  }

  shortList<T>(items: readonly T[], write: (item: T) => void): this {
    this.uvarint(items.length + 1);
    for (const item of items) write(item);
    return this;
  }

  raw(v: Uint8Array): this {
    this.#parts.push(Buffer.isBuffer(v) ? v : Buffer.from(v));
    return this;
  }

  done(): Buffer {
    return Buffer.concat(this.#parts);
  }
}

/** Reads what a client sent. */
export class In {
  readonly #b: Buffer;
  #at = 0;

  constructor(b: Buffer) {
    this.#b = b;
  }

  i8(): number {
    return this.#b.readInt8(this.#skip(1));
  }

  i16(): number {
    return this.#b.readInt16BE(this.#skip(2));
  }

  i32(): number {
    return this.#b.readInt32BE(this.#skip(4));
  }

  i64(): number {
    return Number(this.#b.readBigInt64BE(this.#skip(8)));
  }

  text(): string | null {
    const n = this.i16();
    return n < 0 ? null : this.raw(n).toString("utf8");
  }

  blob(): Buffer {
    return this.raw(Math.max(0, this.i32()));
  }

  list<T>(read: () => T): T[] {
    return Array.from({ length: Math.max(0, this.i32()) }, read);
  }

  uvarint(): number {
    let [v, shift] = [0, 0];
    for (;;) {
      const byte = this.#b.readUInt8(this.#skip(1));
      v += (byte & 0x7f) * 2 ** shift;
      if (byte < 0x80) return v;
      shift += 7;
    }
  }

  shortText(): string {
    return this.raw(Math.max(0, this.uvarint() - 1)).toString("utf8");
  }

  shortList<T>(read: () => T): T[] {
    return this.shortListOrAll(read) ?? [];
  }

  /** Null where the protocol means everything by it. */
  shortListOrAll<T>(read: () => T): T[] | null {
    const n = this.uvarint();
    return n === 0 ? null : Array.from({ length: n - 1 }, read);
  }

  raw(n: number): Buffer {
    const at = this.#skip(n);
    return this.#b.subarray(at, at + n);
  }

  #skip(n: number): number {
    const at = this.#at;
    this.#at += n;
    return at;
  }
}
