import { ArchiverError } from "../core/errors.ts";

/** What cannot be decoded although its checksum may be right. */
export const undecodable = (what: string, cause?: unknown): ArchiverError =>
  new ArchiverError("undecodable-record-batch", what, cause === undefined ? {} : { cause });

/**
 * Reads the fields of records from `bytes`. Every read is bounded by `end`, which a caller narrows
 * to the record it is in. Varints are zigzag, little-endian in groups of seven bits, as Kafka
 * writes them.
 */
export class RecordCursor {
  readonly bytes: Uint8Array;
  at = 0;
  end: number;

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
    this.end = bytes.length;
  }

  byte(): number {
    if (this.at >= this.end) throw undecodable(`byte ${this.at}: a record is cut off`);
    return this.bytes[this.at++] as number;
  }

  /** 32 bits in at most five bytes. */
  varint(): number {
    let byte = this.byte();
    if (byte < 0x80) return (byte >>> 1) ^ -(byte & 1);
    let raw = byte & 0x7f;
    for (let shift = 7; shift < 35; shift += 7) {
      byte = this.byte();
      raw |= (byte & 0x7f) << shift;
      if (byte >= 0x80) continue;
      if (shift === 28 && byte > 0x0f) break;
      return (raw >>> 1) ^ -(raw & 1);
    }
    throw undecodable(`byte ${this.at}: a varint of more than 32 bits`);
  }

  /** 64 bits in at most ten bytes; a number when it fits in 49 bits, which timestamp deltas do. */
  varlong(): number | bigint {
    const start = this.at;
    let raw = 0;
    let scale = 1;
    for (let i = 0; i < 7; i++) {
      const byte = this.byte();
      raw += (byte & 0x7f) * scale;
      if (byte < 0x80) return raw % 2 === 0 ? raw / 2 : -(raw + 1) / 2;
      scale *= 128;
    }
    this.at = start;
    return this.#wide();
  }

  #wide(): bigint {
    let raw = 0n;
    for (let shift = 0n; shift < 70n; shift += 7n) {
      const byte = this.byte();
      raw |= BigInt(byte & 0x7f) << shift;
      if (byte >= 0x80) continue;
      if (raw >> 64n !== 0n) break;
      return (raw >> 1n) ^ -(raw & 1n);
    }
    throw undecodable(`byte ${this.at}: a varint of more than 64 bits`);
  }

  skipVarlong(): void {
    for (let i = 0; i < 10; i++) if (this.byte() < 0x80) return;
    throw undecodable(`byte ${this.at}: a varint of more than 64 bits`);
  }

  /** A view of a field with its length before it; -1 stands for null. */
  field(): Uint8Array | null {
    const length = this.varint();
    if (length === -1) return null;
    if (length < 0 || length > this.end - this.at) {
      throw undecodable(
        `byte ${this.at}: a field of ${length} bytes, ${this.end - this.at} are left`,
      );
    }
    const from = this.at;
    this.at += length;
    return this.bytes.subarray(from, this.at);
  }
}

export function varintBytes(value: number): number {
  let raw = ((value << 1) ^ (value >> 31)) >>> 0;
  let bytes = 1;
  for (; raw >= 0x80; raw >>>= 7) bytes += 1;
  return bytes;
}

/** Writes at `at`; returns the position after it. */
export function putVarint(to: Uint8Array, at: number, value: number): number {
  let raw = ((value << 1) ^ (value >> 31)) >>> 0;
  for (; raw >= 0x80; raw >>>= 7) to[at++] = (raw & 0x7f) | 0x80;
  to[at++] = raw;
  return at;
}

const zigzag64 = (value: bigint): bigint => BigInt.asUintN(64, (value << 1n) ^ (value >> 63n));

export function varlongBytes(value: bigint): number {
  let bytes = 1;
  for (let raw = zigzag64(value); raw >= 0x80n; raw >>= 7n) bytes += 1;
  return bytes;
}

export function putVarlong(to: Uint8Array, at: number, value: bigint): number {
  let raw = zigzag64(value);
  for (; raw >= 0x80n; raw >>= 7n) to[at++] = Number(raw & 0x7fn) | 0x80;
  to[at++] = Number(raw);
  return at;
}
