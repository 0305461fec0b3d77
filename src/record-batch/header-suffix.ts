import type { RecordHeader } from "../core/record.ts";
import { putVarint, varintBytes } from "./varint.ts";

/** Digits of an offset, at most. */
const MAX_DIGITS = 19;

/**
 * Headers that go behind a record's own, as bytes: some that all records share, and a last one whose value
 * is the record's offset in decimal digits.
 */
export class HeaderSuffix {
  readonly count: number;
  readonly #shared: Buffer;

  constructor(shared: readonly RecordHeader[], offsetName: Uint8Array) {
    this.count = shared.length + 1;
    const parts = shared.flatMap(({ key, value }) => [field(key), field(value)]);
    this.#shared = Buffer.concat([...parts, field(offsetName)]);
  }

  bytes(offset: number): number {
    return this.#shared.length + 1 + digitsOf(offset);
  }

  /** Writes at `at`; returns the position after it. */
  put(to: Buffer, at: number, offset: number): number {
    this.#shared.copy(to, at);
    const digits = digitsOf(offset);
    // 2 × 19 fits in one byte of a varint.
    const first = putVarint(to, at + this.#shared.length, digits);
    let left = offset;
    for (let i = digits - 1; i >= 0; i -= 1) {
      to[first + i] = 48 + (left % 10);
      left = Math.floor(left / 10);
    }
    return first + digits;
  }
}

function digitsOf(offset: number): number {
  let digits = 1;
  for (let bound = 10; offset >= bound && digits < MAX_DIGITS; bound *= 10) digits += 1;
  return digits;
}

function field(bytes: Uint8Array | null): Buffer {
  const length = bytes?.length ?? -1;
  const out = Buffer.alloc(varintBytes(length) + Math.max(0, length));
  const at = putVarint(out, 0, length);
  if (bytes !== null) out.set(bytes, at);
  return out;
}
