import { readFileSync } from "node:fs";
import { Kafka, logLevel } from "kafkajs";
import { afterAll, beforeAll, expect, test } from "vitest";
import { descriptionOf, parseManifest } from "../../src/core/manifest.ts";
import type { ReconcileReport } from "../../src/operate/repair/report.ts";
import type { SealedBatch } from "../../src/sdk/sink.ts";
import { configDir } from "../config/load.ts";
import { sharedKafka } from "../kafka/live-kafka.ts";
import { searchHolds, targetHolds } from "../sinks/all/same-records.ts";
import type { SinkName } from "../sinks/all/six-sinks.ts";
import { newPlace } from "../sinks/cassandra/place.ts";
import { batchDocuments } from "../sinks/elasticsearch/documents.ts";
import { placeAt as searchAt } from "../sinks/elasticsearch/elasticsearch-place.ts";
import { placeAt as hdfsAt } from "../sinks/hdfs/hdfs-place.ts";
import { placeAt as topicsAt } from "../sinks/kafka/kafka-place.ts";
import { ageKey, encryptionIn } from "./age-keys.ts";
import { contentOf } from "./archive-damage.ts";
import { cli } from "./cli-process.ts";
import { GatedStores, readsData, type Which, writes } from "./gated-stores.ts";
import { LiveArchive } from "./live-archive.ts";

/** An encrypted archive in Ceph is copied to stores that have nothing, or wrong things: killed, repeated, two at once. */
const dir = configDir();
const key = ageKey(dir, "identity");
const identity = ["--identity", key.file];
let stores: GatedStores;
let archive: LiveArchive;
let batches = 0;

const argv = (target: SinkName, ...more: readonly string[]): readonly string[] =>
  archive.argv("reconcile", "--json", "--source", "ceph", "--target", target, ...more);

const sum = (r: ReconcileReport, of: "copied" | "replaced" | "same" | "compared"): number =>
  r.partitions.reduce((n, p) => n + p[of], 0);

type Report = ReconcileReport & { readonly code: number };
const reconcile = (target: SinkName, ...more: readonly string[]): Promise<Report> =>
  archive.reported("reconcile", "--source", "ceph", "--target", target, ...more);

/** Killed at each such request and run again, then twice at once; then all is there and proven. */
async function fills(target: SinkName, which: Which, ...more: readonly string[]): Promise<void> {
  // Partition 0 by runs that are killed, the rest by two at the same time.
  const first = ["--partition", "0", ...more];
  const { at, last } = await stores.killedAtEach(which, argv(target, ...first));
  expect([last.code, (JSON.parse(last.stdout) as ReconcileReport).ok]).toEqual([0, true]);
  expect(at.length).toBeGreaterThan(2);
  const again = await reconcile(target, ...first);
  expect([again.code, sum(again, "copied")]).toEqual([0, 0]);
  const both = await Promise.all([reconcile(target, ...more), reconcile(target, ...more)]);
  expect(both.map((r) => [r.code, r.partitions.flatMap((p) => p.problems)])).toEqual([
    [0, []],
    [0, []],
  ]);
  const whole = await reconcile(target, ...more);
  expect([whole.code, sum(whole, "copied"), sum(whole, "same")]).toEqual([0, 0, batches]);
  expect(whole.proof).toEqual({ ok: true, batches, problems: [] });
}

beforeAll(async () => {
  stores = await GatedStores.open(dir);
  const given = { word: "reconcile-stores", partitions: 2, rounds: 3, dir, sinks: [] };
  const encryption = encryptionIn(dir, key.recipient);
  const extra = stores.entries(["files", "ceph"]);
  archive = await LiveArchive.begin({ ...given, ...encryption, extra });
  await archive.drain();
  const plaintext = { plaintext: "allow" };
  const all = stores.entries(["files", "ceph", "lake", "search", "wide", "site-b"], {
    search: plaintext,
    "site-b": plaintext,
  });
  archive.written("archive.yaml", { extra: all });
  batches = sum(await reconcile("files"), "compared");
}, 600_000);

afterAll(async () => {
  await archive.close();
  await stores.close();
});

test("Cassandra, killed while it is filled", async () => {
  await fills("wide", readsData);
}, 600_000);

test("a store of records needs the identity, and says who could open the files", async () => {
  for (const target of ["search", "site-b"] as const) {
    const { code, stdout, stderr } = await cli(argv(target));
    expect([code, JSON.parse(stdout)]).toMatchObject([2, { error: { code: "identity-needed" } }]);
    expect(stderr).toContain(key.recipient);
  }
}, 300_000);

