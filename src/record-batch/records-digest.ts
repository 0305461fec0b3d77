import { Blake3Hasher } from "@napi-rs/blake-hash";
import type { ArchivedRecord } from "../core/record.ts";

const MAGIC = Buffer.from("bulk-archiver records 1\n", "ascii");

/**
 * Digest over records in offset order, in a fixed binary form (docs/format.md): what sinks of records
 * are compared by. The timestamp's type is no part of it, because a Kafka topic has one for all.
 */
export class RecordsDigest {
  readonly #hasher = new Blake3Hasher();
  #records = 0n;

  constructor() {
    this.#hasher.update(MAGIC);
  }

  get records(): bigint {
    return this.#records;
  }

  add(records: readonly ArchivedRecord[]): this {
    if (records.length === 0) return this;
    const out = Buffer.allocUnsafe(records.reduce((n, r) => n + sizeOf(r), 0));
    let at = 0;
    for (const r of records) at = put(out, at, r);
    this.#hasher.update(out);
    this.#records += BigInt(records.length);
    return this;
  }

  /** Lower-case hex. Nothing may be added afterwards. */
  hex(): string {
    return this.#hasher.digest("hex");
  }
}

export async function recordsDigestOf(
  records: AsyncIterable<readonly ArchivedRecord[]>,
): Promise<{ digest: string; records: bigint }> {
  const made = new RecordsDigest();
  for await (const some of records) made.add(some);
  return { digest: made.hex(), records: made.records };
}

const fieldBytes = (field: Uint8Array | null): number => 4 + (field?.length ?? 0);

function sizeOf(r: ArchivedRecord): number {
  let size = 8 + 8 + fieldBytes(r.key) + fieldBytes(r.value) + 4;
  for (const h of r.headers) size += fieldBytes(h.key) + fieldBytes(h.value);
  return size;
}

function put(out: Buffer, start: number, r: ArchivedRecord): number {
  let at = out.writeBigInt64BE(r.offset, start);
  at = out.writeBigInt64BE(r.timestamp, at);
  at = putField(out, at, r.key);
  at = putField(out, at, r.value);
  at = out.writeInt32BE(r.headers.length, at);
  for (const h of r.headers) at = putField(out, putField(out, at, h.key), h.value);
  return at;
}

/** -1: null, which is not empty. */
function putField(out: Buffer, start: number, field: Uint8Array | null): number {
  if (field === null) return out.writeInt32BE(-1, start);
  const at = out.writeInt32BE(field.length, start);
  out.set(field, at);
  return at + field.length;
}
