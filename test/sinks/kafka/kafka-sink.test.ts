import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, expect, test } from "vitest";
import { kafkaPlugin } from "../../../sinks/kafka/kafka-plugin.ts";
import type { Description } from "../../../src/core/description.ts";
import { isTransient } from "../../../src/core/errors.ts";
import type { ArchivedRecord } from "../../../src/core/record.ts";
import { lineageOf } from "../../../src/record-batch/lineage.ts";
import { RecordsDigest } from "../../../src/record-batch/records-digest.ts";
import {
  IDENTITY,
  madeBatch,
  madeChain,
  madeManifest,
  scopeOf,
} from "../../../src/sdk/conformance-batches.ts";
import { all } from "../../../src/sdk/conformance-case.ts";
import type { SealedBatch, Sink } from "../../../src/sdk/sink.ts";
import { createTopic, named, send } from "../../kafka/live-kafka.ts";
import { KafkaServer } from "../../servers/kafka.ts";
import { kcatRecords } from "./kcat.ts";
import { rawRecords } from "./raw-records.ts";

const never = new AbortController().signal;
const PASSWORD = "wonderland";
const CLUSTER_ID = "YW5vdGhlci1jbHVzdGVyLQ";
const dir = mkdtempSync(join(tmpdir(), "archiver-kafka-sink-"));
let server: KafkaServer;
const opened: Sink[] = [];

beforeAll(async () => {
  const properties = { "log.cleaner.backoff.ms": "200", "message.max.bytes": "1048588" };
  const security = { users: { alice: PASSWORD } };
  server = await KafkaServer.start({ security, properties, heap: "320m", clusterId: CLUSTER_ID });
  await transactionsAreReady();
}, 180_000);

/** A new broker makes the topic of its transactions when it is first asked for one. */
async function transactionsAreReady(): Promise<void> {
  for (let tries = 0; ; tries += 1) {
    try {
      await claimed({ topicPrefix: "ready." });
      return;
    } catch (error) {
      if (!isTransient(error) || tries === 100) throw error;
      await sleep(200);
    }
  }
}

afterAll(async () => {
  for (const sink of opened) await sink.close();
  await server.stop();
  rmSync(dir, { recursive: true, force: true });
});

async function opening(settings: Readonly<Record<string, unknown>>): Promise<Sink> {
  const config = kafkaPlugin.schema.parse({ brokers: [server.bootstrap], ...settings });
  const host = { name: "site-b", baseDir: dir, partitionCount: () => 4 };
  const sink = await kafkaPlugin.open(config, host, never);
  opened.push(sink);
  return sink;
}

async function claimed(settings: Readonly<Record<string, unknown>>): Promise<Sink> {
  const sink = await opening(settings);
  await sink.claim(IDENTITY, never);
  return sink;
}

const topicBelow = (prefix: string): string => `${prefix}${scopeOf(0).topic}`;

/** A batch whose records are these; offsets that are missing count as compacted. */
function batchOf(records: readonly ArchivedRecord[], end: bigint): SealedBatch {
  const { description: d, bytes } = madeBatch({ partition: 0, start: 0n, count: end });
  const gaps = end - BigInt(records.length);
  const description: Description = {
    ...d,
    records: BigInt(records.length),
    compacted: gaps,
    holes: gaps === 0n ? [] : [{ from: 0n, to: end, reason: "compacted", offsets: gaps }],
    recordsDigest: new RecordsDigest().add(records).hex(),
  };
  async function* stream(): AsyncGenerator<readonly ArchivedRecord[]> {
    await Promise.resolve();
    yield records;
  }
  return { description, bytes, records: stream };
}

const recordAt = (offset: bigint, more: Partial<ArchivedRecord> = {}): ArchivedRecord => ({
  offset,
  timestamp: 1_700_000_000_000n + offset,
  timestampType: "CreateTime",
  key: Buffer.from(`k${offset}`),
  value: Buffer.from(`v${offset}`),
  headers: [],
  ...more,
});

async function offsetsOf(sink: Sink, d: Description): Promise<bigint[]> {
  if (sink.readRecords === undefined) throw new Error("a sink of records reads records");
  return (await all(sink.readRecords(d, never))).flat().map((r) => r.offset);
}

