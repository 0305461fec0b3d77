import { assert } from "../core/assert.ts";
import type { ArchiverError } from "../core/errors.ts";
import { compressBehind, decompress } from "./codecs.ts";
import { CODECS, HEADER_BYTES, LENGTH_FROM, readHeader, type RecordCodec } from "./header.ts";
import type { HeaderSuffix } from "./header-suffix.ts";
import {
  putVarint,
  putVarlong,
  RecordCursor,
  undecodable,
  varintBytes,
  varlongBytes,
} from "./varint.ts";

/** A record batch to produce: base offset 0, no producer yet (`stampProducer`), offsets without gaps. */
export interface OutgoingBatch {
  readonly bytes: Uint8Array;
  readonly records: number;
}

export interface JoinOptions {
  /** Of records before compression; a single record may be longer. */
  readonly limitBytes: number;
  /** @default each record batch keeps its own */
  readonly codec: RecordCodec | undefined;
}

/** Which records are taken; offsets as numbers, because it is asked for each. */
export type Wanted = (offset: number) => boolean;

/** Attributes, timestamp, offset, length and header count: what one record needs besides its fields. */
const ROOM_BYTES = 64;
const MIN_RECORD_BYTES = 6;
/** Beyond the limit, so that records of usual sizes never need more. */
const SPARE_BYTES = 64 << 10;
/** Share of the memory that must be filled for it to be handed over. */
const FULL = 0.875;
/** Deltas below are written as 32-bit varints, which are the same bytes. */
const SMALL = 2 ** 30;

/**
 * Makes record batches of a good size out of others, as bytes: a record's key, value and headers are copied
 * as they stand, only its deltas are written anew. Order is kept, holes in the offsets are closed, and
 * every timestamp reads as before (with LogAppendTime: that of its record batch).
 */
export class BatchJoiner {
  readonly #o: JoinOptions;
  #to: Buffer;
  #at = HEADER_BYTES;
  #records = 0;
  #codec: RecordCodec = "none";
  #base: Time = 0;
  #max: Time = 0;

  constructor(o: JoinOptions) {
    this.#o = o;
    this.#to = this.#fresh();
  }

