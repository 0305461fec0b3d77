import type { TargetCluster } from "../../kafka/target/target-cluster.ts";
import type { TransactionalProducer } from "../../kafka/target/producer.ts";
import type { Transactions } from "../../kafka/target/transactions.ts";
import { ArchiverError, isTransient } from "../../core/errors.ts";
import type { Clock } from "../../core/ports.ts";
import type { Sink } from "../../sdk/sink.ts";
import { KafkaError } from "../../kafka/kafka-error.ts";
import type { HitFailpoint } from "../../pipeline/failpoint.ts";
import { manifestsFrom, refuseGap } from "../archived-manifests.ts";
import type { ManifestTrust } from "./manifest-trust.ts";
import { type OffsetRange, OffsetRanges } from "./offset-ranges.ts";
import type { GroupMaker, OutgoingGroup } from "./outgoing-group.ts";
import type { WantedBatch } from "./outgoing-records.ts";
import { ledgerValue, type RestoreLedger, type Route, routeText } from "./restore-ledger.ts";

/** Archived batches of one transaction, at most. */
const GROUP_BATCHES = 500;
/** Produce requests under way for one partition; brokers keep the order of five. */
const IN_FLIGHT = 4;
/** Ranges that one route's ledger record may list. */
const MAX_RANGES = 1_000;
/** Failures without any progress in between, ours or another restore's. */
const MAX_FAILURES = 8;
const QUIET_MS = 1_000;
const MAX_WAIT_MS = 120_000;

export interface ScopeOptions {
  readonly route: Route;
  /** Source offsets asked for. */
  readonly range: OffsetRange;
  readonly sink: Sink;
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

/** Meanwhile another restore wrote some of these offsets: what is missing has to be looked up again. */
class Overtaken extends ArchiverError {
  constructor(route: Route) {
    super("fenced", `${routeText(route)}: another restore wrote some of it meanwhile`);
  }
}

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
      let committing = false;
      try {
        for await (const group of this.groups(signal)) {
          committing = true;
          if ((await this.#commit(group, signal)) === "written") this.#o.done(group);
          committing = false;
        }
        return;
      } catch (error) {
        signal.throwIfAborted();
        // What the source's sink says has been tried again by who asked it.
        const again = committing && mayPass(error);
        if (this.restored.offsets > before) failures = 0;
        if (!again || (failures += 1) > MAX_FAILURES) throw error;
        await this.#quiet(failures, signal);
      }
    }
  }

  /** What is to be written, verified, a transaction's worth at a time; one is made while another is written. */
  async *groups(signal: AbortSignal): AsyncGenerator<OutgoingGroup> {
    const groups = this.#made(signal);
    let next = groups.next();
    try {
      for (;;) {
        const made = await next;
        if (made.done === true) return;
        next = groups.next();
        // Whoever takes this group may end before the next one is asked for.
        void Promise.allSettled([next]);
        yield made.value;
      }
    } finally {
      await groups.return(undefined);
    }
  }

  async *#made(signal: AbortSignal): AsyncGenerator<OutgoingGroup> {
    const { route, range, sink, maker, transactionBytes } = this.#o;
    const trust = this.#o.trust();
    const restored = this.restored;
    let items: WantedBatch[] = [];
    let bytes = 0;
    let end: bigint | undefined;
    const where = { sink, scope: route.from };
    for await (const m of manifestsFrom(where, range.from, signal)) {
      if (m.start >= range.to) break;
      refuseGap(route.from, end, m.start);
      trust.check(m);
      const from = maximum(m.start, end ?? m.start, range.from);
      end = m.end;
      const ranges = restored.missing({ from, to: minimum(m.end, range.to) });
      if (ranges.length === 0) continue;
      items.push({ manifest: m, ranges });
      bytes += m.seal.size;
      if (bytes < transactionBytes && items.length < GROUP_BATCHES) continue;
      yield await maker.make(items, signal);
      items = [];
      bytes = 0;
    }
    if (items.length > 0) yield await maker.make(items, signal);
  }

  async #commit(group: OutgoingGroup, signal: AbortSignal): Promise<"written" | "there"> {
    const { route } = this.#o;
    const { ledger, transactions } = this.#ports;
    const partitions = group.batches.length === 0 ? [ledger.place] : [route.to, ledger.place];
    const outcome = await transactions.once<"written" | "there">(
      {
        transactionalId: routeText(route),
        partitions,
        look: async (s) => {
          await ledger.catchUp(s);
          const left = group.ranges.flatMap((r) => this.restored.missing(r));
          if (left.length === 0) return "there";
          const all = OffsetRanges.of(group.ranges).offsets;
          if (OffsetRanges.of(left).offsets !== all) throw new Overtaken(route);
          this.#refuseDisorder(group);
          return undefined;
        },
        write: (producer, s) => this.#write(producer, group, s),
        written: () => Promise.resolve("written"),
      },
      signal,
    );
    if (outcome === "written") this.#ports.hit("after-commit");
    this.#committed = this.#committed.with(group.ranges);
    return outcome;
  }

  async #write(
    producer: TransactionalProducer,
    group: OutgoingGroup,
    signal: AbortSignal,
  ): Promise<void> {
    const { route } = this.#o;
    const restored = this.restored.with(group.ranges);
    if (restored.ranges.length > MAX_RANGES) {
      const text = `${routeText(route)}: more than ${MAX_RANGES} separate ranges; fill the gaps between them`;
      throw new ArchiverError("usage", text);
    }
    const { hit } = this.#ports;
    hit("before-data");
    const sent: Promise<unknown>[] = [];
    for (const { bytes, records } of group.batches) {
      if (sent.length >= IN_FLIGHT) await sent.shift();
      const one = producer.sendBatch(route.to, bytes, records, signal);
      void Promise.allSettled([one]);
      sent.push(one);
      hit("mid-data");
    }
    await Promise.all(sent);
    hit("after-data");
    const { place } = this.#ports.ledger;
    const record = {
      key: Buffer.from(routeText(route)),
      value: ledgerValue(restored),
      headers: [],
      timestamp: BigInt(this.#ports.clock.wall()),
    };
    await producer.send(place, [record], signal);
    hit("before-commit");
  }

  /** Records of lower offsets would come behind those of higher ones. */
  #refuseDisorder(group: OutgoingGroup): void {
    if (this.#o.outOfOrder) return;
    const [first] = group.ranges;
    const later = first === undefined ? undefined : this.restored.after(first.to);
    if (first === undefined || later === undefined) return;
    const { to } = this.#o.route;
    const text =
      `${to.topic}/${to.partition} holds offsets [${later.from}, ${later.to}) of the source already: ` +
      `[${first.from}, ${first.to}) would come behind them. Restore into another topic, or allow it ` +
      "with --out-of-order";
    throw new ArchiverError("usage", text);
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
