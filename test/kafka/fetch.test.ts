import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { Kafka, logLevel } from "kafkajs";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { KafkaClient } from "../../src/kafka/client/kafka-client.ts";
import { type Demand, Fetcher, type FetchWant } from "../../src/kafka/fetcher.ts";
import { FETCH_KEY, fetchRecords } from "../../src/kafka/requests/fetch.ts";
import { TopicCatalogue } from "../../src/kafka/topics.ts";
import { verifyCrc } from "../../src/record-batch/crc.ts";
import { recordBatches } from "../../src/record-batch/header.ts";
import {
  connected,
  createTopic,
  Deliveries,
  named,
  never,
  ports,
  SaidLog,
  send,
  sharedKafka,
  until,
  withAdmin,
} from "./live-kafka.ts";

const LIMITS = { maxResponseBytes: 1 << 20, maxWaitMs: 100 };
const nothing: Demand = { wants: () => [], deliver: () => undefined };

let client: KafkaClient;
beforeAll(async () => {
  client = await connected();
});
afterAll(() => client.close());

async function fetcherOf(topics: readonly string[], demand = nothing, log = new SaidLog()) {
  const catalogue = new TopicCatalogue(client, topics);
  await catalogue.refresh(never);
  return new Fetcher(client, catalogue, demand, LIMITS, ports(log));
}

/** Everything of partition 0 from `offset` on, in small fetches. */
async function drain(fetcher: Fetcher, topic: string, end: bigint): Promise<Buffer> {
  const parts: Buffer[] = [];
  for (let offset = 0n; offset < end;) {
    const want = { topic, partition: 0, offset, maxBytes: 3_000 };
    const got = await fetcher.fetchOnce(want, never);
    expect(got.error).toBeUndefined();
    for (const { header, bytes } of recordBatches(got.records)) {
      expect(header.baseOffset).toBe(offset);
      parts.push(Buffer.from(bytes));
      offset = header.nextOffset;
    }
  }
  return Buffer.concat(parts);
}

/** The segment as it lies on the broker's disk. */
function segmentFile(topic: string): Buffer {
  const cp = process.env["TEST_KAFKA_CP"] ?? "";
  const tool = "org.apache.kafka.tools.LogDirsCommand";
  const args = ["--bootstrap-server", sharedKafka(), "--describe", "--topic-list", topic];
  const run = spawnSync("java", ["-Xmx128m", "-cp", cp, tool, ...args], { encoding: "utf8" });
  const dir = /"logDir":"([^"]+)"/.exec(run.stdout)?.[1];
  if (dir === undefined) throw new Error(`no folder in: ${run.stdout}${run.stderr}`);
  return readFileSync(`${dir}/${topic}-0/00000000000000000000.log`);
}