test("SASL over TLS and client certificates, as for the source; a wrong password is unauthorized", async () => {
  const { authority, client } = server.security;
  const sasl = { mechanism: "scram-sha-512", username: "alice", password: PASSWORD };
  const ways = [
    { brokers: [server.at("sasl")], ssl: { ca: authority.ca }, sasl },
    {
      brokers: [server.at("mutual")],
      ssl: { ca: authority.ca, cert: client.cert, key: client.key },
    },
  ];
  for (const way of ways) {
    const sink = await claimed({ ...way, topicPrefix: `${named("secure")}.` });
    const batch = madeBatch({ partition: 0, start: 0n });
    expect(await sink.publish(batch, never)).toEqual({ outcome: "created" });
    expect((await sink.stat(batch.description, "bytes", never)).is).toBe("data");
  }
  const wrong = await opening({ ...ways[0], sasl: { ...sasl, password: "looking-glass" } });
  await expect(wrong.identity(never)).rejects.toMatchObject({ code: "sink-unauthorized" });
}, 60_000);

test("who lost the transactional id cannot commit, sees what its heir wrote and adds nothing", async () => {
  const prefix = `${named("fence")}.`;
  const [zombie, heir] = [
    await claimed({ topicPrefix: prefix }),
    await opening({ topicPrefix: prefix }),
  ];
  const [a, b, c] = [0n, 10n, 20n].map((start) => madeBatch({ partition: 0, start }));
  if (a === undefined || b === undefined || c === undefined) throw new Error("three batches");
  await zombie.publish(a, never);
  let pieces = 0;
  // In the middle of the zombie's transaction its heir takes over and writes the same start.
  const slow: SealedBatch = {
    ...b,
    records: async function* (signal) {
      for await (const records of b.records?.(signal) ?? []) {
        yield records;
        if ((pieces += 1) > 1) continue;
        expect(await heir.publish(b, never)).toEqual({ outcome: "created" });
      }
    },
  };
  expect(await zombie.publish(slow, never)).toEqual({ outcome: "equal" });
  await heir.publish(c, never);
  const copied = (await rawRecords(server.bootstrap, topicBelow(prefix))).get(0) ?? [];
  expect(copied).toHaveLength(30);
  expect(new Set(copied.map((r) => r.headers.at(-1))).size).toBe(30);
}, 60_000);

test("without lineage the source's offsets are kept in the ledger, holes and all", async () => {
  const prefix = `${named("plain")}.`;
  const sink = await claimed({ topicPrefix: prefix, lineage: false });
  const offsets = [2n, 3n, 4n, 9n, 11n, 12n];
  const batch = batchOf(
    offsets.map((o) => recordAt(o)),
    15n,
  );
  await sink.publish(batch, never);
  await sink.describe(madeManifest(batch.description), never);
  const other = await opening({ topicPrefix: prefix });
  expect(await offsetsOf(other, batch.description)).toEqual(offsets);
  expect((await other.stat(batch.description, "bytes", never)).is).toBe("whole");
  const copied = (await rawRecords(server.bootstrap, topicBelow(prefix))).get(0) ?? [];
  expect(copied.every((r) => r.headers.length === 0)).toBe(true);
});

test("records that were in the target before are filtered and counted", async () => {
  const prefix = `${named("loop")}.`;
  const sink = await claimed({ topicPrefix: prefix });
  const from = { clusterId: CLUSTER_ID, topic: "t", partition: 0 };
  const records = [0n, 1n, 2n, 3n].map((o) => {
    const record = recordAt(o);
    return o % 2n === 1n ? { ...record, headers: lineageOf(from)(record) } : record;
  });
  const batch = batchOf(records, 4n);
  expect(await sink.publish(batch, never)).toEqual({ outcome: "created" });
  expect(await offsetsOf(sink, batch.description)).toEqual([0n, 2n]);
  expect((await sink.stat(batch.description, "bytes", never)).is).toBe("data");
  const ledger = await kcatRecords(server.bootstrap, `${prefix}bulk-archiver.ledger`);
  const entry = JSON.parse(ledger.at(-1)?.payload ?? "") as { copied: object };
  expect(entry.copied).toMatchObject({ records: 2, filtered: 2 });
});

test("what cannot be written leaves nothing, and the next batch goes on", async () => {
  const prefix = `${named("refused")}.`;
  const sink = await claimed({ topicPrefix: prefix, compression: "none" });
  const large = [recordAt(0n), recordAt(1n, { value: Buffer.alloc(2 << 20, 1) })];
  await expect(sink.publish(batchOf(large, 2n), never)).rejects.toMatchObject({
    code: "sink-permanent",
    message: expect.stringMatching(/TOO_LARGE/) as string,
  });
  const wrong = {
    ...batchOf([recordAt(0n)], 1n),
    records: batchOf([recordAt(0n, { key: null })], 1n).records,
  };
  await expect(sink.publish(wrong as SealedBatch, never)).rejects.toThrow(/not the 1/);
  expect((await sink.stat(wrong.description, "bytes", never)).is).toBe("absent");
  expect((await rawRecords(server.bootstrap, topicBelow(prefix))).size).toBe(0);
  const good = batchOf([recordAt(0n)], 1n);
  expect(await sink.publish(good, never)).toEqual({ outcome: "created" });
  expect((await rawRecords(server.bootstrap, topicBelow(prefix))).get(0)).toHaveLength(1);
});

