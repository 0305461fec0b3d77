import { afterAll, beforeAll, expect, test } from "vitest";
import type { ReconcileReport } from "../../src/operate/repair/report.ts";
import { configDir } from "../config/load.ts";
import { sharedKafka } from "../kafka/live-kafka.ts";
import { searchHolds, targetHolds } from "../sinks/all/same-records.ts";
import type { SinkName } from "../sinks/all/six-sinks.ts";
import { ageKey, encryptionIn } from "./age-keys.ts";
import { contentOf } from "./archive-damage.ts";
import { cli } from "./cli-process.ts";
import { GatedStores, readsData, type Which } from "./gated-stores.ts";
import { LiveArchive } from "./live-archive.ts";

/** An encrypted archive in Ceph is copied to stores that have nothing: killed, repeated, two at once. */
const dir = configDir();
const key = ageKey(dir, "identity");
const identity = ["--identity", key.file];
let stores: GatedStores;
let archive: LiveArchive;
let batches = 0;

const argv = (target: SinkName, ...more: readonly string[]): readonly string[] =>
  archive.argv("reconcile", "--json", "--source", "ceph", "--target", target, ...more);

const sum = (r: ReconcileReport, of: "copied" | "same" | "compared"): number =>
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
  const all = stores.entries(["files", "ceph", "search", "wide", "site-b"], {
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