describe("one fetch", () => {
  test("brings the bytes that lie on the broker's disk, whatever the codec", async () => {
    const topic = await createTopic(named("codecs"), 1);
    for (const codec of ["none", "gzip", "snappy", "lz4", "zstd"]) {
      await send(
        { topic, codec },
        Array.from({ length: 100 }, (_, i) => `${codec} ${i} `.repeat(9)),
      );
    }
    const bytes = await drain(await fetcherOf([topic]), topic, 500n);
    const codecs = new Set([...recordBatches(bytes)].map(({ header }) => header.codec));
    expect([...codecs].sort()).toEqual(["gzip", "lz4", "none", "snappy", "zstd"]);
    expect([...recordBatches(bytes)].every((b) => verifyCrc(b.bytes))).toBe(true);
    expect(bytes.equals(segmentFile(topic))).toBe(true);
  });

  test("names a topic by its id: one that was made again has none of the old one's records", async () => {
    const topic = await createTopic(named("again"), 1);
    await send({ topic }, ["old 0", "old 1"]);
    const fetcher = await fetcherOf([topic]);
    const want = { topic, partition: 0, offset: 0n, maxBytes: 1_000 };
    expect((await fetcher.fetchOnce(want, never)).records.includes("old 1")).toBe(true);
    await withAdmin((admin) => admin.deleteTopics({ topics: [topic] }));
    await sleep(300);
    await createTopic(topic, 1);
    await send({ topic }, ["new 0", "new 1"]);
    const after = await fetcher.fetchOnce(want, never);
    expect(after.error?.kafkaCode).toMatch(/UNKNOWN_TOPIC/);
    expect(after.records.length).toBe(0);
  });

  test("in version 11, for brokers without topic ids, brings the same", async () => {
    const topic = await createTopic(named("old"), 1);
    await send({ topic }, ["a", "b", "c"]);
    const { brokers, topics } = await client.metadata([topic], never);
    const epoch = topics[0]?.partitions[0]?.leaderEpoch ?? -1;
    const leader = topics[0]?.partitions[0]?.leader ?? -1;
    expect(brokers.map((b) => b.nodeId)).toContain(leader);
    const ask = async (topicId: string, leaderEpoch: number, maxVersion: number) => {
      const wants = [{ topic, partition: 0, offset: 0n, maxBytes: 9_999, topicId, leaderEpoch }];
      const o = { wants, maxWaitMs: 100, maxBytes: 9_999 };
      const choose = () => fetchRecords(o, maxVersion);
      const [found] = await client.send(leader, { apiKey: FETCH_KEY, choose }, never);
      return found;
    };
    const [by11, by13] = [
      await ask("_", epoch, 17),
      await ask(topics[0]?.topicId ?? "", epoch, 17),
    ];
    expect(by11).toEqual(by13);
    expect([...recordBatches(by11?.records ?? Buffer.alloc(0))].at(-1)?.header.nextOffset).toBe(3n);
    expect((await ask("_", epoch + 1, 11))?.error?.kafkaCode).toBe("UNKNOWN_LEADER_EPOCH");
  });

  test("says where the transactions are that were aborted, and stops before an open one", async () => {
    const topic = await createTopic(named("tx"), 1);
    const kafka = new Kafka({ brokers: sharedKafka().split(","), logLevel: logLevel.NOTHING });
    const options = { idempotent: true, maxInFlightRequests: 1 };
    const [one, two] = [
      kafka.producer({ ...options, transactionalId: named("one") }),
      kafka.producer({ ...options, transactionalId: named("two") }),
    ];
    await Promise.all([one.connect(), two.connect()]);
    const say = (value: string) => ({ topic, messages: [{ value, partition: 0 }] });
    const aborted = await one.transaction();
    await aborted.send(say("aborted"));
    await aborted.abort();
    const committed = await one.transaction();
    await committed.send(say("committed"));
    await committed.commit();
    const open = await two.transaction();
    await open.send(say("open"));
    const fetcher = await fetcherOf([topic]);
    const want = { topic, partition: 0, offset: 0n, maxBytes: 9_999 };
    const got = await fetcher.fetchOnce(want, never);
    const headers = [...recordBatches(got.records)].map((b) => b.header);
    expect(got.aborted).toEqual([{ producerId: headers[0]?.producerId, firstOffset: 0n }]);
    expect([got.lastStableOffset, got.highWatermark]).toEqual([4n, 5n]);
    expect(headers.at(-1)?.nextOffset).toBe(4n);
    expect(headers.map((h) => h.control)).toEqual([false, true, false, true]);
    const at = [{ topic, partition: 0 }];
    expect((await fetcher.offsets(at, "latest", never))[0]?.offset).toBe(4n);
    await open.abort();
    await Promise.all([one.disconnect(), two.disconnect()]);
  });

  test("beyond the log's end is OFFSET_OUT_OF_RANGE with the log's bounds, and not another offset", async () => {
    const topic = await createTopic(named("range"), 1);
    await send({ topic }, ["a", "b", "c"]);
    const fetcher = await fetcherOf([topic]);
    const want = { topic, partition: 0, offset: 900n, maxBytes: 1_000 };
    const got = await fetcher.fetchOnce(want, never);
    expect(got.error?.kafkaCode).toBe("OFFSET_OUT_OF_RANGE");
    expect([got.offset, got.records.length]).toEqual([900n, 0]);
  });
});

/** Wants everything of its partitions, each from where the last answer ended. */
class Follower implements Demand {
  readonly seen = new Deliveries();
  readonly #next: Map<string, FetchWant>;

  constructor(wants: readonly FetchWant[]) {
    this.#next = new Map(wants.map((w) => [`${w.topic}/${w.partition}`, w]));
  }

  wants(): Iterable<FetchWant> {
    return this.#next.values();
  }

  next(topic: string, partition = 0): bigint {
    return this.#next.get(`${topic}/${partition}`)?.offset ?? -1n;
  }