  /** Takes one record batch whose CRC is right; what became full. @throws ArchiverError undecodable-record-batch */
  add(
    batch: Uint8Array,
    wanted: Wanted,
    suffix: HeaderSuffix | undefined,
    as?: RecordCodec,
  ): OutgoingBatch[] {
    const h = readHeader(batch);
    const out: OutgoingBatch[] = [];
    const codec = as ?? this.#o.codec ?? h.codec;
    if (codec !== this.#codec) out.push(...this.flush());
    this.#codec = codec;
    const cursor = new RecordCursor(decompress(h.codec, batch.subarray(HEADER_BYTES)));
    if (h.count * (MIN_RECORD_BYTES + 1) > cursor.end) {
      throw undecodable(`${h.count} records do not fit in ${cursor.end} bytes`);
    }
    const clock = h.timestampType === "LogAppendTime" ? h.maxTimestamp : h.baseTimestamp;
    const base = exact(clock);
    const first = Number(h.baseOffset);
    let before = -1;
    for (let i = 0; i < h.count; i += 1) {
      const length = cursor.varint();
      const end = cursor.at + length;
      if (length < MIN_RECORD_BYTES || end > cursor.bytes.length) throw broken(cursor.at);
      cursor.at += 1;
      const elapsed = cursor.varlong();
      const delta = cursor.varint();
      if (delta <= before || cursor.at > end) throw broken(cursor.at);
      before = delta;
      if (wanted(first + delta)) {
        const time = h.timestampType === "LogAppendTime" ? base : later(base, elapsed);
        const full = this.#at - HEADER_BYTES + length + ROOM_BYTES > this.#o.limitBytes;
        if (full) out.push(...this.flush());
        this.#put(cursor, end, time, first + delta, suffix);
      }
      cursor.at = end;
    }
    if (cursor.at !== cursor.bytes.length) throw broken(cursor.at);
    return out;
  }

  /** What is left, if anything. */
  flush(): OutgoingBatch[] {
    if (this.#records === 0) return [];
    const b = this.#packed();
    b.fill(0, 0, HEADER_BYTES);
    b.writeInt32BE(b.length - LENGTH_FROM, 8);
    b.writeInt8(2, 16);
    b.writeInt16BE(CODECS.indexOf(this.#codec), 21);
    b.writeInt32BE(this.#records - 1, 23);
    b.writeBigInt64BE(BigInt(this.#base), 27);
    b.writeBigInt64BE(BigInt(this.#max), 35);
    b.writeInt32BE(this.#records, 57);
    const batch = { bytes: b, records: this.#records };
    this.#records = 0;
    this.#at = HEADER_BYTES;
    return [batch];
  }

  /**
   * The records behind room for the header. What is not compressed is handed over as it lies, unless much of
   * the memory would be held for nothing.
   */
  #packed(): Buffer {
    const filled = this.#to.subarray(0, this.#at);
    if (this.#codec !== "none" || filled.length < FULL * this.#to.length) {
      return compressBehind(HEADER_BYTES, this.#codec, filled.subarray(HEADER_BYTES));
    }
    this.#to = this.#fresh();
    return filled;
  }

  /** Memory of its own, so that it can go to another thread. */
  #fresh(): Buffer {
    return Buffer.allocUnsafeSlow(HEADER_BYTES + this.#o.limitBytes + SPARE_BYTES);
  }

  /** The cursor stands behind the offset delta. */
  #put(
    cursor: RecordCursor,
    end: number,
    time: Time,
    offset: number,
    suffix: HeaderSuffix | undefined,
  ): void {
    if (this.#records === 0) {
      this.#base = time;
      this.#max = time;
    } else if (time > this.#max) this.#max = time;
    const from = cursor.at;
    const elapsed = between(this.#base, time);
    // Key, value, and what follows: with a suffix the header count is written anew.
    let fields = end - from;
    let headersFrom = end;
    let headers = 0;
    if (suffix !== undefined) {
      skipField(cursor, end);
      skipField(cursor, end);
      fields = cursor.at - from;
      headers = cursor.varint() + suffix.count;
      headersFrom = cursor.at;
      if (headers < suffix.count || headersFrom > end) throw broken(cursor.at);
    }
    const added = suffix === undefined ? 0 : varintBytes(headers) + suffix.bytes(offset);
    const body =
      1 + sizeOf(elapsed) + varintBytes(this.#records) + fields + (end - headersFrom) + added;
    this.#reserve(body + ROOM_BYTES);
    const to = this.#to;
    let at = putVarint(to, this.#at, body);
    to[at] = 0;
    at = put(to, at + 1, elapsed);
    at = putVarint(to, at, this.#records);
    to.set(cursor.bytes.subarray(from, from + fields), at);
    at += fields;
    if (suffix !== undefined) {
      at = putVarint(to, at, headers);
      to.set(cursor.bytes.subarray(headersFrom, end), at);
      at = suffix.put(to, at + (end - headersFrom), offset);
    }
    this.#at = at;
    this.#records += 1;
  }

  #reserve(bytes: number): void {
    if (this.#at + bytes <= this.#to.length) return;
    assert(this.#at + bytes < 2 ** 30, "the records of one batch stay below 1 GiB");
    const grown = Buffer.allocUnsafe(2 * (this.#at + bytes));
    this.#to.copy(grown, 0, 0, this.#at);
    this.#to = grown;
  }
}

function skipField(cursor: RecordCursor, end: number): void {
  const length = cursor.varint();
  if (length > 0) cursor.at += length;
  if (length < -1 || cursor.at > end) throw broken(cursor.at);
}

/** Milliseconds; a number wherever that is exact, because it is counted with for each record. */
type Time = number | bigint;

function exact(time: bigint): Time {
  const n = Number(time);
  return Number.isSafeInteger(n) ? n : time;
}

/** Wraps around as a reader's addition does. */
function later(base: Time, elapsed: Time): Time {
  if (typeof base === "number" && typeof elapsed === "number") {
    const sum = base + elapsed;
    if (Number.isSafeInteger(sum)) return sum;
  }
  return exact(BigInt.asIntN(64, BigInt(base) + BigInt(elapsed)));
}

function between(base: Time, time: Time): Time {
  if (typeof base === "number" && typeof time === "number") {
    const elapsed = time - base;
    if (elapsed > -SMALL && elapsed < SMALL) return elapsed;
  }
  return BigInt.asIntN(64, BigInt(time) - BigInt(base));
}

const isSmall = (value: Time): value is number =>
  typeof value === "number" && value > -SMALL && value < SMALL;

const sizeOf = (value: Time): number =>
  isSmall(value) ? varintBytes(value) : varlongBytes(BigInt(value));

const put = (to: Buffer, at: number, value: Time): number =>
  isSmall(value) ? putVarint(to, at, value) : putVarlong(to, at, BigInt(value));

const broken = (at: number): ArchiverError =>
  undecodable(`byte ${at}: a record that does not fit its lengths`);
