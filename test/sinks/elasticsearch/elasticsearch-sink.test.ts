import { afterAll, beforeAll, expect, test } from "vitest";
import { elasticsearchPlugin } from "../../../sinks/elasticsearch/elasticsearch-plugin.ts";
import type { Description } from "../../../src/core/description.ts";
import type { ArchivedRecord } from "../../../src/core/record.ts";
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
import { named } from "../../kafka/live-kafka.ts";
import { freePorts } from "../../servers/server-process.ts";
import { documentsBelow } from "./documents.ts";
import { elasticsearch, placeAt } from "./elasticsearch-place.ts";

const never = new AbortController().signal;
const opened: Sink[] = [];
let server: Awaited<ReturnType<typeof elasticsearch>>;

beforeAll(async () => {
  server = await elasticsearch();
}, 300_000);

afterAll(async () => {
  for (const sink of opened) await sink.close();
  await server.stop();
});

async function opening(settings: Readonly<Record<string, unknown>>): Promise<Sink> {
  const config = elasticsearchPlugin.schema.parse({ url: server.url, ...settings });
  const sink = await elasticsearchPlugin.open(config, { name: "search", baseDir: "/" }, never);
  opened.push(sink);
  return sink;
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

function batchOf(records: readonly ArchivedRecord[], start: bigint, end: bigint): SealedBatch {
  const { description: d, bytes } = madeBatch({ partition: 0, start, count: end - start });
  const gaps = end - start - BigInt(records.length);
  const description: Description = {
    ...d,
    records: BigInt(records.length),
    compacted: gaps,
    holes: gaps === 0n ? [] : [{ from: start, to: end, reason: "compacted", offsets: gaps }],
    recordsDigest: new RecordsDigest().add(records).hex(),
  };
  async function* stream(): AsyncGenerator<readonly ArchivedRecord[]> {
    await Promise.resolve();
    yield records;
  }
  return { description, bytes, records: stream };
}

async function recordsOf(sink: Sink, d: Description): Promise<ArchivedRecord[]> {
  if (sink.readRecords === undefined) throw new Error("a sink of records reads records");
  return (await all(sink.readRecords(d, never))).flat();
}

const digest = (records: readonly ArchivedRecord[]): string =>
  new RecordsDigest().add(records).hex();

test("a node that is away is passed over", async () => {
  const [port = 0] = await freePorts(1);
  const url = [`http://127.0.0.1:${port}`, server.url];
  const sink = await opening({ url, indexPrefix: named("nodes") });
  let failed = 0;
  for (let tries = 0; tries < 10; tries += 1) {
    try {
      await sink.identity(never);
    } catch (error) {
      failed += 1;
      expect(error).toMatchObject({ code: "sink-transient" });
    }
  }
  expect(failed).toBeLessThan(3);
});

test("records around a border lie in two indices, and are read back as one batch", async () => {
  const indexPrefix = named("borders");
  const sink = await opening({ indexPrefix, offsetsPerIndex: 1000, bulkBytes: 2048 });
  const offsets = Array.from({ length: 40 }, (_, i) => 980n + BigInt(i));
  const batch = batchOf(
    offsets.map((o) => recordAt(o)),
    980n,
    1020n,
  );
  expect(await sink.publish(batch, never)).toEqual({ outcome: "created" });
  const topic = scopeOf(0).topic;
  for (const [range, count] of [
    ["000000", 20],
    ["000001", 20],
  ] as const) {
    const there = await documentsBelow(server.url, `${indexPrefix}-records-${topic}-${range}`);
    expect(there).toHaveLength(count);
  }
  expect(digest(await recordsOf(sink, batch.description))).toBe(batch.description.recordsDigest);
});

test("any bytes, any timestamp and any header come back as they were", async () => {
  const sink = await opening({ indexPrefix: named("odd") });
  const header = (key: string, value: Buffer | null) => ({ key: Buffer.from(key), value });
  const records = [
    recordAt(0n, { timestamp: -1n, key: null, value: null }),
    recordAt(1n, { timestamp: 9_007_199_254_740_993n, value: Buffer.from([0xff, 0xc3]) }),
    recordAt(2n, { timestamp: -9_223_372_036_854_775_808n, key: Buffer.from([0x80]) }),
    recordAt(3n, { value: Buffer.from('{"big":9007199254740993,"s":"\\u0000"}') }),
    recordAt(5n, { key: Buffer.alloc(0), value: Buffer.alloc(0), timestampType: "LogAppendTime" }),
    recordAt(9n, {
      headers: [header("z", Buffer.from([0xfe])), header("a", null), header("z", Buffer.alloc(0))],
    }),
  ];
  const batch = batchOf(records, 0n, 10n);
  await sink.publish(batch, never);
  const read = await recordsOf(sink, batch.description);
  expect(digest(read)).toBe(digest(records));
  expect(read[4]?.timestampType).toBe("LogAppendTime");
});

test("what a mapping refuses is read from the dead letters: the batch is whole", async () => {
  const indexPrefix = named("letters");
  const sink = await opening({ indexPrefix });
  const json = (o: bigint, text: string): ArchivedRecord =>
    recordAt(o, { value: Buffer.from(text) });
  const records = [
    json(0n, '{"a":1}'),
    json(1n, '{"a":"one"}'),
    json(2n, '{"a":{"b":1}}'),
    json(3n, '{"a":4}'),
  ];
  const batch = batchOf(records, 0n, 4n);
  expect(await sink.publish(batch, never)).toEqual({ outcome: "created" });
  const letters = await documentsBelow(server.url, `${indexPrefix}-dead-letters`);
  expect(letters.map((l) => l.offset)).toEqual([1, 2]);
  expect(letters.every((l) => typeof l["reason"] === "string" && l["reason"] !== "")).toBe(true);
  expect(digest(await recordsOf(sink, batch.description))).toBe(digest(records));
  expect((await sink.stat(batch.description, "bytes", never)).is).toBe("data");
});

test("a write that broke off is finished; another document in its place is an error", async () => {
  const indexPrefix = named("broken");
  const sink = await opening({ indexPrefix, bulkBytes: 1024 });
  const batch = madeBatch({ partition: 0, start: 0n, count: 30n, valueBytes: 200 });
  const stopped: SealedBatch = {
    ...batch,
    records: async function* (signal) {
      let pieces = 0;
      for await (const records of batch.records?.(signal) ?? []) {
        if ((pieces += 1) === 5) throw new Error("the process ended here");
        yield records;
      }
    },
  };
  await expect(sink.publish(stopped, never)).rejects.toThrow("ended here");
  expect((await sink.stat(batch.description, "cheap", never)).is).toBe("absent");
  const some = await documentsBelow(server.url, `${indexPrefix}-records-*`);
  expect(some.length).toBeGreaterThan(5);
  const heir = await opening({ indexPrefix });
  expect(await heir.publish(batch, never)).toEqual({ outcome: "created" });
  expect(await documentsBelow(server.url, `${indexPrefix}-records-*`)).toHaveLength(30);
  const next = batchOf([recordAt(30n)], 30n, 31n);
  await heir.publish(next, never);
  const other = batchOf([recordAt(30n, { value: Buffer.from("else") })], 29n, 31n);
  await expect(heir.publish(other, never)).rejects.toMatchObject({ code: "sink-permanent" });
});

test("a changed document is damage, also where no digest of the records is described", async () => {
  const indexPrefix = named("undigested");
  const sink = await opening({ indexPrefix });
  const { description: digested, ...more } = batchOf([recordAt(0n), recordAt(1n)], 0n, 2n);
  const { recordsDigest: _, ...description } = digested;
  const batch = { ...more, description };
  expect(await sink.publish(batch, never)).toEqual({ outcome: "created" });
  expect((await sink.stat(description, "bytes", never)).is).toBe("data");
  await placeAt(indexPrefix).damage(batch);
  expect((await sink.stat(description, "bytes", never)).is).toBe("damaged");
  expect((await sink.publish(batch, never)).outcome).toBe("different");
});

test("a bulk request that the node has no memory for is tried later, not refused", async () => {
  const sink = await opening({ indexPrefix: named("large"), bulkBytes: 90 << 20 });
  const records = Array.from({ length: 16 }, (_, i) =>
    recordAt(BigInt(i), { value: Buffer.alloc(4 << 20, 97) }),
  );
  await expect(sink.publish(batchOf(records, 0n, 16n), never)).rejects.toMatchObject({
    code: "sink-transient",
    message: expect.stringMatching(/429/) as string,
  });
});

test("check says where acknowledged documents can be lost", async () => {
  const indexPrefix = named("check");
  const indexSettings = { "index.translog.durability": "async", number_of_replicas: 0 };
  const sink = await opening({ indexPrefix, indexSettings });
  await sink.claim(IDENTITY, never);
  const found = await sink.check(never);
  expect(found[1]?.text).toMatch(/^a new index has index.translog.durability=async/);
  expect(found[3]?.text).toMatch(new RegExp(`^${indexPrefix}-batches has`));
  const sound = await opening({ indexPrefix: named("sound") });
  expect((await sound.check(never)).map((f) => `${f.level} ${f.code}`)).toEqual([
    "ok elasticsearch-writes",
    "ok elasticsearch-translog",
  ]);
  expect(found.map((f) => `${f.level} ${f.code}`)).toEqual([
    "ok elasticsearch-writes",
    ...["warning elasticsearch-translog", "warning elasticsearch-one-copy"],
    ...["warning elasticsearch-translog", "warning elasticsearch-one-copy"],
  ]);
});

test("a catalogue holds manifests, finds them, and no record", async () => {
  const indexPrefix = named("catalogue");
  const sink = await opening({ indexPrefix, mode: "catalogue" });
  expect(sink.capabilities).toMatchObject({ accepts: "sealed", holds: "manifests" });
  expect(
    elasticsearchPlugin.readable?.(
      elasticsearchPlugin.schema.parse({ url: server.url, mode: "catalogue" }),
    ),
  ).toBe(false);
  const chain = madeChain(0, 5);
  for (const { batch, manifest } of chain) {
    const { records: _records, ...sealed } = batch;
    expect(await sink.publish(sealed, never)).toEqual({ outcome: "created" });
    expect(await sink.describe(manifest, never)).toEqual({ outcome: "created" });
  }
  expect(await sink.floor(scopeOf(0), 27n, never)).toEqual(chain[2]?.manifest);
  expect(await all(sink.list(scopeOf(0), 0n, never))).toHaveLength(5);
  expect(await all(sink.scopes(never))).toEqual([scopeOf(0)]);
  const first = chain[0]?.batch ?? madeBatch({ partition: 0, start: 0n });
  expect((await sink.stat(first.description, "bytes", never)).is).toBe("whole");
  await expect(all(sink.read(first.description, { from: 0 }, never))).rejects.toMatchObject({
    code: "sink-permanent",
  });
  expect(await documentsBelow(server.url, `${indexPrefix}-records-*`)).toEqual([]);
  expect(madeManifest(first.description)).toEqual(chain[0]?.manifest);
});
