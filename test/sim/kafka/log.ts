import { encodeRecordBatch } from "../../../src/record-batch/writer.ts";

/** One record as it was produced; what became of it is said as it happens. */
export interface Truth {
  readonly offset: number;
  readonly epoch: number;
  readonly key: string | null;
  readonly value: string | null;
  readonly timestamp: number;
  /** Of its transaction; records without one are committed at once. */
  state: "open" | "committed" | "aborted";
  /** Why Kafka no longer has it. */
  lost: "compaction" | "retention" | "truncation" | "deletion" | null;
}

export interface Batch {
  readonly base: number;
  readonly last: number;
  readonly epoch: number;
  readonly producer: number | null;
  readonly control: "commit" | "abort" | null;
  /** Those that are still in it. */
  readonly records: readonly Truth[];
  readonly codec: "none" | "gzip";
  readonly bytes: Buffer;
}

interface Transaction {
  readonly producer: number;
  readonly first: number;
  /** Offset of its marker; null while it is open. */
  end: number | null;
  aborted: boolean;
}

export interface NewRecord {
  readonly key: string | null;
  readonly value: string | null;
}

/** The log of one partition of one topic id, and everything that was ever in it. */
export class Log {
  readonly truth: Truth[] = [];
  epoch = 0;
  start = 0;
  /** It lost its end once: what was committed before may be aborted now, or anything else. */
  cutShort = false;
  isDeleted = false;
  #batches: Batch[] = [];
  #transactions: Transaction[] = [];
  /** First offset of each epoch. */
  #epochs: { epoch: number; start: number }[] = [{ epoch: 0, start: 0 }];
  /** Where the log ends when it holds no batch: retention may have taken all of them. */
  #floor = 0;
  readonly #wall: () => number;

  constructor(wall: () => number) {
    this.#wall = wall;
  }

