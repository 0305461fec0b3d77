import type { TargetCluster } from "../../kafka/target/target-cluster.ts";
import type { Transactions } from "../../kafka/target/transactions.ts";
import { isTransient } from "../../core/errors.ts";
import type { Clock } from "../../core/ports.ts";
import type { Sink } from "../../sdk/sink.ts";
import { KafkaError } from "../../kafka/kafka-error.ts";
import type { HitFailpoint } from "../../pipeline/failpoint.ts";
import { manifestsFrom, refuseGap } from "../archived-manifests.ts";
import { type Expired, expiredError } from "../expired.ts";
import type { ManifestTrust } from "./manifest-trust.ts";
import { type OffsetRange, OffsetRanges } from "./offset-ranges.ts";
import type { GroupMaker, OutgoingGroup } from "./outgoing-group.ts";
import type { WantedBatch } from "./outgoing-records.ts";
import { type Making, readAhead, Upcoming } from "./read-ahead.ts";
import { type RestoreLedger, type Route, routeText } from "./restore-ledger.ts";
import { Overtaken, RestoreTransaction } from "./restore-transaction.ts";

/** What is opened at once: batches, and bytes of their content. */
const GROUP_BATCHES = 500;
const GROUP_BYTES = 16 << 20;
/** A transaction has room for so many groups, so that one is opened while another is sent. */
const GROUPS = 4;
/** Groups of one partition in the making at once, as long as there is room. */
const DEPTH = 3;
/** Failures without any progress in between, ours or another restore's. */
const MAX_FAILURES = 8;
const QUIET_MS = 1_000;
const MAX_WAIT_MS = 120_000;

export interface ScopeOptions {
  readonly route: Route;
  /** Source offsets asked for. */
  readonly range: OffsetRange;
  readonly sink: Sink;
  /** Of what `sink` leaves out. */
  readonly expired: Expired;
  readonly maker: GroupMaker;
  /** A new one for each walk. */
  readonly trust: () => ManifestTrust;
  readonly outOfOrder: boolean;
  /** Archived bytes from which on a transaction is full. */
  readonly transactionBytes: number;
  readonly done: (group: OutgoingGroup) => void;
}

export interface ScopePorts {
  readonly target: TargetCluster;
  readonly ledger: RestoreLedger;
  readonly transactions: Transactions;
  readonly clock: Clock;
  readonly hit: HitFailpoint;
}

/** A broker's refusal of the records themselves would come again. */
const mayPass = (error: unknown): boolean =>
  error instanceof Overtaken ||
  (isTransient(error) && !(error instanceof KafkaError && !error.retriable));

/**
 * Restores one partition. Records and the ledger's entry for them are one transaction, so whatever ends this,
 * the next run goes on behind the last one that was committed.
 */
export class ScopeRestore {
  readonly #o: ScopeOptions;
  readonly #ports: ScopePorts;
  /** Ours, and so known before a reader of the ledger may see it. */
  #committed = OffsetRanges.none;

  constructor(o: ScopeOptions, ports: ScopePorts) {
    this.#o = o;
    this.#ports = ports;
  }

  /** As far as is known. */
  get restored(): OffsetRanges {
    return this.#ports.ledger.restored(this.#o.route).with(this.#committed.ranges);
  }

  async run(signal: AbortSignal): Promise<void> {
    for (let failures = 0; ;) {
      await this.#ports.ledger.catchUp(signal);
      const before = this.restored.offsets;
      const committing = { now: false };
      try {
        return await this.#walk(committing, signal);
      } catch (error) {
        signal.throwIfAborted();
        // What the source's sink says has been tried again by who asked it.
        const again = committing.now && mayPass(error);
        if (this.restored.offsets > before) failures = 0;
        if (!again || (failures += 1) > MAX_FAILURES) throw error;
        await this.#quiet(failures, signal);
      }
    }
  }

  /** What is to be written, verified; the next ones are made while one is written. Who takes one releases it. */
  groups(signal: AbortSignal): AsyncGenerator<OutgoingGroup> {
    const begin = (s: AbortSignal): AsyncGenerator<Making<OutgoingGroup>> => this.#begun(s);
    const letGo = (group: OutgoingGroup): void => group.release();
    return readAhead({ begin, depth: DEPTH, letGo }, signal);
  }

