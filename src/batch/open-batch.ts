import { assert } from "../core/assert.ts";
import type { Cut } from "../core/cut.ts";
import type { Hole, HoleReason } from "../core/description.ts";
import type { BatchKey, Scope } from "../core/scope.ts";
import type { RecordBatchHeader } from "../record-batch/header.ts";
import { BlockBuffer, type BlockPool } from "./block-buffer.ts";

/** A batch being filled: record batches in offset order, every offset between them accounted. */
export class OpenBatch {
  readonly start: bigint;
  /** The next offset that is not accounted yet. */
  next: bigint;
  /** Leader epoch of the record batch that ends at `next`; -1 when none does, or it is not known. */
  epoch: number;
  records = 0n;
  sparse = false;
  uncompressed = false;
  /** Arrival of the first and last record, monotonic milliseconds. */
  firstAt = 0;
  lastAt = 0;
  readonly #scope: Scope;
  readonly #buffer: BlockBuffer;
  readonly #holes: { from: bigint; to: bigint; reason: HoleReason; text?: string }[] = [];
  readonly #lost = { aborted: 0n, control: 0n, compacted: 0n, skipped: 0n };
  #first: bigint | null = null;
  #min: bigint | null = null;
  #max: bigint | null = null;
  /** Of the last record batch. */
  #leaderEpoch = -1;

  constructor(
    scope: Scope,
    at: { readonly start: bigint; readonly epoch: number },
    pool: BlockPool,
  ) {
    this.#scope = scope;
    this.start = at.start;
    this.next = at.start;
    this.epoch = at.epoch;
    this.#buffer = new BlockBuffer(pool);
  }

  get bytes(): number {
    return this.#buffer.length;
  }

  /** Something to cut: records, or what an operator gave up. */
  get hasContent(): boolean {
    return this.records > 0n || this.#lost.skipped > 0n;
  }

  get heldBytes(): number {
    return this.#buffer.heldBytes;
  }

  /** A record batch to keep. Its first offset may lie before `next` only in the first one (alignment). */
  keep(h: RecordBatchHeader, bytes: Uint8Array, now: number): void {
    this.skipTo(h.baseOffset);
    // LogAppendTime gives every record the batch's one time; a cleaner may have overwritten the base.
    const own = h.timestampType === "CreateTime" && !h.deleteHorizon;
    const first = own ? h.baseTimestamp : h.maxTimestamp;
    if (this.records === 0n) {
      this.firstAt = now;
      this.#first = stamp(first);
    }
    this.lastAt = now;
    const range = h.nextOffset - h.baseOffset;
    const count = BigInt(h.count);
    this.records += count;
    if (count < range) {
      this.sparse = true;
      this.#lost.compacted += range - count;
    }
    if (h.codec === "none") this.uncompressed = true;
    this.#min = lowest(this.#min, stamp(first));
    this.#max = highest(this.#max, stamp(h.maxTimestamp));
    this.#buffer.append(bytes);
    this.#passed(h);
  }

  /** A record batch to leave out: of an aborted transaction, or markers. */
  leaveOut(h: RecordBatchHeader, reason: "aborted" | "control"): void {
    this.skipTo(h.baseOffset);
    this.#hole(this.next, h.nextOffset, reason);
    this.#passed(h);
  }

  #passed(h: RecordBatchHeader): void {
    this.next = h.nextOffset;
    this.epoch = h.leaderEpoch;
    this.#leaderEpoch = h.leaderEpoch;
  }

  /** Offsets up to `to` are not in the log any more. */
  skipTo(to: bigint): void {
    if (to > this.next) {
      this.#hole(this.next, to, "compacted");
      this.next = to;
      this.epoch = -1;
    }
  }

  /** Offsets up to `to`, which is after `next`, are left out because an operator says so. */
  giveUp(to: bigint, text: string): void {
    this.#lost.skipped += to - this.next;
    this.#holes.push({ from: this.next, to, reason: "skipped", text });
    this.next = to;
    this.epoch = -1;
  }

  #hole(from: bigint, to: bigint, reason: "aborted" | "control" | "compacted"): void {
    this.#lost[reason] += to - from;
    const last = this.#holes.at(-1);
    if (last !== undefined && last.to === from && last.reason === reason) last.to = to;
    else this.#holes.push({ from, to, reason });
  }

  /** Hands the bytes over; the cut's owner frees them by `release`. */
  cut(reason: Cut["reason"], reservedBytes: number): Cut {
    assert(this.hasContent, "a cut has at least one record, or an operator gave up what it had");
    const key: BatchKey = { ...this.#scope, start: this.start };
    const holes: readonly Hole[] = this.#holes;
    return {
      ...key,
      end: this.next,
      payload: this.#buffer.payload(),
      records: this.records,
      ...this.#lost,
      holes,
      sparse: this.sparse,
      firstTimestamp: this.#first,
      minTimestamp: this.#min,
      maxTimestamp: this.#max,
      leaderEpoch: this.#leaderEpoch,
      uncompressed: this.uncompressed,
      reason,
      reservedBytes,
      release: once(() => this.#buffer.free()),
    };
  }

  drop(): void {
    this.#buffer.free();
  }
}

/** Kafka writes -1 for a record without a time. */
const stamp = (ms: bigint): bigint | null => (ms < 0n ? null : ms);

const lowest = (a: bigint | null, b: bigint | null): bigint | null =>
  a === null ? b : b === null || a < b ? a : b;

const highest = (a: bigint | null, b: bigint | null): bigint | null =>
  a === null ? b : b === null || a > b ? a : b;

function once(call: () => void): () => void {
  let done = false;
  return () => {
    assert(!done, "a cut is released once");
    done = true;
    call();
  };
}
