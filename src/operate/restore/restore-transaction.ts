import { ArchiverError } from "../../core/errors.ts";
import type { Clock } from "../../core/ports.ts";
import type { TopicPartition } from "../../kafka/requests/offsets.ts";
import type { TransactionalProducer } from "../../kafka/target/producer.ts";
import type { HitFailpoint } from "../../pipeline/failpoint.ts";
import { type OffsetRange, OffsetRanges } from "./offset-ranges.ts";
import type { OutgoingGroup } from "./outgoing-group.ts";
import type { Upcoming } from "./read-ahead.ts";
import { ledgerValue, type Route, routeText } from "./restore-ledger.ts";

/** Produce requests under way for one partition; brokers keep the order of five. */
const IN_FLIGHT = 4;
/** Ranges that one route's ledger record may list. */
const MAX_RANGES = 1_000;
/** How long a transaction waits for further groups: readers of committed records wait as well. */
const OPEN_MS = 10_000;

/** Meanwhile another restore wrote some of these offsets: what is missing has to be looked up again. */
export class Overtaken extends ArchiverError {
  constructor(route: Route) {
    super("fenced", `${routeText(route)}: another restore wrote some of it meanwhile`);
  }
}

export interface RestoreTransactionOptions {
  readonly route: Route;
  /** Archived bytes from which on it is full. */
  readonly transactionBytes: number;
  readonly outOfOrder: boolean;
  readonly ledgerPlace: TopicPartition;
  /** As of the last look at the ledger. */
  readonly restored: () => OffsetRanges;
}

/**
 * The groups of one transaction: verified before they are sent, and noted in the ledger with it. It begins
 * with one, and takes those that follow while there is time and room.
 */
export class RestoreTransaction {
  readonly #o: RestoreTransactionOptions;
  readonly #clock: Clock;
  readonly #hit: HitFailpoint;
  readonly #taken: [OutgoingGroup, ...OutgoingGroup[]];
  readonly #sent: Promise<unknown>[] = [];

  constructor(
    o: RestoreTransactionOptions,
    { clock, hit }: { readonly clock: Clock; readonly hit: HitFailpoint },
    first: OutgoingGroup,
  ) {
    this.#o = o;
    this.#clock = clock;
    this.#hit = hit;
    this.#taken = [first];
  }

  get taken(): readonly OutgoingGroup[] {
    return this.#taken;
  }

  get ranges(): readonly OffsetRange[] {
    return this.#taken.flatMap((group) => group.ranges);
  }

  /** Whether all of it is in the target. @throws Overtaken; ArchiverError usage for a wrong order */
  look(): "there" | undefined {
    const there = this.#thereOf(this.ranges);
    if (there === "all") return "there";
    if (there === "some") throw new Overtaken(this.#o.route);
    this.#refuseDisorder();
    return undefined;
  }

  async write(
    producer: TransactionalProducer,
    upcoming: Upcoming<OutgoingGroup>,
    signal: AbortSignal,
  ): Promise<void> {
    const { route, ledgerPlace, transactionBytes } = this.#o;
    const until = this.#clock.now() + OPEN_MS;
    this.#hit("before-data");
    let storedBytes = 0;
    for (let group: OutgoingGroup | undefined = this.#taken[0]; group !== undefined;) {
      await this.#send(producer, group, signal);
      storedBytes += group.storedBytes;
      if (storedBytes >= transactionBytes) break;
      group = await this.#joining(upcoming, until);
    }
    await Promise.all(this.#sent);
    this.#hit("after-data");
    const record = {
      key: Buffer.from(routeText(route)),
      value: ledgerValue(this.#noted()),
      headers: [],
      timestamp: BigInt(this.#clock.wall()),
    };
    await producer.send(ledgerPlace, [record], signal);
    this.#hit("before-commit");
  }

  /** Resolves when all is under way; what is acknowledged is released. */
  async #send(
    producer: TransactionalProducer,
    group: OutgoingGroup,
    signal: AbortSignal,
  ): Promise<void> {
    const mine: Promise<unknown>[] = [];
    for (const { bytes, records } of group.batches) {
      if (this.#sent.length >= IN_FLIGHT) await this.#sent.shift();
      const one = producer.sendBatch(this.#o.route.to, bytes, records, signal);
      mine.push(one);
      this.#sent.push(one);
      void Promise.allSettled([one]);
      this.#hit("mid-data");
    }
    void Promise.allSettled(mine).then(() => group.release());
  }

  /** The next group when it is there in time and belongs here. Its failure is the next transaction's. */
  async #joining(
    upcoming: Upcoming<OutgoingGroup>,
    until: number,
  ): Promise<OutgoingGroup | undefined> {
    const inTime = new AbortController();
    const late = this.#clock.sleep(Math.max(0, until - this.#clock.now()), inTime.signal);
    const [next] = await Promise.allSettled([
      Promise.race([upcoming.peek(), late.then(() => undefined)]),
    ]);
    inTime.abort();
    await Promise.allSettled([late]);
    if (next.status === "rejected" || next.value === undefined) return undefined;
    const group = next.value;
    // A partition without records is not part of the transaction.
    const fits = this.#taken[0].records > 0 || group.records === 0;
    if (!fits || this.#thereOf(group.ranges) !== "nothing") return undefined;
    upcoming.take();
    this.#taken.push(group);
    return group;
  }

  #thereOf(ranges: readonly OffsetRange[]): "all" | "some" | "nothing" {
    const restored = this.#o.restored();
    const left = OffsetRanges.of(ranges.flatMap((r) => restored.missing(r))).offsets;
    if (left === 0n) return "all";
    return left === OffsetRanges.of(ranges).offsets ? "nothing" : "some";
  }

  #noted(): OffsetRanges {
    const noted = this.#o.restored().with(this.ranges);
    if (noted.ranges.length <= MAX_RANGES) return noted;
    const text = `${routeText(this.#o.route)}: more than ${MAX_RANGES} separate ranges; fill the gaps between them`;
    throw new ArchiverError("usage", text);
  }

  /** Records of lower offsets would come behind those of higher ones. */
  #refuseDisorder(): void {
    if (this.#o.outOfOrder) return;
    const [first] = this.ranges;
    const later = first === undefined ? undefined : this.#o.restored().after(first.to);
    if (first === undefined || later === undefined) return;
    const { to } = this.#o.route;
    const text =
      `${to.topic}/${to.partition} holds offsets [${later.from}, ${later.to}) of the source already: ` +
      `[${first.from}, ${first.to}) would come behind them. Restore into another topic, or allow it ` +
      "with --out-of-order";
    throw new ArchiverError("usage", text);
  }
}
