import { Blake3Hasher } from "@napi-rs/blake-hash";
import { type Payload, pieces } from "../core/bytes.ts";
import type { Cut } from "../core/cut.ts";
import type { Format, Hole } from "../core/description.ts";
import { ArchiverError } from "../core/errors.ts";
import { type RecordBatch, segmentBatches } from "../record-batch/header.ts";
import { payloadRecords } from "../record-batch/payload-records.ts";
import { decodeRecords, offsetsOf } from "../record-batch/records.ts";
import { RecordsDigest } from "../record-batch/records-digest.ts";
import { deadLetterLine } from "./dead-letter.ts";
import { recordLine } from "./ndjson.ts";
import { FRAME_BYTES } from "./zstd.ts";

/** What crosses to a worker: a cut without the function that releases it. */
export type CutData = Omit<Cut, "release">;

/** The bytes to archive, in pieces of one frame each, and what was learned on the way. */
export interface Content {
  readonly pieces: readonly Uint8Array[];
  readonly sizeBytes: number;
  /** BLAKE3, lower-case hex. */
  readonly digest: string;
  readonly holes: readonly Hole[];
  readonly records: bigint;
  readonly compacted: bigint;
  readonly deadLettered: bigint;
  /** Absent when not asked for, and when a record batch could not be decoded. */
  readonly recordsDigest?: string;
}

/** Holes that are listed one by one; what lies beyond is summed up (docs/format.md). */
const EXACT_HOLES = 1_000;

export interface ContentOptions {
  readonly format: Format;
  readonly onPoison: "keep" | "stop";
  readonly withRecordsDigest: boolean;
}

/** @throws ArchiverError undecodable-record-batch with `onPoison: stop` */
export function contentOf(cut: CutData, o: ContentOptions): Content {
  const { format, onPoison, withRecordsDigest } = o;
  const made = format === "ndjson" ? lines(cut, onPoison) : segment(cut);
  const recordsDigest = withRecordsDigest ? recordsDigestOf(cut) : undefined;
  const hasher = new Blake3Hasher();
  let sizeBytes = 0;
  for (const p of made.pieces) {
    hasher.update(p);
    sizeBytes += p.length;
  }
  const content = { ...made, holes: summedUp(made.holes), sizeBytes, digest: hasher.digest("hex") };
  return recordsDigest === undefined ? content : { ...content, recordsDigest };
}

/** Without a digest the sinks of records have less to compare with; they themselves refuse such bytes. */
function recordsDigestOf(cut: CutData): string | undefined {
  const made = new RecordsDigest();
  try {
    for (const records of payloadRecords(cut.payload)) made.add(records);
    return made.hex();
  } catch (error) {
    if (error instanceof ArchiverError && error.code === "undecodable-record-batch")
      return undefined;
    throw error;
  }
}

type Made = Omit<Content, "sizeBytes" | "digest" | "recordsDigest">;

function segment(cut: CutData): Made {
  const plain = { records: cut.records, compacted: cut.compacted, deadLettered: 0n };
  const blocks = [...pieces(cut.payload)];
  if (!cut.sparse) return { ...plain, pieces: blocks, holes: cut.holes };
  const found = [...segmentBatches(joined(cut.payload))].flatMap(sparseHoles);
  return { ...plain, pieces: blocks, holes: merged([...cut.holes, ...found]) };
}

function lines(cut: CutData, onPoison: ContentOptions["onPoison"]): Made {
  const out = new LineBuffer();
  const holes: Hole[] = [...cut.holes];
  let { records, compacted } = cut;
  let deadLettered = 0n;
  for (const batch of segmentBatches(joined(cut.payload))) {
    try {
      const decoded = decodeRecords(batch.bytes);
      for (const record of decoded) out.add(recordLine(cut, record));
      holes.push(
        ...gaps(
          batch,
          decoded.map((r) => Number(r.offset - batch.header.baseOffset)),
        ),
      );
    } catch (error) {
      if (!(error instanceof ArchiverError) || error.code !== "undecodable-record-batch")
        throw error;
      const { baseOffset: from, nextOffset: to, count } = batch.header;
      if (onPoison === "stop") throw refused(cut, from, to, error);
      out.add(deadLetterLine(cut, { from, to, bytes: batch.bytes }));
      holes.push({ from, to, reason: "dead-lettered" });
      // Which of its offsets had records cannot be known: all of them count as dead.
      const [claimed, all] = [BigInt(count), to - from];
      records -= claimed;
      compacted -= all - claimed;
      deadLettered += all;
    }
  }
  return { pieces: out.pieces(), records, compacted, deadLettered, holes: merged(holes) };
}

