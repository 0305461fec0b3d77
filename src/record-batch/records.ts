import type { ArchivedRecord, RecordHeader } from "../core/record.ts";
import { decompress, MAX_EXPANSION_BYTES } from "./codecs.ts";
import { HEADER_BYTES, readHeader, type RecordBatchHeader } from "./header.ts";
import { RecordCursor, undecodable } from "./varint.ts";

/** Attributes (1), timestamp, offset, key length, value length, header count: one byte each. */
const MIN_RECORD_BYTES = 6;
/** Key length and value length. */
const MIN_HEADER_BYTES = 2;

const NO_HEADERS: readonly RecordHeader[] = [];

/**
 * The records of one whole record batch, in offset order. Keys and values are views: of
 * `batchBytes` when it is not compressed. The CRC is not checked here (`verifyCrc`). Markers of a
 * control batch are returned as the records they are.
 *
 * @throws ArchiverError `undecodable-record-batch`
 */
export function decodeRecords(
  batchBytes: Uint8Array,
  maxBytes: number = MAX_EXPANSION_BYTES,
): ArchivedRecord[] {
  const { header, cursor } = open(batchBytes, maxBytes);
  const clock = new RecordClock(header);
  const offsets = new DeltaCheck(header);
  const records: ArchivedRecord[] = [];
  for (let i = 0; i < header.count; i++) {
    enter(cursor);
    cursor.at += 1;
    const timestamp = clock.at(cursor.varlong());
    const offset = header.baseOffset + BigInt(offsets.checked(cursor.varint()));
    const key = cursor.field();
    const value = cursor.field();
    const headers = readHeaders(cursor);
    leave(cursor);
    const { timestampType } = header;
    records.push({ offset, timestamp, timestampType, key, value, headers });
  }
  atEnd(cursor);
  return records;
}

/**
 * The offsets of the records that are there, less the base offset, ascending: what is missing
 * between 0 and lastOffset - baseOffset was compacted. Reads no more of a record than it must.
 *
 * @throws ArchiverError `undecodable-record-batch`
 */
export function offsetsOf(
  batchBytes: Uint8Array,
  maxBytes: number = MAX_EXPANSION_BYTES,
): number[] {
  const { header, cursor } = open(batchBytes, maxBytes);
  const offsets = new DeltaCheck(header);
  const deltas: number[] = [];
  for (let i = 0; i < header.count; i++) {
    enter(cursor);
    cursor.at += 1;
    cursor.skipVarlong();
    deltas.push(offsets.checked(cursor.varint()));
    cursor.at = cursor.end;
    leave(cursor);
  }
  atEnd(cursor);
  return deltas;
}

function open(
  batchBytes: Uint8Array,
  maxBytes: number,
): { header: RecordBatchHeader; cursor: RecordCursor } {
  let header: RecordBatchHeader;
  try {
    header = readHeader(batchBytes);
  } catch (cause) {
    throw undecodable("the header is not that of one record batch", cause);
  }
  const cursor = new RecordCursor(
    decompress(header.codec, batchBytes.subarray(HEADER_BYTES), maxBytes),
  );
  // Before anything is allocated by the count.
  if (header.count * (MIN_RECORD_BYTES + 1) > cursor.end) {
    throw undecodable(`${header.count} records do not fit in ${cursor.end} bytes`);
  }
  return { header, cursor };
}

/** Narrows the cursor to the next record. */
function enter(cursor: RecordCursor): void {
  const length = cursor.varint();
  if (length < MIN_RECORD_BYTES || length > cursor.end - cursor.at) {
    throw undecodable(`byte ${cursor.at}: a record of ${length} bytes`);
  }
  cursor.end = cursor.at + length;
}

function leave(cursor: RecordCursor): void {
  if (cursor.at !== cursor.end) {
    throw undecodable(`byte ${cursor.at}: a record is longer than its fields`);
  }
  cursor.end = cursor.bytes.length;
}

function atEnd(cursor: RecordCursor): void {
  if (cursor.at !== cursor.end) {
    throw undecodable(`${cursor.end - cursor.at} bytes are left after the last record`);
  }
}

function readHeaders(cursor: RecordCursor): readonly RecordHeader[] {
  const count = cursor.varint();
  if (count === 0) return NO_HEADERS;
  if (count < 0 || count * MIN_HEADER_BYTES > cursor.end - cursor.at) {
    throw undecodable(`byte ${cursor.at}: ${count} headers`);
  }
  const headers: RecordHeader[] = [];
  for (let i = 0; i < count; i++) {
    const key = cursor.field();
    if (key === null) throw undecodable(`byte ${cursor.at}: a header without a key`);
    headers.push({ key, value: cursor.field() });
  }
  return headers;
}

/** Offset deltas ascend and stay in the batch's range. */
class DeltaCheck {
  readonly #last: number;
  #before = -1;
  constructor(header: RecordBatchHeader) {
    this.#last = Number(header.lastOffset - header.baseOffset);
  }
  checked(delta: number): number {
    if (delta <= this.#before || delta > this.#last) {
      throw undecodable(`offset delta ${delta} after ${this.#before}, the last is ${this.#last}`);
    }
    this.#before = delta;
    return delta;
  }
}

/** Timestamps from deltas; arithmetic on numbers where they are exact, as it is on the hot path. */
class RecordClock {
  readonly #all: bigint | null;
  readonly #base: bigint;
  readonly #baseMs: number;
  #lastDelta: number | bigint = 0;
  #last: bigint;

  constructor(header: RecordBatchHeader) {
    this.#all = header.timestampType === "LogAppendTime" ? header.maxTimestamp : null;
    this.#base = header.baseTimestamp;
    this.#baseMs = Number(header.baseTimestamp);
    this.#last = this.#base;
  }

  at(delta: number | bigint): bigint {
    if (this.#all !== null) return this.#all;
    // Records of one batch often share a millisecond.
    if (delta === this.#lastDelta) return this.#last;
    this.#lastDelta = delta;
    const ms = typeof delta === "number" ? this.#baseMs + delta : Number.NaN;
    const exact = Number.isSafeInteger(ms) && Number.isSafeInteger(this.#baseMs);
    // Java adds longs, which wrap around.
    this.#last = exact ? BigInt(ms) : BigInt.asIntN(64, this.#base + BigInt(delta));
    return this.#last;
  }
}
