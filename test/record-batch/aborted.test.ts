import fc from "fast-check";
import { expect, test } from "vitest";
import { AbortedFilter, type AbortedTransaction } from "../../src/record-batch/aborted.ts";
import { recordBatches } from "../../src/record-batch/header.ts";
import { decodeRecords } from "../../src/record-batch/records.ts";
import { encodeRecordBatch, type RecordBatchOptions } from "../../src/record-batch/writer.ts";

/**
 * A log with the truth about each record, kept record by record while it is written: which
 * transaction it is of, and how that ended.
 */
interface Truth {
  readonly offset: bigint;
  readonly transaction: Transaction | null;
}

interface Transaction {
  readonly producerId: bigint;
  first: bigint | null;
  /** Offset of the marker. */
  end: bigint;
  outcome: "open" | "committed" | "aborted";
}

interface Step {
  readonly producer: number;
  readonly act: "write" | "plain" | "commit" | "abort";
  readonly count: number;
  /** Compaction removed these many offsets before the next batch. */
  readonly gap: number;
}

const step: fc.Arbitrary<Step> = fc.record({
  producer: fc.nat(3),
  act: fc.constantFrom("write", "write", "write", "plain", "commit", "abort"),
  count: fc.integer({ min: 1, max: 4 }),
  gap: fc.constantFrom(0, 0, 0, 2),
});

class Log {
  readonly batches: { readonly base: bigint; readonly bytes: Buffer }[] = [];
  readonly truths: Truth[] = [];
  readonly transactions: Transaction[] = [];
  readonly #open = new Map<number, Transaction>();
  #next = 0n;

  take(s: Step): void {
    this.#next += BigInt(s.gap);
    const producerId = 100n + BigInt(s.producer);
    if (s.act === "plain") this.#append(s.count, { producerId });
    else if (s.act === "write") this.#write(s, producerId);
    else this.#end(s, producerId, s.act);
  }

  #write(s: Step, producerId: bigint): void {
    let transaction = this.#open.get(s.producer);
    if (transaction === undefined) {
      transaction = { producerId, first: this.#next, end: 1n << 62n, outcome: "open" };
      this.#open.set(s.producer, transaction);
      this.transactions.push(transaction);
    }
    this.#append(s.count, { producerId, transactional: true }, transaction);
  }

  /** A marker without records before it is possible, too. */
  #end(s: Step, producerId: bigint, act: "commit" | "abort"): void {
    const transaction = this.#open.get(s.producer);
    this.#open.delete(s.producer);
    if (transaction !== undefined) {
      transaction.outcome = act === "commit" ? "committed" : "aborted";
      transaction.end = this.#next;
    }
    const key = Buffer.from([0, 0, 0, act === "commit" ? 1 : 0]);
    const record = { offset: this.#next, timestamp: 5n, key, value: Buffer.alloc(6), headers: [] };
    this.#add(1, { producerId, transactional: true, control: true, records: [record] });
  }

  #append(
    count: number,
    o: Partial<RecordBatchOptions>,
    transaction: Transaction | null = null,
  ): void {
    const records = Array.from({ length: count }, (_, i) => {
      const offset = this.#next + BigInt(i);
      this.truths.push({ offset, transaction });
      return { offset, timestamp: 5n, key: null, value: Buffer.from(String(offset)), headers: [] };
    });
    this.#add(count, { ...o, records });
  }

  #add(count: number, o: Omit<RecordBatchOptions, "baseOffset">): void {
    this.batches.push({
      base: this.#next,
      bytes: encodeRecordBatch({ ...o, baseOffset: this.#next }),
    });
    this.#next += BigInt(count);
  }

  /** Before the first record of the oldest transaction that is not decided. */
  lastStable(): bigint {
    const open = this.transactions.filter((t) => t.outcome === "open").map((t) => t.first ?? 0n);
    return open.reduce((min, first) => (first < min ? first : min), this.#next);
  }

  /**
   * As a broker lists them: those that end in or after the first offset and begin before the bound.
   */
  aborted(from: bigint, to: bigint): AbortedTransaction[] {
    return this.transactions
      .filter((t) => t.outcome === "aborted" && t.end >= from && (t.first ?? to) < to)
      .map((t) => ({ producerId: t.producerId, firstOffset: t.first ?? 0n }));
  }
}

test("a fetch that begins and ends anywhere yields exactly the decided records", () => {
  let fromInside = 0;
  const scenario = fc.tuple(
    fc.array(step, { minLength: 1, maxLength: 40, size: "max" }),
    fc.nat(),
    fc.nat(),
    fc.boolean(),
  );
  fc.assert(
    fc.property(scenario, ([steps, pickFrom, pickTo, turned]) => {
      const log = new Log();
      for (const s of steps) log.take(s);
      const stable = log.lastStable();
      const readable = log.batches.filter((b) => b.base < stable);
      const first = pickFrom % (readable.length + 1);
      const part = readable.slice(first, first + 1 + (pickTo % (readable.length + 1)));
      const from = part[0]?.base ?? stable;
      const to = readable[first + part.length]?.base ?? stable;
      const listed = log.aborted(from, to);
      if (listed.some((t) => t.firstOffset < from)) fromInside += 1;

      const filter = new AbortedFilter(turned ? listed.toReversed() : listed);
      const seen: bigint[] = [];
      for (const { header, bytes } of recordBatches(Buffer.concat(part.map((b) => b.bytes)))) {
        const verdict = filter.keep(header, bytes);
        expect(verdict === "control").toBe(header.control);
        if (verdict === "keep") seen.push(...decodeRecords(bytes).map((r) => r.offset));
      }
      const wanted = log.truths
        .filter((t) => t.offset >= from && t.offset < to)
        .filter((t) => t.transaction === null || t.transaction.outcome === "committed");
      expect(seen).toEqual(wanted.map((t) => t.offset));
    }),
    { numRuns: 1500 },
  );
  // The case that naive filters get wrong was among them, often.
  expect(fromInside).toBeGreaterThan(150);
});

test("a plain batch of a producer whose transaction was aborted is kept", () => {
  const record = { offset: 7n, timestamp: 0n, key: null, value: null, headers: [] };
  const batch = encodeRecordBatch({ baseOffset: 7n, records: [record], producerId: 1n });
  const [only] = recordBatches(batch);
  if (only === undefined) throw new Error("there is one batch");
  const filter = new AbortedFilter([{ producerId: 1n, firstOffset: 3n }]);
  expect(filter.keep(only.header, only.bytes)).toBe("keep");
});

test("a control batch the cleaner emptied ends nothing, nor do the log's own markers", () => {
  const aborted = [{ producerId: 1n, firstOffset: 0n }];
  const leaderChange = Buffer.from([0, 0, 0, 2]);
  for (const key of [null, leaderChange]) {
    const filter = new AbortedFilter(aborted);
    const record = { offset: 1n, timestamp: 0n, value: null, headers: [] };
    const records = key === null ? [] : [{ ...record, key }];
    const control = { producerId: 1n, transactional: true, control: true };
    const data = {
      baseOffset: 2n,
      records: [{ ...record, key, offset: 2n }],
      producerId: 1n,
      transactional: true,
    };
    const log = [
      encodeRecordBatch({ baseOffset: 1n, records, ...control }),
      encodeRecordBatch(data),
    ];
    const verdicts = [...recordBatches(Buffer.concat(log))].map((b) =>
      filter.keep(b.header, b.bytes),
    );
    expect(verdicts).toEqual(["control", "aborted"]);
  }
});
