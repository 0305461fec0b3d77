import { ArchiverError } from "../core/errors.ts";
import { verifyCrc } from "./crc.ts";

/** Bytes before the records; the layout is Kafka's "Record Batch", magic 2 (big-endian). */
export const HEADER_BYTES = 61;
/** What the length field does not count: base offset and the length itself. */
export const LENGTH_FROM = 12;
const MAGIC_AT = 16;
/** CRC, magic, attributes, key length, value length; less is no old message, but zeros, say. */
const MIN_OLD_BYTES = 14;

/**
 * A broker takes what `message.max.bytes` allows, 1 MiB unless raised; no one raises it to this.
 */
export const MAX_RECORD_BATCH_BYTES = 1 << 30;

export const CODECS = ["none", "gzip", "snappy", "lz4", "zstd"] as const;
export type RecordCodec = (typeof CODECS)[number];
export type TimestampType = "CreateTime" | "LogAppendTime";

/** Bits of `attributes` above the codec's three. */
export const LOG_APPEND_TIME = 0x08;
export const TRANSACTIONAL = 0x10;
export const CONTROL = 0x20;
const DELETE_HORIZON = 0x40;

export interface RecordBatchHeader {
  readonly baseOffset: bigint;
  /** Of the last record the producer wrote; compaction may have removed it. */
  readonly lastOffset: bigint;
  readonly nextOffset: bigint;
  /** Records that are there; less than the offset range after compaction, even 0. */
  readonly count: number;
  readonly leaderEpoch: number;
  readonly codec: RecordCodec;
  /** -1 when the producer is not idempotent. */
  readonly producerId: bigint;
  readonly producerEpoch: number;
  readonly baseSequence: number;
  readonly transactional: boolean;
  readonly control: boolean;
  readonly timestampType: TimestampType;
  /**
   * What the records' timestamps are relative to: that of the first record, unless `deleteHorizon`.
   */
  readonly baseTimestamp: bigint;
  /**
   * The cleaner put the time to drop tombstones in place of the first record's timestamp (KIP-534).
   */
  readonly deleteHorizon: boolean;
  /** -1 when no record has one. With LogAppendTime it is the timestamp of every record. */
  readonly maxTimestamp: bigint;
  /** Of the whole record batch. */
  readonly sizeBytes: number;
  /** Of its first byte in the buffer that was walked. */
  readonly position: number;
}

export interface RecordBatch {
  readonly header: RecordBatchHeader;
  /** A view of the buffer that was walked. */
  readonly bytes: Uint8Array;
}

/**
 * The record batches of a fetch response, in order. A fetch response ends where its byte limit is,
 * so a cut-off tail ends the walk silently; the generator's return value is how many bytes the
 * whole ones took. The CRC is not checked; but fields it covers are only complained of when it
 * holds, so that who checks it sees a wrong checksum first.
 *
 * @throws ArchiverError `message-format-old` for magic 0 and 1; `corrupt-record-batch` for bytes
 * that are no record batch.
 */
export function recordBatches(buffer: Uint8Array): Generator<RecordBatch, number> {
  return walk(bufferOver(buffer), tornTail, corrupt, false);
}

/**
 * The record batches of a segment file. Every byte must belong to one, and offsets only ascend.
 *
 * @throws ArchiverError `format-invalid` for anything else, a cut-off tail included.
 */
export function segmentBatches(bytes: Uint8Array): Generator<RecordBatch, number> {
  return walk(bufferOver(bytes), cutOff, invalid, true);
}

/**
 * Reads one record batch's header; `bytes` is exactly that record batch. Throws as
 * `segmentBatches`.
 */
export function readHeader(bytes: Uint8Array): RecordBatchHeader {
  const buffer = bufferOver(bytes);
  if (buffer.length < HEADER_BYTES) throw invalid(0, `${buffer.length} bytes are no record batch`);
  const sizeBytes = sizeAt(buffer, 0, invalid);
  if (sizeBytes !== buffer.length) {
    throw invalid(0, `the length says ${sizeBytes} bytes, there are ${buffer.length}`);
  }
  const header = headerAt(buffer, 0, sizeBytes);
  const wrong = implausible(buffer, header);
  if (wrong !== undefined) throw invalid(0, wrong);
  return header;
}

type Complaint = (position: number, what: string) => ArchiverError;