function refused(cut: CutData, from: bigint, to: bigint, cause: ArchiverError): ArchiverError {
  const text =
    `${cut.topic}/${cut.partition}: offsets ${from} to ${to} cannot be decoded (${cause.message}); ` +
    "`onPoison: keep` archives them raw, and so does format segment";
  return new ArchiverError("undecodable-record-batch", text, { cause });
}

const sparseHoles = (batch: RecordBatch): Hole[] => {
  const { header } = batch;
  const range = Number(header.nextOffset - header.baseOffset);
  return header.count === range ? [] : gaps(batch, offsetsOf(batch.bytes));
};

/** The offsets between `deltas` that compaction took. */
function gaps({ header }: RecordBatch, deltas: readonly number[]): Hole[] {
  const holes: Hole[] = [];
  const end = Number(header.nextOffset - header.baseOffset);
  let next = 0;
  for (const delta of [...deltas, end]) {
    if (delta > next) {
      const [from, to] = [header.baseOffset + BigInt(next), header.baseOffset + BigInt(delta)];
      holes.push({ from, to, reason: "compacted" });
    }
    next = delta + 1;
  }
  return holes;
}

/** Ascending, with neighbours of one reason joined. */
function merged(holes: readonly Hole[]): Hole[] {
  const out: Hole[] = [];
  for (const h of [...holes].sort((a, b) => (a.from < b.from ? -1 : 1))) {
    const last = out.at(-1);
    const joins = last?.to === h.from && last.reason === h.reason && last.text === h.text;
    if (joins && last.offsets === undefined && h.offsets === undefined) {
      out[out.length - 1] = { ...last, to: h.to };
    } else out.push(h);
  }
  return out;
}

/** Exact up to a bound; then runs of one reason become one hole that counts its offsets. */
function summedUp(holes: readonly Hole[]): Hole[] {
  const out = holes.slice(0, EXACT_HOLES);
  for (const h of holes.slice(EXACT_HOLES)) {
    const last = out.length > EXACT_HOLES ? out.at(-1) : undefined;
    if (last?.reason !== h.reason) out.push(h);
    else out[out.length - 1] = joinedHole(last, h);
  }
  return out;
}

function joinedHole(a: Hole, b: Hole): Hole {
  const offsets = (a.offsets ?? a.to - a.from) + (b.offsets ?? b.to - b.from);
  const all = offsets === b.to - a.from;
  // Holes with different texts keep the first one's: an operator skips a few times at most.
  const text = a.text === undefined ? {} : { text: a.text };
  return { from: a.from, to: b.to, reason: a.reason, ...(all ? {} : { offsets }), ...text };
}

/** Record batches cross block borders: to decode them they have to be in one piece. */
const joined = (payload: Payload): Buffer => Buffer.concat([...pieces(payload)], payload.length);

/** Text in pieces of exactly one frame. */
class LineBuffer {
  readonly #full: Uint8Array[] = [];
  #piece = Buffer.allocUnsafe(FRAME_BYTES);
  #at = 0;

  add(line: string): void {
    const bytes = Buffer.from(line, "utf8");
    for (let from = 0; from < bytes.length;) {
      const n = bytes.copy(this.#piece, this.#at, from);
      from += n;
      this.#at += n;
      if (this.#at === FRAME_BYTES) this.#turn();
    }
  }

  pieces(): readonly Uint8Array[] {
    return this.#at === 0 ? this.#full : [...this.#full, this.#piece.subarray(0, this.#at)];
  }

  #turn(): void {
    this.#full.push(this.#piece);
    this.#piece = Buffer.allocUnsafe(FRAME_BYTES);
    this.#at = 0;
  }
}