test("records of others in the same partition are no part of a batch", async () => {
  const prefix = `${named("shared")}.`;
  const sink = await claimed({ topicPrefix: prefix, recordBatchBytes: 1024 });
  const inner = madeBatch({ partition: 0, start: 0n, count: 20n, valueBytes: 900 });
  const others = { topic: topicBelow(prefix), bootstrap: server.bootstrap };
  const batch: SealedBatch = {
    ...inner,
    records: async function* (signal) {
      for await (const records of inner.records?.(signal) ?? []) {
        await send(others, ["of another", "of another too"]);
        yield records;
      }
    },
  };
  expect(await sink.publish(batch, never)).toEqual({ outcome: "created" });
  expect((await sink.stat(batch.description, "bytes", never)).is).toBe("data");
  const copied = (await rawRecords(server.bootstrap, topicBelow(prefix))).get(0) ?? [];
  expect(copied.length).toBeGreaterThan(25);
  expect(await offsetsOf(sink, batch.description)).toHaveLength(20);
});

test("a compacted ledger says the same", async () => {
  const prefix = `${named("compact")}.`;
  const ledger = `${prefix}bulk-archiver.ledger`;
  const config = {
    "cleanup.policy": "compact",
    "segment.ms": "100",
    "min.cleanable.dirty.ratio": "0.01",
  };
  await createTopic(ledger, 1, server.bootstrap, { config });
  const sink = await claimed({ topicPrefix: prefix });
  const chain = madeChain(0, 30);
  for (const { batch, manifest } of chain) {
    await sink.publish(batch, never);
    await sink.describe(manifest, never);
  }
  // Every batch was written twice; the cleaner leaves the newest of each.
  const left = async (): Promise<number> => (await kcatRecords(server.bootstrap, ledger)).length;
  for (let i = 0; i < 100 && (await left()) > 45; i += 1) await sleep(300);
  expect(await left()).toBeLessThan(46);
  const other = await opening({ topicPrefix: prefix });
  const listed = await all(other.list(scopeOf(0), 0n, never));
  expect(listed.map((l) => l.start)).toEqual(chain.map((c) => c.batch.description.start));
  expect(listed.every((l) => l.manifest !== undefined)).toBe(true);
  expect(await other.floor(scopeOf(0), 155n, never)).toEqual(chain[15]?.manifest);
  expect(await other.identity(never)).toEqual(IDENTITY);
}, 90_000);

test("check warns of settings that lose copies, and of its own topic in the source's cluster", async () => {
  const prefix = `${named("settings")}.`;
  const config = {
    ...{ "retention.ms": "1000000", "message.timestamp.type": "LogAppendTime" },
    "max.message.bytes": "500000",
  };
  await createTopic(topicBelow(prefix), 4, server.bootstrap, { config });
  const sink = await claimed({ topicPrefix: prefix });
  await sink.publish(madeBatch({ partition: 0, start: 0n }), never);
  const codes = (await sink.check(never)).map((f) => `${f.level} ${f.code}`);
  expect(codes).toEqual(
    expect.arrayContaining([
      "ok kafka-writes",
      "warning kafka-retention",
      "warning kafka-batch-size",
      "error kafka-timestamps",
      "warning kafka-one-replica",
    ]),
  );
  const into = await claimed({ topicPrefix: "", ledgerTopic: `${prefix}own` });
  const { description, ...rest } = madeBatch({ partition: 0, start: 0n });
  const own = { ...rest, description: { ...description, clusterId: CLUSTER_ID } };
  await expect(into.publish(own, never)).rejects.toThrow(/copied into itself/);
});

test("missing topics are made with as many partitions as the source's, and given more when it has more", async () => {
  const prefix = `${named("made")}.`;
  const sink = await claimed({
    topicPrefix: prefix,
    topicSettings: { "retention.ms": "86400000" },
  });
  await sink.publish(madeBatch({ partition: 1, start: 0n }), never);
  await sink.publish(madeBatch({ partition: 6, start: 0n }), never);
  const copied = await rawRecords(server.bootstrap, topicBelow(prefix));
  expect(new Set(copied.keys())).toEqual(new Set([1, 6]));
  const text = server.tool("org.apache.kafka.tools.TopicCommand", [
    ...["--bootstrap-server", server.bootstrap, "--describe", "--topic", topicBelow(prefix)],
  ]);
  expect(text).toContain("PartitionCount: 7");
  expect(text).toContain("retention.ms=86400000");
});