function* walk(
  buffer: Buffer,
  tail: (position: number) => void,
  complain: Complaint,
  strict: boolean,
): Generator<RecordBatch, number> {
  let position = 0;
  let expected = 0n;
  // Every turn takes at least a header's length or ends.
  while (position < buffer.length) {
    const left = buffer.length - position;
    if (left <= MAGIC_AT) {
      tail(position);
      return position;
    }
    const sizeBytes = sizeAt(buffer, position, complain);
    if (sizeBytes > left) {
      tail(position);
      return position;
    }
    const header = headerAt(buffer, position, sizeBytes);
    const bytes = buffer.subarray(position, position + sizeBytes);
    const wrong = implausible(buffer, header);
    if (wrong !== undefined && (strict || verifyCrc(bytes))) throw complain(position, wrong);
    if (strict && header.baseOffset < expected) {
      throw complain(position, `base offset ${header.baseOffset} is not after the batch before it`);
    }
    expected = header.nextOffset;
    yield { header, bytes };
    position += sizeBytes;
  }
  return position;
}

/** Bytes of the record batch at `position`, of which at least the magic byte is there. */
function sizeAt(buffer: Buffer, position: number, complain: Complaint): number {
  const magic = buffer[position + MAGIC_AT] as number;
  const length = buffer.readInt32BE(position + 8);
  if ((magic === 0 || magic === 1) && length >= MIN_OLD_BYTES) {
    throw new ArchiverError(
      "message-format-old",
      `byte ${position}: a message set of format ${magic}, from before Kafka 0.11`,
    );
  }
  if (magic !== 2) throw complain(position, `magic byte ${magic} is not 2`);
  const sizeBytes = length + LENGTH_FROM;
  if (sizeBytes < HEADER_BYTES || sizeBytes > MAX_RECORD_BATCH_BYTES) {
    throw complain(position, `a record batch of ${sizeBytes} bytes`);
  }
  return sizeBytes;
}

function headerAt(b: Buffer, position: number, sizeBytes: number): RecordBatchHeader {
  const attributes = b.readInt16BE(position + 21);
  const baseOffset = b.readBigInt64BE(position);
  const lastOffset = baseOffset + BigInt(b.readInt32BE(position + 23));
  return {
    baseOffset,
    lastOffset,
    nextOffset: lastOffset + 1n,
    count: b.readInt32BE(position + 57),
    leaderEpoch: b.readInt32BE(position + 12),
    codec: CODECS[attributes & 7] ?? "none",
    producerId: b.readBigInt64BE(position + 43),
    producerEpoch: b.readInt16BE(position + 51),
    baseSequence: b.readInt32BE(position + 53),
    transactional: (attributes & TRANSACTIONAL) !== 0,
    control: (attributes & CONTROL) !== 0,
    timestampType: (attributes & LOG_APPEND_TIME) === 0 ? "CreateTime" : "LogAppendTime",
    baseTimestamp: b.readBigInt64BE(position + 27),
    deleteHorizon: (attributes & DELETE_HORIZON) !== 0,
    maxTimestamp: b.readBigInt64BE(position + 35),
    sizeBytes,
    position,
  };
}

/** What no broker writes; undefined when all is as it should be. */
function implausible(b: Buffer, h: RecordBatchHeader): string | undefined {
  const codec = b.readInt16BE(h.position + 21) & 7;
  if (codec >= CODECS.length) return `compression codec ${codec} is not known`;
  if (h.baseOffset < 0n) return `base offset ${h.baseOffset}`;
  if (h.lastOffset < h.baseOffset) return `last offset ${h.lastOffset} is before the base offset`;
  if (h.count < 0 || h.count > Number(h.nextOffset - h.baseOffset)) {
    return `${h.count} records in offsets ${h.baseOffset} to ${h.lastOffset}`;
  }
  return undefined;
}

const bufferOver = (bytes: Uint8Array): Buffer =>
  Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);

const tornTail = (): void => undefined;

function cutOff(position: number): never {
  throw invalid(position, "a record batch is cut off");
}

const corrupt: Complaint = (position, what) =>
  new ArchiverError("corrupt-record-batch", `byte ${position}: ${what}`);

const invalid: Complaint = (position, what) =>
  new ArchiverError("format-invalid", `byte ${position}: ${what}`);
