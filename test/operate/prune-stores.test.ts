import { rmSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { PruneReport } from "../../src/operate/prune/prune-report.ts";
import { configDir } from "../config/load.ts";
import { filesBelow } from "../sinks/fs-place.ts";
import { download } from "../sinks/s3/download.ts";
import { newBucket } from "../sinks/s3/server.ts";
import { GatedStores, writes } from "./gated-stores.ts";
import { LiveArchive } from "./live-archive.ts";

/** Old data goes from real stores beside a daemon; what a bucket has locked stays there. */
const DAY_MS = 86_400_000;
const dir = configDir();
let stores: GatedStores;
let archive: LiveArchive;
let locked = "";

type Report = PruneReport & { readonly code: number };
const prune = (...argv: readonly string[]): Promise<Report> => archive.reported("prune", ...argv);
const sum = (r: PruneReport, sink: string, of: "expired" | "locked" | "batches"): number =>
  r.pipelines
    .flatMap((p) => p.sinks)
    .filter((s) => s.name === sink)
    .flatMap((s) => s.partitions)
    .reduce((n, p) => n + p[of], 0);

/** Of a configuration; `lock`: what the bucket with versions keeps from now on. */
function sinks({ s3, entries }: { s3: object; entries: string }, lock: object): string {
  const vault = { name: "vault", kind: "s3", ...s3, bucket: locked, prefix: "v" };
  const line = JSON.stringify({ ...vault, createOnly: "oldest-version", ...lock });
  return `${entries}\n  - ${line}\nretention: 2d`;
}

/** Names of the data files of a partition in a sink, as a foreign tool sees them. */
async function dataIn(
  sink: "files" | "ceph" | "lake" | "vault",
  partition: number,
): Promise<readonly string[]> {
  const copies = join(dir, "copies");
  rmSync(copies, { recursive: true, force: true });
  const { servers } = stores.six;
  if (sink === "vault") await download(servers.s3, { bucket: locked, prefix: "v" }, copies);
  const names = await filesBelow(sink === "vault" ? copies : await stores.six.bring(sink));
  return names.filter((n) => n.startsWith("data/") && n.includes(`/${partition}/0/`)).toSorted();
}

const old = async (rounds: number): Promise<void> => {
  for (let i = 0; i < rounds; i += 1) {
    await archive.topic.produce(300, Date.now() - 5 * DAY_MS);
    await archive.archived();
  }
};

beforeAll(async () => {
  stores = await GatedStores.open(dir);
  locked = await newBucket(stores.six.servers.s3, "locked");
  const word = "prune-stores";
  const names = ["files", "ceph", "lake", "wide"] as const;
  const { six, s3 } = stores;
  const own = { s3: six.servers.s3, entries: six.entries(names) };
  const first = { word, partitions: 2, rounds: 0, dir, sinks: [], extra: sinks(own, {}) };
  archive = await LiveArchive.begin({ ...first, batchBytes: "8KiB", age: "1s" });
  await old(5);
  await archive.drain();
  const lock = { objectLock: { mode: "governance", retention: "1d" } };
  archive.written("archive.yaml", { extra: sinks(own, lock) });
  await archive.again();
  await old(3);
  await archive.more(100);
  const through = sinks({ s3, entries: stores.entries(names) }, lock);
  archive.config = archive.written("through.yaml", { extra: through });
}, 600_000);

afterAll(async () => {
  await archive.close();
  await stores.close();
});

test("more than is allowed: exit code 2, and nothing goes from any store", async () => {
  const before = await dataIn("ceph", 0);
  const { code, stderr } = await archive.run("prune");
  expect([code, stderr]).toEqual([2, expect.stringMatching(/nothing was removed/)]);
  expect(await dataIn("ceph", 0)).toEqual(before);
  const dry = await prune("--dry-run");
  expect([dry.code, dry.pipelines[0]?.sinks.map((s) => [s.name, s.able])]).toEqual([
    0,
    [
      ["files", true],
      ["ceph", true],
      ["lake", true],
      ["wide", false],
      ["vault", true],
    ],
  ]);
}, 300_000);

test.each(["ceph", "lake"] as const)(
  "killed at every request to %s and run again, beside a daemon under load",
  async (store) => {
    const { config } = archive;
    // Sinks that nothing goes from need not be opened each time.
    const few = sinks({ s3: stores.s3, entries: stores.entries(["files", store]) }, {});
    archive.config = archive.written("few.yaml", { extra: few });
    const before = await dataIn(store, 0);
    const argv = ["--sink", store, "--partition", "0", "--max-delete-percent", "100"];
    const due = sum(await prune("--dry-run", ...argv), store, "batches");
    expect(due).toBeGreaterThan(3);
    archive.topic.begin(20, 500);
    const command = archive.argv("prune", "--json", ...argv);
    const { at, last } = await stores.killedAtEach(writes, command);
    await archive.topic.stop();
    await archive.archived();
    expect([last.code, (JSON.parse(last.stdout) as PruneReport).ok]).toEqual([0, true]);
    // At the record of what goes, and at the data, before the store heard of it and after it had done it.
    for (const step of [/ PUT .*pruned\b/, /^before DELETE .*\/data\//, /^after DELETE .*\/data\//])
      expect(
        at.find((request) => step.test(request)),
        at.join("\n"),
      ).toBeDefined();
    const kept = await dataIn(store, 0);
    expect(before.filter((name) => !kept.includes(name))).toHaveLength(due);
    const again = await prune(...argv);
    expect([again.code, sum(again, store, "batches")]).toEqual([0, 0]);
    archive.config = config;
  },
  600_000,
);

test("two at once: both are done, and what is locked stays", async () => {
  const dry = await prune("--dry-run", "--partition", "1");
  const argv = ["--partition", "1", "--max-delete-percent", "100"];
  const both = await Promise.all([prune(...argv), prune(...argv)]);
  expect(both.map((r) => [r.code, r.ok])).toEqual([
    [0, true],
    [0, true],
  ]);
  const kept = await dataIn("files", 1);
  expect(await dataIn("ceph", 1)).toEqual(kept);
  expect(await dataIn("lake", 1)).toEqual(kept);
  const stay = Math.max(...both.map((r) => sum(r, "vault", "locked")));
  expect(stay).toBeGreaterThan(0);
  expect(sum(dry, "vault", "batches")).toBeGreaterThan(stay);
  expect((await dataIn("vault", 1)).length).toBe(kept.length + stay);
}, 300_000);

test("nobody takes it for a loss: verify agrees across all stores, and the daemon goes on", async () => {
  await archive.more(100);
  expect(await archive.verified()).toBe("ok");
}, 300_000);
