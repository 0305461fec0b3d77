import { assert } from "../core/assert.ts";
import type { Cut } from "../core/cut.ts";
import { ArchiverError } from "../core/errors.ts";
import { AbortedFilter } from "../record-batch/aborted.ts";
import { recordBatches } from "../record-batch/header.ts";
import { CrcTries } from "./crc-tries.ts";
import {
  type BuildJob,
  type BuildRequest,
  isLost,
  leavesToNext,
  passBarren,
  plannedEnd,
  refuseInside,
} from "./build-job.ts";
import type { FeedOptions, Fetched, LastRead } from "./feed-options.ts";
import { LastReads } from "./last-reads.ts";
import { OpenBatch } from "./open-batch.ts";
import { costBytes, TURN_AT_AGE, whyCut } from "./policy.ts";
import type { Applicant } from "./turns.ts";

/** Requests that wait for the one being filled, at most. */
const MAX_WAITING = 8;

/**
 * The stream of one partition, cut into batches. It says what to fetch (`want`) and takes what came
 * (`offer`); nothing is fetched but for the batch that is being filled, so Kafka is the buffer.
 */
export class Feed implements Applicant {
  readonly costBytes: number;
  readonly #o: FeedOptions;
  #job: BuildJob | null = null;
  /** Batches that are planned already wait here for the one before them; as many as plans at most. */
  readonly #next: BuildJob[] = [];
  #end: bigint | null = null;
  #waitingSince: number | null = null;
  #bytesPerOffset = 500;
  readonly #crc: CrcTries;
  readonly #lastReads = new LastReads();

  constructor(options: FeedOptions) {
    this.#o = options;
    this.#crc = new CrcTries(options.scope);
    this.costBytes = costBytes(options.policy);
    options.turns.join(this);
  }

