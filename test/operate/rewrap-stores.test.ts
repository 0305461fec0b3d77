import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { RewrapReport } from "../../src/operate/repair/report.ts";
import { configDir } from "../config/load.ts";
import { type AgeKey, ageKey, encryptionIn, opens } from "./age-keys.ts";
import { batchesOf, contentOf, quarantined } from "./archive-damage.ts";
import { cli } from "./cli-process.ts";
import { GatedStores, writes } from "./gated-stores.ts";
import { LiveArchive } from "./live-archive.ts";

/** New recipients for files in Ceph and HDFS, killed at every step; read by the `age` tool. */
const dir = configDir();
const [a, b] = [ageKey(dir, "a"), ageKey(dir, "b")];
const both = join(dir, "both");
const SINKS = ["files", "ceph", "lake"] as const;
let stores: GatedStores;
let archive: LiveArchive;

const texts = (r: RewrapReport): string[] =>
  r.partitions.flatMap((p) => p.problems.map((q) => q.text));

/** Every sink has the same files, nothing waits in quarantine, and these alone open each file. */
async function openedBy(some: readonly AgeKey[]): Promise<void> {
  rmSync(join(dir, "copies"), { recursive: true, force: true });
  const folders = await Promise.all(SINKS.map((name) => stores.six.bring(name)));
  const [first = ""] = folders;
  for (const folder of folders) {
    expect(contentOf(folder)).toEqual(contentOf(first));
    expect(quarantined(folder)).toEqual([]);
  }
  for (const { data } of batchesOf(first)) {
    expect([a, b].filter((key) => opens(key, data))).toEqual(some);
  }
}

beforeAll(async () => {
  writeFileSync(both, readFileSync(a.file, "utf8") + readFileSync(b.file, "utf8"));
  stores = await GatedStores.open(dir);
  const given = { word: "rewrap-stores", partitions: 1, rounds: 4, dir, age: "1s" };
  const encryption = encryptionIn(dir, a.recipient);
  const extra = stores.six.entries(SINKS);
  archive = await LiveArchive.begin({ ...given, ...encryption, sinks: [], extra });
}, 300_000);

afterAll(async () => {
  await archive.close();
  await stores.close();
});

test("killed at every step it goes on, in every store, to the same files", async () => {
  await archive.drain();
  archive.config = archive.written("through.yaml", { extra: stores.entries(SINKS) });
  const change = ["--identity", both, "--add", b.recipient, "--remove", a.recipient];
  const argv = archive.argv("rewrap", "--json", "--no-kafka", ...change);
  const { at, last } = await stores.killedAtEach(writes, argv);
  expect([last.code, last.stderr]).toEqual([0, ""]);
  // Amendments, files, and what is to replace one, in either store.
  for (const part of [/amend-1/, /PUT \S*\/data\//, /next-\w+\.part\?\S*OVERWRITE/]) {
    expect(at.some((step) => part.test(step))).toBe(true);
  }
  const again = JSON.parse((await cli(argv)).stdout) as RewrapReport;
  expect([texts(again), again.partitions.map((p) => p.rewrapped)]).toEqual([[], [0]]);
  await openedBy([b]);
  expect(await archive.verified("--identity", b.file)).toBe("ok");
}, 600_000);

test("two at once beside a daemon under load, after one that was killed while it paused", async () => {
  const { config } = archive;
  archive.config = archive.written("archive.yaml");
  await archive.again();
  archive.config = config;
  archive.topic.begin(20, 500);
  const change = ["--identity", both, "--add", a.recipient, "--add", b.recipient];
  const running = stores.killedAt(
    writes,
    { nth: 6, turn: "after" },
    archive.argv("rewrap", ...change),
  );
  expect((await running).signal).toBe("SIGKILL");
  const rewrap = (): Promise<RewrapReport & { code: number }> =>
    archive.reported("rewrap", ...change);
  const two = await Promise.all([rewrap(), rewrap()]);
  expect(two.map((r) => [r.code, texts(r)])).toEqual([
    [0, []],
    [0, []],
  ]);
  await archive.topic.stop();
  await archive.archived();
  const last = await rewrap();
  expect([last.code, texts(last)]).toEqual([0, []]);
  await openedBy([a, b]);
  expect(await archive.verified("--identity", a.file)).toBe("ok");
}, 600_000);
