import { joined } from "../../core/bytes.ts";
import type { Manifest } from "../../core/description.ts";
import { ArchiverError } from "../../core/errors.ts";
import type { ArchivedRecord } from "../../core/record.ts";
import { BatchJoiner, type OutgoingBatch } from "../../record-batch/batch-joiner.ts";
import { verifyCrc } from "../../record-batch/crc.ts";
import { type RecordBatch, type RecordCodec, segmentBatches } from "../../record-batch/header.ts";
import type { HeaderSuffix } from "../../record-batch/header-suffix.ts";
import { restoredFrom } from "../../record-batch/lineage.ts";
import { decodeRecords } from "../../record-batch/records.ts";
import { encodeRecordBatch } from "../../record-batch/writer.ts";
import { openContent, readRecords } from "../../seal/unseal.ts";
import type { OffsetRange } from "./offset-ranges.ts";

/** A record batch that is sent as it is has at least this size: a request for each of many small ones is slow. */
const MIN_RAW_BYTES = 32 << 10;
/** Of records that had no record batch. */
const LINES_CODEC: RecordCodec = "zstd";

export interface OutgoingOptions {
  readonly identities: readonly Uint8Array[];
  readonly lineage: boolean;
  /** @default as the producer had it; `zstd` for what has none */
  readonly codec: RecordCodec | undefined;
  /** Of the target topic: bytes of one record batch. */
  readonly maxBatchBytes: number;
  /** Leave out what cannot be decoded instead of ending there. */
  readonly skipUndecodable: boolean;
}

/** A batch of which some offsets are wanted. */
export interface WantedBatch {
  readonly manifest: Manifest;
  /** At least one. */
  readonly ranges: readonly OffsetRange[];
}

/** With its file as it is stored; not looked at yet. */
export interface StoredBatch extends WantedBatch {
  readonly stored: Uint8Array;
}

/** What goes to Kafka. */
export interface Outgoing {
  readonly batches: readonly OutgoingBatch[];
  readonly records: number;
  readonly sizeBytes: number;
  readonly leftOut: readonly LeftOut[];
}

/** Offsets whose records exist and were not restored. */
export interface LeftOut extends OffsetRange {
  readonly reason: string;
}

/** Everything of the files is verified before any of it is used. @throws ArchiverError as `openContent` */
export async function outgoingOf(
  items: readonly StoredBatch[],
  o: OutgoingOptions,
): Promise<Outgoing> {
  const made = new OutgoingRecords(o);
  for (const item of items) await made.addStored(item);
  return made.finish();
}

/** Record batches to produce, collected from archived batches. */
export class OutgoingRecords {
  readonly #batches: OutgoingBatch[] = [];
  readonly #leftOut: LeftOut[] = [];
  #records = 0;
  #sizeBytes = 0;
  readonly #o: OutgoingOptions;
  readonly #joiner: BatchJoiner;

  constructor(o: OutgoingOptions) {
    this.#o = o;
    const limitBytes = Math.floor(Math.min(900 << 10, o.maxBatchBytes * 0.9));
    this.#joiner = new BatchJoiner({ limitBytes, codec: o.codec });
  }