  async #walk(committing: { now: boolean }, signal: AbortSignal): Promise<void> {
    const upcoming = new Upcoming(this.groups(signal));
    try {
      while ((await upcoming.peek()) !== undefined) {
        committing.now = true;
        await this.#commit(upcoming, signal);
        committing.now = false;
      }
    } finally {
      (await upcoming.close())?.release();
    }
  }

  async *#begun(signal: AbortSignal): AsyncGenerator<Making<OutgoingGroup>> {
    const { route, range, sink, maker, transactionBytes } = this.#o;
    const trust = this.#o.trust();
    const restored = this.restored;
    let items: WantedBatch[] = [];
    let storedBytes = 0;
    let contentBytes = 0;
    let end: bigint | undefined;
    const where = { sink, scope: route.from };
    for await (const m of manifestsFrom(where, range.from, signal)) {
      if (m.start >= range.to) break;
      this.#refuseBetween(end, m.start);
      trust.check(m);
      const from = maximum(m.start, end ?? m.start, range.from);
      end = m.end;
      const ranges = restored.missing({ from, to: minimum(m.end, range.to) });
      if (ranges.length === 0) continue;
      items.push({ manifest: m, ranges });
      storedBytes += m.seal.size;
      contentBytes += m.seal.contentSize;
      const full = storedBytes >= transactionBytes / GROUPS || contentBytes >= GROUP_BYTES;
      if (!full && items.length < GROUP_BATCHES) continue;
      yield await maker.begin(items, signal);
      items = [];
      storedBytes = 0;
      contentBytes = 0;
    }
    if (items.length > 0) yield await maker.begin(items, signal);
  }

  /** @throws ArchiverError data-expired, verification-failed */
  #refuseBetween(end: bigint | undefined, start: bigint): void {
    const { route, expired } = this.#o;
    const range = { from: end ?? start, to: start };
    const [gone] = expired.within(route.from, range);
    if (gone !== undefined) throw expiredError(route.from, gone);
    refuseGap({ scope: route.from }, end, start);
  }

  /** One transaction: the next group, and those behind it that are there in time and fit. */
  async #commit(upcoming: Upcoming<OutgoingGroup>, signal: AbortSignal): Promise<void> {
    const { route, transactionBytes, outOfOrder } = this.#o;
    const { ledger, clock, hit, transactions } = this.#ports;
    const restored = (): OffsetRanges => this.restored;
    const o = { route, transactionBytes, outOfOrder, restored, ledgerPlace: ledger.place };
    const first = await upcoming.peek();
    if (first === undefined) return;
    upcoming.take();
    const groups = new RestoreTransaction(o, { clock, hit }, first);
    try {
      const outcome = await transactions.once<"written" | "there">(
        {
          transactionalId: routeText(route),
          partitions: first.batches.length === 0 ? [ledger.place] : [route.to, ledger.place],
          look: async (s) => {
            await ledger.catchUp(s);
            return groups.look();
          },
          write: (producer, s) => groups.write(producer, upcoming, s),
          written: () => Promise.resolve("written"),
        },
        signal,
      );
      if (outcome === "written") hit("after-commit");
      this.#committed = this.#committed.with(groups.ranges);
      if (outcome === "written") for (const group of groups.taken) this.#o.done(group);
    } finally {
      for (const group of groups.taken) group.release();
    }
  }

  /** Another restore may be at work on the same: as long as it gets on, it is left alone. */
  async #quiet(failures: number, signal: AbortSignal): Promise<void> {
    const { clock, ledger } = this.#ports;
    const quietMs = Math.min(QUIET_MS * 2 ** failures, 30_000);
    let seen = -1n;
    let sinceMs = 0;
    for (let waited = 0; waited < MAX_WAIT_MS && sinceMs < quietMs; waited += 500, sinceMs += 500) {
      await clock.sleep(500, signal);
      await ledger.catchUp(signal);
      const { offsets } = this.restored;
      if (offsets !== seen) sinceMs = 0;
      seen = offsets;
    }
  }
}

const maximum = (...values: readonly bigint[]): bigint => values.reduce((a, b) => (a > b ? a : b));
const minimum = (a: bigint, b: bigint): bigint => (a < b ? a : b);