  /**
   * Resolves to the batch; rejects when aborted or when the records cannot be trusted. One batch is
   * filled at a time, in the order of the calls.
   */
  build(request: BuildRequest, signal: AbortSignal): Promise<Cut> {
    assert(this.#next.length < MAX_WAITING, "no more batches wait than plans fit a commit");
    signal.throwIfAborted();
    return new Promise<Cut>((resolve, reject) => {
      const batch = new OpenBatch(this.#o.scope, request, this.#o.pool);
      const begun = { turn: "asked", byTurns: false, closed: null, target: null } as const;
      const job: BuildJob = { request, batch, ...begun, resolve, reject };
      const abort = (): void => this.#abort(job, signal.reason);
      signal.addEventListener("abort", abort, { once: true });
      this.#next.push(job);
      this.#proceed();
    });
  }

  #abort(job: BuildJob, reason: unknown): void {
    const at = this.#next.indexOf(job);
    if (this.#job === job) this.#fail(reason);
    else if (at >= 0) {
      this.#next.splice(at, 1);
      job.reject(reason);
    }
  }

  #proceed(): void {
    if (this.#job !== null) return;
    this.#job = this.#next.shift() ?? null;
    if (this.#job) this.#o.turns.ask(this);
  }

  close(): void {
    const reason = new ArchiverError("interrupted", "the partition was given up");
    for (const job of this.#next.splice(0)) job.reject(reason);
    this.#fail(reason);
    this.#o.turns.leave(this);
  }

  inFlight(): number {
    return this.#o.inFlight();
  }

  urgencyMs(now: number, plenty: boolean): number | null {
    const job = this.#job;
    if (job === null) return null;
    const waits = this.#waitingSince === null ? 0 : now - this.#waitingSince;
    if (plenty || job.request.exactEnd !== null || job.request.limit !== null) return waits;
    const backlog =
      this.#end === null ? 0 : Number(this.#end - job.batch.next) * this.#bytesPerOffset;
    const due = backlog >= this.#o.policy.bytes || waits >= this.#o.policy.ageMs * TURN_AT_AGE;
    return due ? waits : null;
  }

  granted(byTurns: boolean): void {
    const job = this.#job;
    assert(job !== null, "a turn is granted to who asked");
    job.turn = "held";
    job.byTurns = byTurns;
    job.target = null;
    this.#o.onWant();
  }

  /** What to fetch now: nothing while there is no batch to fill or no turn. */
  want(): { offset: bigint; maxBytes: number; lastEpoch: number } | null {
    const job = this.#job;
    if (job === null || job.turn !== "held") return null;
    const room = Math.max(this.#o.policy.bytes - job.batch.bytes, 64 * 1024);
    const { offset, epoch } = this.#lastReads.before(job.batch);
    return { offset, maxBytes: Math.min(room, this.#o.maxFetchBytes), lastEpoch: epoch };
  }

  /** How long the oldest record that is not in a batch yet has waited; null: there is none known. */
  waitingMs(now: number): number | null {
    return this.#waitingSince === null ? null : now - this.#waitingSince;
  }

  /** True while the partition waits for its turn, so that somebody has to look for its end. */
  waitsForTurn(): boolean {
    return this.#job !== null && this.#job.turn === "asked";
  }

  /** The log's end as a poll or a fetch saw it; before `next` it was cut short, which a fetch tells. */
  sawEnd(end: bigint, now: number): void {
    this.#end = end;
    const next = this.#job?.batch.next;
    if (next !== undefined && end !== next) this.#waitingSince ??= now;
  }

  /**
   * What was read last, to be compared with the log of a leader elected since. At the log's end nobody asks
   * for a turn, so no fetch would tell that it was cut short and grew to the same end. Null: no need.
   */
  doubt(leaderEpoch: number): LastRead | null {
    const job = this.#job;
    if (job?.turn !== "asked" || job.batch.next !== this.#end) return null;
    return this.#lastReads.doubt(job.batch, leaderEpoch);
  }

  /** It was compared with the log of that leader; the error: it is not in it. */
  compared(offset: bigint, leaderEpoch: number, error: ArchiverError | null): void {
    const job = this.#job;
    if (job?.turn !== "asked" || offset !== job.batch.next) return;
    if (error !== null) this.#fail(error);
    else this.#lastReads.compared(offset, leaderEpoch);
  }

  /** Takes a fetch's answer. Throws nothing: what is wrong rejects the batch being built. */
  offer(f: Fetched): void {
    const job = this.#job;
    if (job === null || job.turn !== "held" || f.offset !== job.batch.next) return;
    const now = this.#o.now();
    this.sawEnd(f.lastStableOffset, now);
    // Not what a poll saw: that can be old, and what came since would wait for another turn.
    if (job.byTurns) job.target ??= f.lastStableOffset;
    const held = job.batch.heldBytes;
    try {
      this.#take(job, f, now);
    } catch (error) {
      this.#account(job, held);
      this.#stuck(job, error);
      return;
    }
    this.#account(job, held);
    if (this.#job === job) this.#settle(job, now);
  }

  /** Kafka refused the fetch for good: the batch cannot be built from there. */
  refuse(offset: bigint, error: ArchiverError): void {
    const job = this.#job;
    if (job !== null && job.turn === "held" && offset === job.batch.next) this.#stuck(job, error);
  }

  /** Looks at the clock: age and idle rules. */
  tick(now: number): void {
    const job = this.#job;
    if (job === null || job.turn !== "held") return;
    if (!job.byTurns && !this.#o.turns.plenty()) {
      // More partitions came than there is room for: from now on this one cuts when it has caught up.
      job.byTurns = true;
      job.target = this.#end;
    }
    this.#settle(job, now);
  }

  #take(job: BuildJob, f: Fetched, now: number): void {
    const filter = new AbortedFilter(f.aborted);
    const { batch } = job;
    const before = batch.next;
    for (const { header, bytes } of recordBatches(f.records)) {
      if (header.nextOffset <= batch.next) {
        filter.keep(header, bytes);
        continue;
      }
      if (!this.#crc.right(header, bytes)) return;
      refuseInside(this.#o.scope, header, batch.next);
      const end = plannedEnd(job);
      if (end !== null && header.baseOffset >= end) {
        batch.skipTo(end);
        break;
      }
      if (leavesToNext(job, header, bytes.length, this.#o.policy.maxBytes)) break;
      const verdict = filter.keep(header, bytes);
      if (verdict === "keep") batch.keep(header, bytes, now);
      else batch.leaveOut(header, verdict);
      if (batch.bytes >= this.#o.policy.bytes && end === null) break;
    }
    const offsets = Number(batch.next - before);
    if (offsets > 0)
      this.#bytesPerOffset += (f.records.length / offsets - this.#bytesPerOffset) / 4;
  }

  /** A record batch larger than foreseen may take more memory than the turn reserved. */
  #account(job: BuildJob, heldBefore: number): void {
    const excess = (held: number): number => Math.max(0, held - this.costBytes);
    const more = excess(job.batch.heldBytes) - excess(heldBefore);
    if (more > 0) this.#o.budget.force(more);
  }

  #settle(job: BuildJob, now: number): void {
    const { batch, request } = job;
    const caughtUp = this.#end !== null && batch.next >= (job.target ?? this.#end);
    const exactEnd = plannedEnd(job);
    if (exactEnd !== null) {
      if (batch.next >= exactEnd) this.#cut(job, "plan");
      return;
    }
    const { records, firstAt, lastAt } = batch;
    const { limit } = request;
    const atLimit = job.closed === "limit" || (limit !== null && batch.next >= limit);
    if (atLimit && records > 0n) return this.#cut(job, "limit");
    const bytes = job.closed === "bytes" ? this.#o.policy.bytes : batch.bytes;
    const since = Math.min(firstAt, this.#waitingSince ?? firstAt);
    const fill = { bytes, records, firstAt: since, lastAt, caughtUp, byTurns: job.byTurns };
    const why = whyCut(fill, this.#o.policy, now);
    if (why !== null) this.#cut(job, why);
    else if (records === 0n && caughtUp) this.#nothingYet(job);
  }

  /** Markers only, or nothing at all: say how far, and let others have the turn. */
  #nothingYet(job: BuildJob): void {
    if (job.batch.next > job.batch.start) this.#o.onTail(job.batch.next);
    if (!job.byTurns || this.#job !== job) return;
    job.turn = "asked";
    this.#waitingSince = null;
    this.#o.turns.ask(this);
    this.#o.budget.release(Math.max(this.costBytes, job.batch.heldBytes));
  }

  #cut(job: BuildJob, reason: Cut["reason"]): void {
    this.#job = null;
    this.#waitingSince = null;
    this.#lastReads.cut(job.batch);
    // The turn's reservation goes on with the cut: the sealed bytes take the raw bytes' place.
    const reserved = Math.max(this.costBytes, job.batch.heldBytes);
    job.resolve(job.batch.cut(reason, reserved));
    this.#proceed();
  }

  /** What lies at `next` cannot be had. What was read before is archived before anything is given up. */
  #stuck(job: BuildJob, error: unknown): void {
    if (passBarren(job, error)) return this.#o.onWant();
    const { batch, request } = job;
    const skip = isLost(error) ? this.#o.skip() : null;
    if (skip === null || skip.to <= batch.next) return this.#fail(error);
    const { exactEnd, limit } = request;
    if (exactEnd === null && batch.records > 0n) {
      this.#cut(job, "skip");
      return;
    }
    // What was planned is made as long as it was planned; below the committed offset it ends there.
    const most = exactEnd ?? (limit !== null && limit > batch.next ? limit : skip.to);
    const [from, to] = [batch.next, skip.to < most ? skip.to : most];
    batch.giveUp(to, skip.text);
    this.#o.onGivenUp(from, to, skip.text);
    if (exactEnd === null || batch.next >= exactEnd) this.#cut(job, "skip");
    else this.#o.onWant();
  }

  #fail(error: unknown): void {
    const job = this.#job;
    if (job === null) return;
    this.#job = null;
    const reserved = Math.max(this.costBytes, job.batch.heldBytes);
    job.batch.drop();
    if (job.turn === "held") this.#o.budget.release(reserved);
    else this.#o.turns.withdraw(this);
    job.reject(error);
    this.#proceed();
  }
}
