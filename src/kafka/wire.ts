import { ArchiverError } from "../core/errors.ts";

/** Arrays in answers are bounded: a length beyond this is a broken answer, not a large one. */
const MAX_ITEMS = 1_000_000;

/** A piece from which on a copy costs more than a piece of its own. */
const LARGE_BYTES = 4_096;

/** Kafka's primitive types, in the order a request needs them. */
export class Writer {
  readonly #parts: Buffer[] = [];

  int8(v: number): this {
    const b = Buffer.allocUnsafe(1);
    b.writeInt8(v);
    return this.#add(b);
  }

  int16(v: number): this {
    const b = Buffer.allocUnsafe(2);
    b.writeInt16BE(v);
    return this.#add(b);
  }

  int32(v: number): this {
    const b = Buffer.allocUnsafe(4);
    b.writeInt32BE(v);
    return this.#add(b);
  }

  int64(v: bigint): this {
    const b = Buffer.allocUnsafe(8);
    b.writeBigInt64BE(v);
    return this.#add(b);
  }

  bool(v: boolean): this {
    return this.int8(v ? 1 : 0);
  }

  string(v: string | null): this {
    if (v === null) return this.int16(-1);
    const b = Buffer.from(v, "utf8");
    return this.int16(b.length).#add(b);
  }

  /** Viewed, not copied. */
  bytes(v: Uint8Array | null): this {
    if (v === null) return this.int32(-1);
    return this.int32(v.length).#add(Buffer.from(v.buffer, v.byteOffset, v.byteLength));
  }

  array<T>(items: readonly T[], write: (w: this, item: T) => void): this {
    this.int32(items.length);
    for (const item of items) write(this, item);
    return this;
  }

  uvarint(v: number): this {
    const out: number[] = [];
    let left = v;
    while (left > 0x7f) {
      out.push((left & 0x7f) | 0x80);
      left >>>= 7;
    }
    out.push(left);
    return this.#add(Buffer.from(out));
  }

  compactString(v: string): this {
    const b = Buffer.from(v, "utf8");
    return this.uvarint(b.length + 1).#add(b);
  }

  compactArray<T>(items: readonly T[], write: (w: this, item: T) => void): this {
    this.uvarint(items.length + 1);
    for (const item of items) write(this, item);
    return this;
  }

  /** 16 zero bytes: no topic id. */
  noUuid(): this {
    return this.#add(Buffer.alloc(16));
  }

  /** A topic id as `TopicMetadata` writes it. */
  uuid(base64url: string): this {
    const b = Buffer.from(base64url, "base64url");
    if (b.length !== 16) throw new ArchiverError("assertion-failed", `topic id "${base64url}"`);
    return this.#add(b);
  }

  /** No tagged fields. */
  tags(): this {
    return this.uvarint(0);
  }

  done(): Buffer {
    return Buffer.concat(this.#parts);
  }

  /** The same in pieces: large ones as they were given, what lies between them joined. */
  parts(): readonly Buffer[] {
    const out: Buffer[] = [];
    let small: Buffer[] = [];
    for (const part of this.#parts) {
      small.push(part);
      if (part.length < LARGE_BYTES) continue;
      out.push(Buffer.concat(small.slice(0, -1)), part);
      small = [];
    }
    return [...out, Buffer.concat(small)].filter((part) => part.length > 0);
  }

  #add(b: Buffer): this {
    this.#parts.push(b);
    return this;
  }
}

/** Reads an answer; every length is checked against what is there. */
export class Reader {
  readonly #b: Buffer;
  #at = 0;

  constructor(buffer: Buffer) {
    this.#b = buffer;
  }

  int8(): number {
    return this.#b.readInt8(this.#take(1));
  }

  int16(): number {
    return this.#b.readInt16BE(this.#take(2));
  }

  int32(): number {
    return this.#b.readInt32BE(this.#take(4));
  }

  int64(): bigint {
    return this.#b.readBigInt64BE(this.#take(8));
  }

  bool(): boolean {
    return this.int8() !== 0;
  }

  string(): string {
    return this.nullableString() ?? "";
  }

  nullableString(): string | null {
    const n = this.int16();
    return n < 0 ? null : this.#slice(n).toString("utf8");
  }

  bytes(): Buffer {
    const n = this.int32();
    return n < 0 ? Buffer.alloc(0) : this.#slice(n);
  }

  array<T>(read: (r: this) => T): T[] {
    return this.#items(this.int32(), read);
  }

  uvarint(): number {
    let value = 0;
    for (let shift = 0; shift < 35; shift += 7) {
      const byte = this.#b.readUInt8(this.#take(1));
      value += (byte & 0x7f) * 2 ** shift;
      if ((byte & 0x80) === 0) return value;
    }
    throw broken("a varint longer than five bytes");
  }

  compactString(): string {
    const n = this.uvarint();
    return n === 0 ? "" : this.#slice(n - 1).toString("utf8");
  }

  compactArray<T>(read: (r: this) => T): T[] {
    return this.#items(this.uvarint() - 1, read);
  }

  compactBytes(): Buffer {
    const n = this.uvarint();
    return n === 0 ? Buffer.alloc(0) : this.#slice(n - 1);
  }

  uuid(): Buffer {
    return this.#slice(16);
  }

  /** Tagged fields by their number. */
  tags(): ReadonlyMap<number, Buffer> {
    const found = new Map<number, Buffer>();
    const n = this.uvarint();
    for (let i = 0; i < n; i += 1) found.set(this.uvarint(), this.#slice(this.uvarint()));
    return found;
  }

  #items<T>(n: number, read: (r: this) => T): T[] {
    if (n > MAX_ITEMS) throw broken(`an array of ${n} items`);
    const items: T[] = [];
    for (let i = 0; i < n; i += 1) items.push(read(this));
    return items;
  }

  #slice(n: number): Buffer {
    const at = this.#take(n);
    return this.#b.subarray(at, at + n);
  }

  #take(n: number): number {
    const at = this.#at;
    if (n < 0 || at + n > this.#b.length) throw broken(`${n} bytes at ${at} of ${this.#b.length}`);
    this.#at += n;
    return at;
  }
}

const broken = (text: string): ArchiverError =>
  new ArchiverError("kafka-refused", `Kafka's answer is not what its version says: ${text}`);
