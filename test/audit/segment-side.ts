import type { AuditRecord } from "./audit-record.ts";
import { inflate } from "./own-codecs.ts";

/** Records of a log segment (RecordBatch v2 back to back), after Kafka's protocol guide. */
export function* readSegment(file: Buffer, partition: number): Generator<AuditRecord> {
  let at = 0;
  while (at < file.length) {
    if (at + 61 > file.length) throw new Error(`trailing ${file.length - at} bytes`);
    const size = file.readInt32BE(at + 8);
    const batch = file.subarray(at, at + 12 + size);
    if (batch.length !== 12 + size || size < 49)
      throw new Error(`record batch at ${at} is cut off`);
    if (batch[16] !== 2) throw new Error(`record batch at ${at} has magic ${batch[16]}`);
    if (crc32c(batch.subarray(21)) !== batch.readUInt32BE(17))
      throw new Error(`CRC wrong at ${at}`);
    yield* readBatch(batch, partition);
    at += 12 + size;
  }
}

function* readBatch(batch: Buffer, partition: number): Generator<AuditRecord> {
  const base = batch.readBigInt64BE(0);
  const attributes = batch.readInt16BE(21);
  const lastDelta = batch.readInt32BE(23);
  const firstTimestamp = batch.readBigInt64BE(27);
  const maxTimestamp = batch.readBigInt64BE(35);
  const count = batch.readInt32BE(57);
  if (attributes & 0x20) throw new Error(`control batch at offset ${base} in the archive`);
  const appendTime = (attributes & 0x08) !== 0;
  const body = new Bytes(inflate(attributes & 7, batch.subarray(61)));
  let last = -1;
  for (let i = 0; i < count; i++) {
    const end = Number(body.varint()) + body.at;
    body.at += 1;
    const timestampDelta = body.varint();
    const offsetDelta = Number(body.varint());
    if (offsetDelta <= last || offsetDelta > lastDelta)
      throw new Error(`offsets of ${base} out of order`);
    last = offsetDelta;
    const key = body.bytes();
    const value = body.bytes();
    const headers: [Buffer, Buffer | null][] = [];
    for (let h = Number(body.varint()); h > 0; h--)
      headers.push([body.bytes() ?? Buffer.alloc(0), body.bytes()]);
    if (body.at !== end)
      throw new Error(`record ${i} of the batch at ${base} has the wrong length`);
    yield {
      partition,
      offset: base + BigInt(offsetDelta),
      timestamp: appendTime ? maxTimestamp : firstTimestamp + timestampDelta,
      timestampType: appendTime ? "LogAppendTime" : "CreateTime",
      key,
      value,
      headers,
    };
  }
  if (body.at !== body.data.length) throw new Error(`bytes left in the batch at ${base}`);
}

class Bytes {
  at = 0;
  readonly data: Buffer;
  constructor(data: Buffer) {
    this.data = data;
  }

  /** Zig-zag, seven bits a byte, least significant first. */
  varint(): bigint {
    let raw = 0n;
    let shift = 0n;
    for (;;) {
      const byte = this.data[this.at++];
      if (byte === undefined || shift > 63n) throw new Error("number cut off");
      raw |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return (raw >> 1n) ^ -(raw & 1n);
      shift += 7n;
    }
  }

  bytes(): Buffer | null {
    const n = Number(this.varint());
    if (n < 0) return null;
    if (this.at + n > this.data.length) throw new Error("field cut off");
    this.at += n;
    return this.data.subarray(this.at - n, this.at);
  }
}

const TABLE = Uint32Array.from({ length: 256 }, (_, n) => {
  let c = n;
  for (let k = 0; k < 8; k++) c = c & 1 ? (c >>> 1) ^ 0x82f63b78 : c >>> 1;
  return c >>> 0;
});

function crc32c(data: Buffer): number {
  let c = 0xffffffff;
  for (const byte of data) c = (c >>> 8) ^ (TABLE[(c ^ byte) & 255] ?? 0);
  return (c ^ 0xffffffff) >>> 0;
}