test("Elasticsearch, killed at what it is given", async () => {
  const given: Which = ({ method, url = "" }) => method !== "GET" && /_bulk|_create/.test(url);
  await fills("search", given, ...identity);
}, 600_000);

test("another Kafka, killed while it is filled", async () => {
  await fills("site-b", readsData, ...identity);
}, 600_000);

/** Something is wrong in the third batch of partition 0, as in a store of files in other hands. */
async function damaged(target: "lake" | "wide" | "search"): Promise<SealedBatch> {
  const { six } = stores;
  const { hdfs, cassandra } = six.servers;
  const places = {
    lake: () => hdfsAt(hdfs.url, six.path),
    wide: () => newPlace(cassandra, six.keyspace),
    search: () => searchAt(six.indexPrefix),
  };
  const description = descriptionOf(
    parseManifest(readFileSync(archive.batch("files", 2, 0).manifest)),
  );
  const batch = { description } as SealedBatch;
  await (await places[target]()).damage(batch);
  return batch;
}

/** As by retention: nothing is left of partition 0's copies, nor of what those who were killed wrote. */
async function emptied(topic: string): Promise<void> {
  const kafka = new Kafka({ brokers: sharedKafka().split(","), logLevel: logLevel.NOTHING });
  const admin = kafka.admin();
  await admin.connect();
  const ends = await admin.fetchTopicOffsets(topic);
  const partitions = ends
    .filter(({ partition }) => partition === 0)
    .map(({ partition, high }) => ({ partition, offset: high }));
  await admin.deleteTopicRecords({ topic, partitions });
  await admin.disconnect();
}

test("HDFS, damaged, and killed at each step of setting that aside and putting it right", async () => {
  await fills("lake", writes);
  await damaged("lake");
  const { at, last } = await stores.killedAtEach(writes, argv("lake", "--no-kafka", "--no-proof"));
  expect([last.code, (JSON.parse(last.stdout) as ReconcileReport).ok]).toEqual([0, true]);
  expect(at.some((step) => step.includes("quarantine"))).toBe(true);
  expect(contentOf(await stores.six.bring("lake"))).toEqual(contentOf(archive.folder("files")));
}, 600_000);

test("Cassandra, damaged: set aside and put right", async () => {
  await damaged("wide");
  const mended = await reconcile("wide");
  expect([mended.code, sum(mended, "replaced"), mended.proof?.ok]).toEqual([0, 1, true]);
}, 300_000);

test("Elasticsearch and Kafka, damaged: said, and put right when that was removed by hand", async () => {
  const { indexPrefix, servers } = stores.six;
  const { description } = await damaged("search");
  await emptied(stores.six.copyOf(archive.name));
  for (const target of ["search", "site-b"] as const) {
    const { code, ok, proof, partitions } = await reconcile(target, ...identity);
    const texts = partitions.flatMap((p) => p.problems.map((q) => q.text));
    expect([target, code, ok, proof?.ok, texts.join()]).toEqual([
      ...[target, 3, false, false],
      expect.stringContaining("has to be removed there by hand"),
    ]);
  }
  const { record, said } = batchDocuments(indexPrefix, description);
  for (const path of [record, ...said])
    expect((await fetch(`${servers.elasticsearch.url}/${path}`, { method: "DELETE" })).ok).toBe(
      true,
    );
  await topicsAt(stores.six.copyOf("")).dispose();
  for (const target of ["search", "site-b"] as const) {
    const mended = await reconcile(target, ...identity);
    expect([mended.code, mended.proof?.ok]).toEqual([0, true]);
    expect(sum(mended, "copied")).toBe(target === "search" ? 1 : batches);
  }
}, 300_000);

test("each store has every record once, as foreign tools read it, and verify agrees", async () => {
  const source = { bootstrap: sharedKafka(), topic: archive.name };
  const { servers, indexPrefix } = stores.six;
  const copy = { ...source, topic: stores.six.copyOf(archive.name) };
  expect(await searchHolds(servers.elasticsearch.url, indexPrefix, source)).toBe(
    archive.topic.sent,
  );
  expect(await targetHolds(copy, source)).toBe(archive.topic.sent);
  expect(contentOf(await stores.six.bring("wide"))).toEqual(contentOf(archive.folder("files")));
  expect(await archive.verified(...identity)).toBe("ok");
}, 300_000);
