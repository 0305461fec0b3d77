import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { RewrappedPartition, RewrapReport } from "../../src/operate/repair/report.ts";
import { rewrapScope } from "../../src/operate/repair/rewrap-scope.ts";
import { loadIdentities } from "../../src/seal/keys.ts";
import { configDir } from "../config/load.ts";
import { never } from "../kafka/live-kafka.ts";
import { type AgeKey, ageKey, encryptionIn, opens } from "./age-keys.ts";
import { batchesOf, contentOf, quarantined, type StoredBatch } from "./archive-damage.ts";
import { LiveArchive } from "./live-archive.ts";
import { inShortPauses } from "./short-pauses.ts";

/** A rewrap of many pauses, and of an archive that has expired in one sink and not yet in the other. */
const DAY_MS = 86_400_000;
const dir = configDir();
const [a, b] = [ageKey(dir, "a"), ageKey(dir, "b")];
const both = join(dir, "both");
let archive: LiveArchive;

/** Batches whose data is there. */
const stored = (sink: string): readonly StoredBatch[] =>
  batchesOf(archive.folder(sink)).filter(({ data }) => existsSync(data));

/** Each file of a sink, by these alone; only the first ones where more came meanwhile. */
function expectOpenedBy(some: readonly AgeKey[], sink: string, first?: number): void {
  for (const { data } of stored(sink).slice(0, first))
    expect([data, [a, b].filter((key) => opens(key, data))]).toEqual([data, some]);
  expect(quarantined(archive.folder(sink))).toEqual([]);
}

beforeAll(async () => {
  writeFileSync(both, readFileSync(a.file, "utf8") + readFileSync(b.file, "utf8"));
  const given = { word: "rewrap-pauses", partitions: 1, rounds: 0, dir, batchBytes: "8KiB" };
  const extra = "retention: 2d";
  archive = await LiveArchive.begin({ ...given, ...encryptionIn(dir, a.recipient), extra });
  for (let i = 0; i < 2; i += 1) {
    await archive.topic.produce(200, Date.now() - 5 * DAY_MS);
    await archive.archived();
  }
  for (let i = 0; i < 3; i += 1) await archive.more(200);
}, 120_000);

afterAll(() => archive.close());

/** In this process, where a pause can be as short as one batch. */
async function rewrapped(onPause: () => void): Promise<RewrappedPartition> {
  const identities = await loadIdentities(a.file);
  return inShortPauses("rewrap", archive.config, onPause, async (repair) => {
    for await (const scope of repair.primary.sink.scopes(never)) {
      const o = { sinks: repair.sinks, recipients: () => [a.recipient, b.recipient], identities };
      return rewrapScope(repair, { ...o, dryRun: false, onDone: () => undefined }, scope);
    }
    throw new Error("the archive is empty");
  });
}

test("goes on under the next pause, a batch at a time, beside a daemon under load", async () => {
  const before = batchesOf(archive.folder("files"));
  archive.topic.begin(20, 300);
  let pauses = 0;
  const report = await rewrapped(() => (pauses += 1));
  await archive.topic.stop();
  await archive.archived();
  expect([report.problems, report.rewrapped >= before.length]).toEqual([[], true]);
  expect(pauses).toBe(report.batches);
  for (const sink of ["files", "copy"]) expectOpenedBy([a, b], sink, before.length);
  expect(contentOf(archive.folder("copy"))).toEqual(contentOf(archive.folder("files")));
}, 120_000);

test("what has expired in one sink is rewrapped in the other that still has it", async () => {
  const prune = ["--max-delete-percent", "100", "--sink"];
  const change = async (...how: readonly string[]): Promise<void> => {
    const report = await archive.reported<RewrapReport>("rewrap", "--identity", both, ...how);
    expect([report.code, report.partitions.flatMap((p) => p.problems)]).toEqual([0, []]);
  };
  expect((await archive.run("prune", ...prune, "files")).code).toBe(0);
  const all = batchesOf(archive.folder("copy"));
  expect(all.length - stored("files").length).toBeGreaterThan(1);
  await change("--add", b.recipient, "--remove", a.recipient);
  expectOpenedBy([b], "copy");
  expect(stored("copy")).toHaveLength(all.length);
  expect((await archive.run("prune", ...prune, "copy")).code).toBe(0);
  expect(contentOf(archive.folder("copy"))).toEqual(contentOf(archive.folder("files")));
  await change("--add", a.recipient);
  for (const sink of ["files", "copy"]) expectOpenedBy([a, b], sink);
  expect(await archive.verified("--identity", b.file)).toBe("ok");
}, 120_000);
