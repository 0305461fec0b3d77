import { Blake3Hasher } from "@napi-rs/blake-hash";
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
    const numbers = Buffer.alloc(16);
    numbers.writeBigInt64BE(offset, 0);
    numbers.writeBigInt64BE(timestamp, 8);
    const count = int32(headers.length / 2);
    const parts = [numbers, ...field(key), ...field(value), count, ...headers.flatMap(field)];
    this.#hasher.update(Buffer.concat(parts));
  }

  hex(): string {
    return this.#hasher.digest("hex");
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