  /** @throws ArchiverError as `openContent` and `readRecords`; then this object is of no more use. */
  async addStored({ manifest: m, stored, ranges }: StoredBatch): Promise<void> {
    const content = openContent(m, oneOf(stored), { identities: this.#o.identities });
    if (m.format === "segment") this.#addSegment(m, await whole(content), ranges);
    else await this.addRecords({ manifest: m, ranges }, readRecords(m, content));
  }

  /** From a sink that keeps records. */
  async addRecords(
    { manifest: m, ranges }: WantedBatch,
    groups: AsyncIterable<readonly ArchivedRecord[]>,
  ): Promise<void> {
    const wanted = wantedIn(ranges);
    const suffix = this.#suffix(m);
    for await (const records of groups) {
      const [first] = records;
      if (first === undefined) continue;
      const codec = this.#o.codec ?? LINES_CODEC;
      const bytes = encodeRecordBatch({ baseOffset: first.offset, records });
      this.#take(this.#joiner.add(bytes, wanted, suffix, codec));
    }
    for (const hole of m.holes) {
      if (hole.reason !== "dead-lettered") continue;
      if (ranges.some((r) => r.from < hole.to && r.to > hole.from)) {
        this.#leaveOut(m, { ...hole, reason: "dead-lettered" });
      }
    }
  }

  /** After the last batch. */
  finish(): Outgoing {
    this.#take(this.#joiner.flush());
    const [batches, leftOut] = [this.#batches, this.#leftOut];
    return { batches, records: this.#records, sizeBytes: this.#sizeBytes, leftOut };
  }

  #suffix(m: Manifest): HeaderSuffix | undefined {
    return this.#o.lineage ? restoredFrom(m) : undefined;
  }

  #addSegment(m: Manifest, content: Buffer, ranges: readonly OffsetRange[]): void {
    const suffix = this.#suffix(m);
    let records = 0n;
    for (const batch of segmentBatches(content)) {
      const { header: h, bytes } = batch;
      if (!verifyCrc(bytes)) throw invalid(m, `offset ${h.baseOffset}: a wrong CRC32C`);
      if (h.baseOffset < m.start || h.nextOffset > m.end) {
        throw invalid(m, `offsets ${h.baseOffset} to ${h.nextOffset} are not of this batch`);
      }
      records += BigInt(h.count);
      const touched = ranges.filter((r) => r.from < h.nextOffset && r.to > h.baseOffset);
      if (touched.length === 0 || h.count === 0) continue;
      if (suffix === undefined && this.#asItIs(batch, touched)) {
        this.#take(this.#joiner.flush());
        this.#take([{ bytes, records: h.count }]);
      } else this.#join(m, batch, touched, suffix);
    }
    if (records !== m.records) throw invalid(m, `${records} records, its manifest: ${m.records}`);
  }

  /** Whether a broker takes the record batch from a producer with nothing but its header changed. */
  #asItIs({ header: h }: RecordBatch, touched: readonly OffsetRange[]): boolean {
    const { codec, maxBatchBytes } = this.#o;
    const whole = touched.some((r) => r.from <= h.baseOffset && r.to >= h.nextOffset);
    const dense = BigInt(h.count) === h.nextOffset - h.baseOffset;
    return (
      whole &&
      dense &&
      h.timestampType === "CreateTime" &&
      !h.deleteHorizon &&
      !h.control &&
      (codec === undefined || codec === h.codec) &&
      h.sizeBytes >= MIN_RAW_BYTES &&
      h.sizeBytes <= maxBatchBytes
    );
  }

  #join(
    m: Manifest,
    { header: h, bytes }: RecordBatch,
    touched: readonly OffsetRange[],
    suffix: HeaderSuffix | undefined,
  ): void {
    try {
      // Looked at whole before any of it is taken.
      if (this.#o.skipUndecodable) decodeRecords(bytes);
      this.#take(this.#joiner.add(bytes, wantedIn(touched), suffix));
    } catch (error) {
      if (!isUndecodable(error)) throw error;
      this.#leaveOut(m, { from: h.baseOffset, to: h.nextOffset, reason: error.message });
    }
  }

  #leaveOut(m: Manifest, left: LeftOut): void {
    if (!this.#o.skipUndecodable) {
      const where = `${m.topic}/${m.partition}: offsets ${left.from} to ${left.to}`;
      const text = `${where} cannot be decoded (${left.reason}); --skip-undecodable leaves them out`;
      throw new ArchiverError("undecodable-record-batch", text);
    }
    this.#leftOut.push({ from: left.from, to: left.to, reason: left.reason });
  }

  #take(batches: readonly OutgoingBatch[]): void {
    for (const batch of batches) {
      if (batch.bytes.length > this.#o.maxBatchBytes) {
        const text = `a record batch of ${batch.bytes.length} bytes: the target's max.message.bytes is ${this.#o.maxBatchBytes}`;
        throw new ArchiverError("usage", text);
      }
      this.#batches.push(batch);
      this.#records += batch.records;
      this.#sizeBytes += batch.bytes.length;
    }
  }
}

/** Offsets are numbers here; beyond 2^53 no topic goes. */
function wantedIn(ranges: readonly OffsetRange[]): (offset: number) => boolean {
  const bounds = ranges.map((r) => [Number(r.from), Number(r.to)] as const);
  const [only] = bounds;
  if (bounds.length === 1 && only !== undefined) return (o) => o >= only[0] && o < only[1];
  return (o) => bounds.some(([from, to]) => o >= from && o < to);
}

// oxlint-disable-next-line require-await -- a stream of one piece
async function* oneOf(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}

async function whole(content: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const pieces: Uint8Array[] = [];
  for await (const piece of content) pieces.push(piece);
  return joined(pieces);
}

const isUndecodable = (error: unknown): error is ArchiverError =>
  error instanceof ArchiverError && error.code === "undecodable-record-batch";

const invalid = (m: Manifest, text: string): ArchiverError =>
  new ArchiverError("format-invalid", `${m.seal.path}: ${text}`);
