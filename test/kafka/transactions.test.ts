import { beforeEach, expect, test } from "vitest";
import { CommittedLog } from "../../src/kafka/target/committed-log.ts";
import type { TransactionalProducer } from "../../src/kafka/target/producer.ts";
import { TargetCluster } from "../../src/kafka/target/target-cluster.ts";
import { Transactions } from "../../src/kafka/target/transactions.ts";
import { kcatRecords } from "../sinks/kafka/kcat.ts";
import { createTopic, named, never, optionsFor, sharedKafka } from "./live-kafka.ts";

/** Two writers of one transactional id, each as a process of its own would be. */
const VALUES = ["one", "two", "three"];
let id = "";
let data = "";
let ledger = "";
let open: TargetCluster[] = [];

beforeEach(async () => {
  id = named("writer");
  data = await createTopic(named("data"), 1);
  ledger = await createTopic(named("ledger"), 1);
  open = [];
  return () => Promise.all(open.map((target) => target.close()));
});

class Gate {
  readonly #opened = Promise.withResolvers<void>();
  open = (): void => this.#opened.resolve();
  passed = (): Promise<void> => this.#opened.promise;
}

class Writer {
  looks = 0;
  writes = 0;
  readonly #name: string;
  readonly #log: CommittedLog;
  readonly #transactions: Transactions;
  #there: string | undefined;

  constructor(name: string) {
    const target = new TargetCluster(optionsFor(sharedKafka()));
    open.push(target);
    this.#name = name;
    this.#log = new CommittedLog(target, ledger, {
      take: ({ value }) => {
        this.#there = Buffer.from(value ?? []).toString();
      },
      forget: () => {
        this.#there = undefined;
      },
    });
    const o = { transactionTimeoutMs: 60_000, codec: "none" } as const;
    this.#transactions = new Transactions(target, o);
  }

  /** Who wrote it. `afterFirst`: between its first record and the others. */
  once(afterFirst: () => Promise<unknown> = () => Promise.resolve()): Promise<string> {
    const to = { topic: data, partition: 0 };
    const note = { topic: ledger, partition: 0 };
    const look = async (): Promise<string | undefined> => {
      await this.#log.catchUp(never);
      this.looks += 1;
      return this.#there;
    };
    const write = async (producer: TransactionalProducer): Promise<void> => {
      this.writes += 1;
      const [first = "", ...others] = VALUES;
      await producer.send(to, [record(first)], never);
      await afterFirst();
      for (const value of others) await producer.send(to, [record(value)], never);
      await producer.send(note, [record(this.#name)], never);
    };
    const written = (): Promise<string> => Promise.resolve(this.#name);
    const partitions = [to, note];
    return this.#transactions.once(
      { transactionalId: id, look, partitions, write, written },
      never,
    );
  }
}

const record = (value: string) => ({
  ...{ key: null, value: Buffer.from(value), headers: [], timestamp: 1_790_000_000_000n },
});

const committed = async (topic: string): Promise<unknown[]> =>
  (await kcatRecords(sharedKafka(), topic)).map((r) => r.payload);

test("who was fenced waits for what the other writes, and takes it as done", async () => {
  const [a, b] = [new Writer("a"), new Writer("b")];
  const [begun, taken] = [new Gate(), new Gate()];
  const first = a.once(() => {
    begun.open();
    return taken.passed();
  });
  await begun.passed();
  const looked = { before: 0 };
  const second = b.once(async () => {
    looked.before = a.looks;
    taken.open();
    // It has heard that it is fenced, looked and found nothing, and goes on looking.
    await expect.poll(() => a.looks, { timeout: 10_000 }).toBeGreaterThan(looked.before + 2);
  });
  expect(await Promise.all([first, second])).toEqual(["b", "b"]);
  expect([a.writes, b.writes]).toEqual([1, 1]);
  expect(await committed(data)).toEqual(VALUES);
  expect(await committed(ledger)).toEqual(["b"]);
});

test("one that never ends is waited for so long and no longer; who then takes the id back ends its transaction", async () => {
  const [a, b] = [new Writer("a"), new Writer("b")];
  const [begun, taken, thawed] = [new Gate(), new Gate(), new Gate()];
  const first = a.once(() => {
    begun.open();
    return taken.passed();
  });
  await begun.passed();
  const frozen = b.once(() => {
    taken.open();
    return thawed.passed();
  });
  await expect(first).rejects.toMatchObject({
    code: "sink-transient",
    message: expect.stringContaining("another writer is at work"),
  });
  expect(await a.once()).toBe("a");
  thawed.open();
  expect(await frozen).toBe("a");
  expect([a.writes, b.writes]).toEqual([2, 1]);
  expect(await committed(data)).toEqual(VALUES);
  expect(await committed(ledger)).toEqual(["a"]);
});
