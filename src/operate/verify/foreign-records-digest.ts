import { Blake3Hasher } from "@napi-rs/blake-hash";
import type { ArchivedRecord } from "../../core/record.ts";
import type { ForeignRecord } from "./foreign-decoder.ts";

/**
 * The `recordsDigest` of docs/format.md, written again from there: what sinks of records go by must not
 * be checked by the code that makes it.
 */
export class ForeignRecordsDigest {
  readonly #hasher = new Blake3Hasher();

  constructor() {
    this.#hasher.update(Buffer.from("bulk-archiver records 1\n"));
  }

  record({ offset, timestamp, key, value, headers }: ForeignRecord): void {
    const count = int32(headers.length / 2);
    this.#add(offset, timestamp, [
      ...field(key),
      ...field(value),
      count,
      ...headers.flatMap(field),
    ]);
  }

  /** As a sink of records gives it back. */
  archived({ offset, timestamp, key, value, headers }: ArchivedRecord): void {
    const bytes = (field: Uint8Array | null): Buffer | null =>
      field === null ? null : Buffer.from(field.buffer, field.byteOffset, field.length);
    this.#add(offset, timestamp, [
      ...field(bytes(key)),
      ...field(bytes(value)),
      int32(headers.length),
      ...headers.flatMap((h) => [...field(bytes(h.key)), ...field(bytes(h.value))]),
    ]);
  }

  hex(): string {
    return this.#hasher.digest("hex");
  }

  #add(offset: bigint, timestamp: bigint, parts: readonly Buffer[]): void {
    const numbers = Buffer.alloc(16);
    numbers.writeBigInt64BE(offset, 0);
    numbers.writeBigInt64BE(timestamp, 8);
    this.#hasher.update(Buffer.concat([numbers, ...parts]));
  }
}

/** Null has the length -1, which is not that of no bytes. */
const field = (bytes: Buffer | null): Buffer[] =>
  bytes === null ? [int32(-1)] : [int32(bytes.length), bytes];

function int32(n: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32BE(n);
  return bytes;
}
