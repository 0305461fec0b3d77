import { gzipSync, zstdCompressSync } from "node:zlib";
import { crc32c } from "@node-rs/crc32";

/**
 * Writes RecordBatch v2 for tests, byte by byte, so that readers are held against something else.
 */
export interface SampleRecord {
  readonly offset: bigint;
  readonly timestamp?: bigint;
  readonly key?: Buffer | null;
  readonly value?: Buffer | null;
  readonly headers?: readonly (readonly [string | Buffer, Buffer | null])[];
}

export interface BatchOptions {
  readonly codec?: 0 | 1 | 4;
  readonly appendTime?: boolean;
  readonly producerId?: bigint;
  readonly transactional?: boolean;
  readonly control?: boolean;
  /** Where compaction removed the last records, the range is wider than they are. */
  readonly lastOffset?: bigint;
}

export function batchBytes(records: readonly SampleRecord[], options: BatchOptions = {}): Buffer {
  const first = records[0];
  const last = records.at(-1);
  if (first === undefined || last === undefined) throw new Error("a batch needs a record");
  const times = records.map((r) => r.timestamp ?? 1_700_000_000_000n);
  const base = times[0] as bigint;
  const max = times.reduce((a, b) => (b > a ? b : a));
  const body = Buffer.concat(
    records.map((r, i) => recordBytes(r, first.offset, (times[i] as bigint) - base)),
  );
  const codec = options.codec ?? 0;
  const packed = codec === 1 ? gzipSync(body) : codec === 4 ? zstdCompressSync(body) : body;
  const head = Buffer.alloc(61);
  head.writeBigInt64BE(first.offset, 0);
  head.writeInt32BE(49 + packed.length, 8);
  head.writeInt32BE(3, 12);
  head.writeInt8(2, 16);
  let attributes: number = codec;
  if (options.appendTime === true) attributes |= 0x08;
  if (options.transactional === true) attributes |= 0x10;
  if (options.control === true) attributes |= 0x20;
  head.writeInt16BE(attributes, 21);
  head.writeInt32BE(Number((options.lastOffset ?? last.offset) - first.offset), 23);
  head.writeBigInt64BE(base, 27);
  head.writeBigInt64BE(max, 35);
  head.writeBigInt64BE(options.producerId ?? -1n, 43);
  head.writeInt16BE(-1, 51);
  head.writeInt32BE(-1, 53);
  head.writeInt32BE(records.length, 57);
  const all = Buffer.concat([head, packed]);
  all.writeUInt32BE(crc32c(all.subarray(21)), 17);
  return all;
}

function recordBytes(r: SampleRecord, base: bigint, timestampDelta: bigint): Buffer {
  const headers = r.headers ?? [];
  const inner = Buffer.concat([
    Buffer.from([0]),
    varint(timestampDelta),
    varint(r.offset - base),
    field(r.key ?? null),
    field(r.value ?? null),
    varint(BigInt(headers.length)),
    ...headers.flatMap(([name, value]) => [field(Buffer.from(name as string)), field(value)]),
  ]);
  return Buffer.concat([varint(BigInt(inner.length)), inner]);
}

const field = (bytes: Buffer | null): Buffer =>
  bytes === null ? varint(-1n) : Buffer.concat([varint(BigInt(bytes.length)), bytes]);

function varint(value: bigint): Buffer {
  let left = BigInt.asUintN(64, (value << 1n) ^ (value >> 63n));
  const out: number[] = [];
  while (left > 127n) {
    out.push(Number(left & 127n) | 128);
    left >>= 7n;
  }
  out.push(Number(left));
  return Buffer.from(out);
}