  get end(): number {
    return (this.#batches.at(-1)?.last ?? this.#floor - 1) + 1;
  }

  /** What read_committed may see. */
  get stable(): number {
    const open = this.#transactions.filter((t) => t.end === null).map((t) => t.first);
    return Math.min(this.end, ...open);
  }

  get batches(): readonly Batch[] {
    return this.#batches;
  }

  produce(records: readonly NewRecord[], codec: Batch["codec"], producer: number | null): void {
    const base = this.end;
    const timestamp = this.#wall();
    const truths = records.map((r, i): Truth => ({
      ...r,
      offset: base + i,
      epoch: this.epoch,
      timestamp: timestamp + i,
      state: producer === null ? "committed" : "open",
      lost: null,
    }));
    if (producer !== null && this.#open(producer) === undefined) {
      this.#transactions.push({ producer, first: base, end: null, aborted: false });
    }
    this.truth.push(...truths);
    this.#append({ base, last: base + records.length - 1, producer, control: null, codec }, truths);
  }

  /** Ends the producer's transaction, if it has one here. */
  finish(producer: number, aborted: boolean): void {
    const t = this.#open(producer);
    if (t === undefined) return;
    const base = this.end;
    for (const r of this.#recordsOf(t)) r.state = aborted ? "aborted" : "committed";
    t.end = base;
    t.aborted = aborted;
    const control = aborted ? "abort" : "commit";
    this.#append({ base, last: base, producer, control, codec: "none" }, []);
  }

  finishAll(): void {
    for (const t of this.#transactions) if (t.end === null) this.finish(t.producer, true);
  }

  openTransactions(): number[] {
    return this.#transactions.filter((t) => t.end === null).map((t) => t.producer);
  }

  /** Batches from `offset` on that read_committed sees, within `maxBytes` but at least one. */
  read(offset: number, maxBytes: number): { bytes: Buffer; last: number } {
    const pieces: Buffer[] = [];
    let size = 0;
    let last = offset;
    for (const b of this.#batches) {
      if (b.last < offset) continue;
      if (b.last >= this.stable) break;
      if (pieces.length > 0 && size + b.bytes.length > maxBytes) break;
      pieces.push(b.bytes);
      size += b.bytes.length;
      last = b.last;
    }
    return { bytes: Buffer.concat(pieces), last };
  }

  /** Aborted transactions that overlap the range, those that began before it too. */
  aborted(from: number, to: number): { producer: number; first: number }[] {
    return this.#transactions
      .filter((t) => t.aborted && t.end !== null && t.end >= from && t.first <= to)
      .map(({ producer, first }) => ({ producer, first }));
  }

  elect(): void {
    this.epoch += 1;
    this.#epochs.push({ epoch: this.epoch, start: this.end });
  }

  /** The topic was deleted. */
  delete(): void {
    this.isDeleted = true;
    for (const r of this.truth) r.lost ??= "deletion";
  }

  /** An unclean election: everything from the batch that holds `offset` on is gone. */
  truncate(offset: number): void {
    this.cutShort = true;
    const kept = this.#batches.filter((b) => b.last < offset);
    for (const b of this.#batches.slice(kept.length)) {
      for (const r of b.records) r.lost ??= "truncation";
    }
    this.#batches = kept;
    if (kept.length === 0) this.#floor = this.start;
    const { end } = this;
    this.#transactions = this.#transactions.filter((t) => t.first < end);
    const undone = this.#transactions.filter((t) => t.end !== null && t.end >= end);
    this.#epochs = this.#epochs.filter((e) => e.start <= end);
    this.elect();
    // What lost its marker hangs, and its coordinator knows it as finished: an administrator aborts it.
    for (const t of undone) {
      t.end = null;
      this.finish(t.producer, true);
    }
  }

  /** Records that a cleaner takes; a batch keeps its range. Only what is stable is cleaned. */
  compact(gone: (r: Truth) => boolean): void {
    this.#batches = this.#batches.flatMap((b) => {
      if (b.control !== null || b.last >= this.stable) return [b];
      const kept = b.records.filter((r) => !gone(r));
      if (kept.length === b.records.length) return [b];
      for (const r of b.records) if (!kept.includes(r)) r.lost ??= "compaction";
      // The last batch keeps the log's end; others vanish whole when nothing is left.
      if (kept.length === 0) return b.last === this.end - 1 ? [this.#encode(b, [])] : [];
      return [this.#encode(b, kept)];
    });
  }

  /** Retention: the log begins at the first batch that ends after `offset`. */
  retain(offset: number): void {
    const before = this.end;
    const kept = this.#batches.filter((b) => b.last >= offset);
    for (const b of this.#batches) {
      if (!kept.includes(b)) for (const r of b.records) r.lost ??= "retention";
    }
    this.#batches = kept;
    this.#floor = Math.max(this.#floor, before);
    // What was cleaned right behind it still counts as there.
    this.start = Math.max(this.start, Math.min(kept[0]?.base ?? before, offset));
  }

  /** The greatest epoch up to `epoch`, and where it ends (OffsetForLeaderEpoch). */
  epochEnd(epoch: number): { epoch: number; end: number } {
    const known = this.#epochs.filter((e) => e.epoch <= epoch).at(-1);
    if (known === undefined) return { epoch: -1, end: -1 };
    const next = this.#epochs.find((e) => e.epoch > known.epoch);
    return { epoch: known.epoch, end: next?.start ?? this.end };
  }

  #open(producer: number): Transaction | undefined {
    return this.#transactions.find((t) => t.producer === producer && t.end === null);
  }

  #recordsOf(t: Transaction): Truth[] {
    return this.#batches
      .filter((b) => b.producer === t.producer && b.base >= t.first && b.control === null)
      .filter((b) => t.end === null || b.base < t.end)
      .flatMap((b) => [...b.records]);
  }

  #append(b: Omit<Batch, "bytes" | "records" | "epoch">, records: readonly Truth[]): void {
    this.#batches.push(this.#encode({ ...b, epoch: this.epoch }, records));
  }

  #encode(b: Omit<Batch, "bytes" | "records">, records: readonly Truth[]): Batch {
    const control = b.control === null ? [] : [marker(b.base, b.control)];
    const bytes = encodeRecordBatch({
      baseOffset: BigInt(b.base),
      lastOffset: BigInt(b.last),
      leaderEpoch: b.epoch,
      codec: b.codec,
      records: [
        ...control,
        ...records.map((r) => ({
          offset: BigInt(r.offset),
          timestamp: BigInt(r.timestamp),
          key: r.key === null ? null : Buffer.from(r.key),
          value: r.value === null ? null : Buffer.from(r.value),
          headers: [],
        })),
      ],
      ...(b.producer === null
        ? {}
        : { producerId: BigInt(b.producer), producerEpoch: 0, baseSequence: 0 }),
      transactional: b.producer !== null,
      control: b.control !== null,
    });
    return { ...b, records, bytes };
  }
}

/** Version 0, then 0 for abort and 1 for commit; the value is a coordinator's epoch. */
const marker = (offset: number, control: "commit" | "abort") => ({
  offset: BigInt(offset),
  timestamp: -1n,
  key: Buffer.from([0, 0, 0, control === "abort" ? 0 : 1]),
  value: Buffer.from([0, 0, 0, 0, 0, 0]),
  headers: [],
});