  want(w: FetchWant): void {
    this.#next.set(`${w.topic}/${w.partition}`, w);
  }

  deliver(f: Parameters<Demand["deliver"]>[0]): void {
    this.seen.all.push(f);
    const key = `${f.topic}/${f.partition}`;
    const want = this.#next.get(key);
    for (const { header } of recordBatches(f.records)) {
      if (want !== undefined) this.#next.set(key, { ...want, offset: header.nextOffset });
    }
  }
}

const from = (topic: string, offset: bigint, partition = 0): FetchWant => ({
  topic,
  partition,
  offset,
  maxBytes: 2_000,
});

describe("the loops", () => {
  test("follow every partition without a gap, and wait while nothing is wanted", async () => {
    const topic = await createTopic(named("loop"), 3);
    const demand = new Follower([0, 1, 2].map((p) => from(topic, 0n, p)));
    const fetcher = await fetcherOf([topic], demand);
    fetcher.wake();
    for (let round = 0; round < 3; round += 1) {
      for (const partition of [0, 1, 2]) {
        await send(
          { topic, partition },
          Array.from({ length: 200 }, (_, i) => `${round} ${i}`),
        );
      }
    }
    const ends = [0, 1, 2].map((p) => () => demand.next(topic, p) === 600n);
    await until("all is delivered", 5_000, () => ends.every((end) => end()));
    for (const partition of [0, 1, 2]) {
      const batches = demand.seen
        .of(topic, partition)
        .flatMap((f) => [...recordBatches(f.records)]);
      let next = 0n;
      for (const { header } of batches) {
        expect(header.baseOffset).toBe(next);
        next = header.nextOffset;
      }
    }
    fetcher.stop();
    const count = demand.seen.all.length;
    await send({ topic }, ["late"]);
    await sleep(300);
    expect(demand.seen.all.length).toBe(count);
  });

  test("deliver OFFSET_OUT_OF_RANGE as it is, again and again but not fast, while others go on", async () => {
    const topic = await createTopic(named("bounds"), 2);
    await send({ topic, partition: 0 }, ["a", "b"]);
    const demand = new Follower([from(topic, 700n, 0), from(topic, 0n, 1)]);
    const fetcher = await fetcherOf([topic], demand);
    fetcher.wake();
    await until("the refusal", 3_000, () => demand.seen.of(topic, 0).length > 0);
    await send({ topic, partition: 1 }, ["x", "y", "z"]);
    await until("the other partition", 3_000, () => demand.next(topic, 1) === 3n);
    await sleep(500);
    const refused = demand.seen.of(topic, 0);
    expect(new Set(refused.map((f) => `${f.error?.kafkaCode} ${f.offset}`))).toEqual(
      new Set(["OFFSET_OUT_OF_RANGE 700"]),
    );
    expect(refused.length).toBeLessThan(8);
    demand.want(from(topic, 0n, 0));
    await until("a better position is taken", 5_000, () => demand.next(topic, 0) === 2n);
    fetcher.stop();
  });

  test("a deleted topic does not slow the others of its broker", async () => {
    const [gone, kept] = [await createTopic(named("gone"), 1), await createTopic(named("kept"), 1)];
    await send({ topic: gone }, ["a"]);
    const log = new SaidLog();
    const demand = new Follower([from(gone, 0n), from(kept, 0n)]);
    const fetcher = await fetcherOf([gone, kept], demand, log);
    fetcher.wake();
    await until("the first record", 3_000, () => demand.next(gone) === 1n);
    await withAdmin((admin) => admin.deleteTopics({ topics: [gone] }));
    await until("it is known", 5_000, () => fetcher.refusals().length > 0);
    await sleep(1_500);
    for (let i = 0n; i < 5n; i += 1n) {
      await send({ topic: kept }, [`line ${i}`]);
      const took = await until("a line", 5_000, () => demand.next(kept) === i + 1n);
      expect(took).toBeLessThan(1_000);
    }
    expect(fetcher.refusals().map((r) => r.partition)).toEqual([`${gone}/0`]);
    expect(fetcher.state().every((s) => s.status !== "failing")).toBe(true);
    expect(log.lines.filter((l) => l.level === "warn").length).toBeLessThan(5);
    fetcher.stop();
  });
});
