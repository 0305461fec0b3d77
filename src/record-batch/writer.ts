import { assert } from "../core/assert.ts";
import type { ArchivedRecord } from "../core/record.ts";
import { compress } from "./codecs.ts";
import { CRC_AT, crcOf } from "./crc.ts";
import {
  CODECS,
  CONTROL,
  HEADER_BYTES,
  LENGTH_FROM,
  LOG_APPEND_TIME,
  MAX_RECORD_BATCH_BYTES,
  type RecordCodec,
  type TimestampType,
  TRANSACTIONAL,
} from "./header.ts";
import { putVarint, putVarlong, varintBytes, varlongBytes } from "./varint.ts";

export interface RecordBatchOptions {
  readonly baseOffset: bigint;
  /**
   * Ascending by offset, from `baseOffset` on; gaps are kept. Order and duplicates of headers too.
   */
  readonly records: readonly Omit<ArchivedRecord, "timestampType">[];
  /** @default "none" */
  readonly codec?: RecordCodec;
  /** Of the range, where records at its end are left out. @default the last record's offset */
  readonly lastOffset?: bigint;
  /** @default -1 */
  readonly leaderEpoch?: number;
  /** @default -1n: not idempotent */
  readonly producerId?: bigint;
  /** @default -1 */
  readonly producerEpoch?: number;
  /** @default -1 */
  readonly baseSequence?: number;
  /** @default false */
  readonly transactional?: boolean;
  /** @default false */
  readonly control?: boolean;
  /**
   * With LogAppendTime every record reads as having the greatest timestamp. @default "CreateTime"
   */
  readonly timestampType?: TimestampType;
}

/**
 * One record batch, magic 2, with its CRC: what a broker would store.
 *
 * @throws ArchiverError `assertion-failed` for offsets that do not ascend or fit the format.
 */
export function encodeRecordBatch(o: RecordBatchOptions): Buffer {
  const codec = o.codec ?? "none";
  const baseTimestamp = o.records[0]?.timestamp ?? -1n;
  const section = compress(codec, encodeRecords(o.baseOffset, baseTimestamp, o.records));
  const lastOffset = o.lastOffset ?? o.records.at(-1)?.offset ?? o.baseOffset;
  const lastDelta = Number(lastOffset - o.baseOffset);
  assert(lastDelta >= 0 && lastDelta < 2 ** 31, "a record batch spans less than 2^31 offsets");
  const batch = Buffer.allocUnsafe(HEADER_BYTES + section.length);
  assert(batch.length <= MAX_RECORD_BATCH_BYTES, "a record batch stays below 1 GiB");
  batch.set(section, HEADER_BYTES);
  batch.writeBigInt64BE(o.baseOffset, 0);
  batch.writeInt32BE(batch.length - LENGTH_FROM, 8);
  batch.writeInt32BE(o.leaderEpoch ?? -1, 12);
  batch.writeInt8(2, 16);
  batch.writeInt16BE(attributes(o, codec), 21);
  batch.writeInt32BE(lastDelta, 23);
  batch.writeBigInt64BE(baseTimestamp, 27);
  batch.writeBigInt64BE(greatest(o.records), 35);
  batch.writeBigInt64BE(o.producerId ?? -1n, 43);
  batch.writeInt16BE(o.producerEpoch ?? -1, 51);
  batch.writeInt32BE(o.baseSequence ?? -1, 53);
  batch.writeInt32BE(o.records.length, 57);
  batch.writeUInt32BE(crcOf(batch), CRC_AT);
  return batch;
}

function attributes(o: RecordBatchOptions, codec: RecordCodec): number {
  let bits: number = CODECS.indexOf(codec);
  if (o.timestampType === "LogAppendTime") bits |= LOG_APPEND_TIME;
  if (o.transactional === true) bits |= TRANSACTIONAL;
  if (o.control === true) bits |= CONTROL;
  return bits;
}

function greatest(records: RecordBatchOptions["records"]): bigint {
  let max = -1n;
  for (const { timestamp } of records) if (timestamp > max) max = timestamp;
  return max;
}

type Unbatched = Omit<ArchivedRecord, "timestampType">;

function encodeRecords(
  baseOffset: bigint,
  baseTimestamp: bigint,
  records: readonly Unbatched[],
): Buffer {
  let before = -1;
  let total = 0;
  const sizes = records.map((r) => {
    const delta = Number(r.offset - baseOffset);
    assert(delta > before && delta < 2 ** 31, "offsets of a record batch ascend from its base");
    before = delta;
    const size = bodyBytes(r, delta, timestampDelta(r, baseTimestamp));
    total += varintBytes(size) + size;
    return size;
  });
  assert(total <= MAX_RECORD_BATCH_BYTES, "the records of a batch stay below 1 GiB");
  const to = Buffer.allocUnsafe(total);
  let at = 0;
  for (const [i, r] of records.entries()) {
    at = putVarint(to, at, sizes[i] as number);
    at = putBody(to, at, r, Number(r.offset - baseOffset), timestampDelta(r, baseTimestamp));
  }
  assert(at === total, "records take the bytes that were counted");
  return to;
}

/** Wraps around as a reader's addition does. */
const timestampDelta = (r: Unbatched, baseTimestamp: bigint): bigint =>
  BigInt.asIntN(64, r.timestamp - baseTimestamp);

function bodyBytes(r: Unbatched, offsetDelta: number, elapsed: bigint): number {
  let size = 1 + varlongBytes(elapsed) + varintBytes(offsetDelta);
  size += fieldBytes(r.key) + fieldBytes(r.value) + varintBytes(r.headers.length);
  for (const header of r.headers) size += fieldBytes(header.key) + fieldBytes(header.value);
  return size;
}

const fieldBytes = (field: Uint8Array | null): number =>
  field === null ? 1 : varintBytes(field.length) + field.length;

function putBody(
  to: Buffer,
  start: number,
  r: Unbatched,
  offsetDelta: number,
  elapsed: bigint,
): number {
  to[start] = 0;
  let at = putVarlong(to, start + 1, elapsed);
  at = putVarint(to, at, offsetDelta);
  at = putField(to, at, r.key);
  at = putField(to, at, r.value);
  at = putVarint(to, at, r.headers.length);
  for (const header of r.headers) {
    at = putField(to, at, header.key);
    at = putField(to, at, header.value);
  }
  return at;
}

function putField(to: Buffer, start: number, field: Uint8Array | null): number {
  if (field === null) return putVarint(to, start, -1);
  const at = putVarint(to, start, field.length);
  to.set(field, at);
  return at + field.length;
}
