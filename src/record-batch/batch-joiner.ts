import { assert } from "../core/assert.ts";
import type { ArchiverError } from "../core/errors.ts";
import { compress, decompress } from "./codecs.ts";
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
  #at = 0;
  #records = 0;
  #codec: RecordCodec = "none";
  #base = 0n;
  #max = 0n;

  constructor(o: JoinOptions) {
    this.#o = o;
    this.#to = Buffer.allocUnsafe(o.limitBytes + (64 << 10));
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
    const appended = h.timestampType === "LogAppendTime" ? h.maxTimestamp : null;
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
        const time = appended ?? BigInt.asIntN(64, h.baseTimestamp + BigInt(elapsed));
        if (this.#at + length + ROOM_BYTES > this.#o.limitBytes) out.push(...this.flush());
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
    const section = compress(this.#codec, this.#to.subarray(0, this.#at));
    const b = Buffer.allocUnsafe(HEADER_BYTES + section.length);
    b.fill(0, 0, HEADER_BYTES);
    b.set(section, HEADER_BYTES);
    b.writeInt32BE(b.length - LENGTH_FROM, 8);
    b.writeInt8(2, 16);
    b.writeInt16BE(CODECS.indexOf(this.#codec), 21);
    b.writeInt32BE(this.#records - 1, 23);
    b.writeBigInt64BE(this.#base, 27);
    b.writeBigInt64BE(this.#max, 35);
    b.writeInt32BE(this.#records, 57);
    const batch = { bytes: b, records: this.#records };
    this.#records = 0;
    this.#at = 0;
    return [batch];
  }

  /** The cursor stands behind the offset delta. */
  #put(
    cursor: RecordCursor,
    end: number,
    time: bigint,
    offset: number,
    suffix: HeaderSuffix | undefined,
  ): void {
    if (this.#records === 0) {
      this.#base = time;
      this.#max = time;
    } else if (time > this.#max) this.#max = time;
    const from = cursor.at;
    const elapsed = time === this.#base ? 0n : BigInt.asIntN(64, time - this.#base);
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

const sizeOf = (value: bigint): number => {
  const n = Number(value);
  return n > -SMALL && n < SMALL ? varintBytes(n) : varlongBytes(value);
};

function put(to: Buffer, at: number, value: bigint): number {
  const n = Number(value);
  return n > -SMALL && n < SMALL ? putVarint(to, at, n) : putVarlong(to, at, value);
}

const broken = (at: number): ArchiverError =>
  undecodable(`byte ${at}: a record that does not fit its lengths`);
