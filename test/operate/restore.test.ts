import { readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { RestoreReport } from "../../src/operate/restore/restore-report.ts";
import { keygen } from "../../src/seal/keygen.ts";
import { configDir } from "../config/load.ts";
import { writeConfig } from "../faults/daemon.ts";
import { LiveTopic } from "../faults/topic.ts";
import { rawRecords } from "../sinks/kafka/raw-records.ts";
import { batchesOf, flipBit } from "./archive-damage.ts";
import { cli, type Ended, start, type Started } from "./cli-process.ts";
import { mismatches, type Schema } from "./json-schema.ts";
import { expectRestored } from "./restored-topic.ts";

/** Archived records back into a real Kafka, compared with the source by librdkafka. */
const bootstrap = process.env["TEST_KAFKA"] ?? "";
const name = `restore-${process.pid}`;
const dir = configDir();
const RECORDS = 3_000;
let topic: LiveTopic;
let config = "";
let lines = "";
const identity = join(dir, "keys", "identity");

const schema = (): Schema =>
  JSON.parse(
    readFileSync(new URL("../../docs/schema/restore.schema.json", import.meta.url), "utf8"),
  ) as Schema;

const argumentsOf = (to: string, more: readonly string[], file = config): string[] => [
  ...["restore", "--json", "--config", file, "--topic", name, "--to-topic", to],
  ...more,
];

async function restore(
  to: string,
  more: readonly string[] = [],
  file = config,
): Promise<RestoreReport> {
  const { code, stdout, stderr } = await cli(argumentsOf(to, more, file));
  if (code !== 0) throw new Error(`restore ended with ${code}: ${stderr}`);
  const value = JSON.parse(stdout) as RestoreReport;
  expect(mismatches(schema(), value)).toEqual([]);
  return value;
}

const restoreRefused = (to: string, ...more: readonly string[]): Promise<Ended> =>
  cli(argumentsOf(to, more));

/** Archives what the topic holds with a daemon of its own and ends it. */
async function archive(path: string, group: string): Promise<void> {
  const daemon = start(["run", "--config", path]);
  const alive = (): string | null => (daemon.child.exitCode === null ? null : "the daemon ended");
  await topic.archived(group, 60_000, alive);
  daemon.child.kill("SIGTERM");
  expect((await daemon.ended).code).toBe(0);
}

beforeAll(async () => {
  topic = await LiveTopic.create(bootstrap, name, 3);
  for (let i = 0; i < 20; i += 1) await topic.produce(RECORDS / 20);
  const { recipient } = await keygen(join(dir, "keys"));
  const shared = { bootstrap, topics: [name], batchBytes: "4KiB", age: "200ms" };
  config = writeConfig(dir, "segment.yaml", { ...shared, group: name });
  lines = writeConfig(dir, "lines.yaml", {
    ...shared,
    ...{ group: `${name}-lines`, format: "ndjson", sinks: ["lines"] },
    ...{ recipient, seedFile: join(dir, "keys", "seed") },
  });
  await Promise.all([archive(config, name), archive(lines, `${name}-lines`)]);
}, 120_000);

afterAll(async () => {
  await topic.close();
  rmSync(dir, { recursive: true, force: true });
});

const compare = (copy: string, lineage = true): Promise<number> =>
  expectRestored({ bootstrap, topic: name, copy, lineage });

test("every record once, as it was, with its lineage; a second run adds nothing", async () => {
  const to = `${name}-a`;
  const first = await restore(to);
  expect([first.records, first.to.created, first.to.partitions]).toEqual([RECORDS, "yes", 3]);
  expect(await compare(to)).toBe(RECORDS);
  const [record] = (await rawRecords(bootstrap, to)).get(1) ?? [];
  expect(record?.headers.slice(-6, -1)).toEqual([
    `bulk-archiver.topic-id=${first.topicId}`,
    `bulk-archiver.batch=${name}/${first.topicId}/1/0/0`,
    expect.stringMatching(/^bulk-archiver\.cluster=./),
    `bulk-archiver.topic=${name}`,
    "bulk-archiver.partition=1",
  ]);
  const again = await restore(to);
  expect([again.records, again.batches, again.to.created]).toEqual([0, 0, "no"]);
  expect(again.partitions.map((p) => p.already > 0)).toEqual([true, true, true]);
  expect(await compare(to)).toBe(RECORDS);
});

test("encrypted ndjson, without lineage, in another codec; without identity it is refused", async () => {
  const to = `${name}-lines`;
  const without = await cli(argumentsOf(to, [], lines));
  expect(without.code).toBe(2);
  expect(without.stderr).toMatch(/is encrypted to age1/);
  const how = ["--no-lineage", "--compression", "lz4", "--identity", identity];
  expect((await restore(to, how, lines)).records).toBe(RECORDS);
  expect(await compare(to, false)).toBe(RECORDS);
});

test("a dry run reads and verifies everything and makes nothing", async () => {
  const to = `${name}-dry`;
  const report = await restore(to, ["--dry-run"]);
  expect([report.records, report.dryRun, report.to.created]).toEqual([RECORDS, true, "would-be"]);
  const after = await restoreRefused(to, "--no-create");
  expect(after.code).toBe(2);
  expect(after.stderr).toContain(`the target has no topic ${to}`);
});

test("ranges: by offset, then the rest behind it; lower offsets behind higher ones only when allowed", async () => {
  const to = `${name}-range`;
  const one = ["--partition", "2"];
  const part = await restore(to, [...one, "--from", "100", "--to", "150"]);
  expect(part.partitions).toMatchObject([{ partition: 2, from: 100, to: 150 }]);
  const all = { bootstrap, topic: name, copy: to, lineage: true };
  const within = (r: { offset: number }, p: number): boolean => p === 2 && r.offset >= 100;
  await expectRestored({ ...all, wanted: (r, p) => within(r, p) && r.offset < 150 });
  const disorder = await restoreRefused(to, ...one);
  expect(disorder.code).toBe(2);
  expect(disorder.stderr).toContain("[100, 150) of the source already: [0, 100) would come behind");
  await restore(to, [...one, "--from", "120"]);
  await expectRestored({ ...all, wanted: within });
  const rest = await restore(to, [...one, "--out-of-order"]);
  expect(rest.partitions[0]?.already).toBeGreaterThan(50);
  const offsets = (await rawRecords(bootstrap, to)).get(2)?.map((r) => r.headers.at(-1)) ?? [];
  expect(new Set(offsets).size).toBe(offsets.length);
  expect(offsets.slice(-1)).toEqual(["bulk-archiver.offset=99"]);
});

test("a time range: from the first record at or after it", async () => {
  const to = `${name}-time`;
  const source = (await rawRecords(bootstrap, name)).get(0) ?? [];
  const at = source[Math.floor(source.length / 2)]?.timestamp ?? 0;
  const first = source.find((r) => r.timestamp >= at)?.offset ?? -1;
  await restore(to, ["--partition", "0", "--from", new Date(at).toISOString()]);
  const wanted = (r: { offset: number }, p: number): boolean => p === 0 && r.offset >= first;
  await expectRestored({ bootstrap, topic: name, copy: to, lineage: true, wanted });
});

test("partitions can be put together; too few are refused", async () => {
  const to = `${name}-map`;
  const how = ["--map", "0:0", "--map", "1:0", "--map", "2:0"];
  expect((await restore(to, [...how, "--partition", "1"])).to.partitions).toBe(3);
  const copy = await rawRecords(bootstrap, to);
  expect([...copy.keys()]).toEqual([0]);
  const far = await restoreRefused(to, "--map", "1:7");
  expect(far.code).toBe(2);
  expect(far.stderr).toContain(`${to} has 3 partitions, 8 are needed`);
});

test("a topic that the configuration archives is refused, unless it is allowed", async () => {
  const loop = await restoreRefused(name);
  expect(loop.code).toBe(2);
  expect(loop.stderr).toContain(`pipeline main archives ${name} of this cluster`);
});

describe("killed at every step, and repeated", () => {
  const steps = ["before-data", "mid-data:2", "after-data", "before-commit:2", "after-commit:2"];
  test("every record is there once", async () => {
    const to = `${name}-killed`;
    const small = ["--transaction", "4KiB", "--compression", "none"];
    // Ctrl-C in the middle of a transaction, both signals there before either is looked at.
    const held = { BULK_ARCHIVER_FAILPOINT: "mid-data:1:stop" };
    const asked = start(argumentsOf(to, small), { env: held });
    await stopped(asked);
    for (const signal of ["SIGINT", "SIGCONT"] as const) asked.child.kill(signal);
    expect((await asked.ended).code).toBe(130);
    for (const step of steps) {
      const env = { BULK_ARCHIVER_FAILPOINT: step };
      const died = await start(argumentsOf(to, small), { env }).ended;
      expect([died.signal, died.stderr]).toEqual(["SIGKILL", expect.stringContaining(step)]);
    }
    const last = await restore(to, small);
    expect(last.records).toBeLessThan(RECORDS);
    expect(last.records).toBeGreaterThan(0);
    expect(await compare(to)).toBe(RECORDS);
  });

  test("within a transaction of several groups: of it nothing is there, and the next run goes on", async () => {
    const to = `${name}-groups`;
    const several = ["--partition", "0", "--transaction", "16KiB", "--compression", "none"];
    // The third record batch is sent with the first two groups under way, and none is committed.
    for (const step of ["mid-data:3", "after-data", "before-commit"]) {
      const env = { BULK_ARCHIVER_FAILPOINT: step };
      expect((await start(argumentsOf(to, several), { env }).ended).signal).toBe("SIGKILL");
      expect((await rawRecords(bootstrap, to)).size).toBe(0);
    }
    await restore(to, several);
    const all = { bootstrap, topic: name, lineage: true };
    const wanted = (_: unknown, p: number): boolean => p === 0;
    await expectRestored({ ...all, copy: to, wanted });
    const clean = `${name}-groups-clean`;
    const { batches } = await restore(clean, several);
    const records = (await rawRecords(bootstrap, clean)).get(0) ?? [];
    // Between the records of two transactions lies the marker of the first.
    const transactions = (records.at(-1)?.offset ?? 0) + 1 - records.length + 1;
    expect(batches).toBeGreaterThan(3);
    expect(transactions).toBeLessThan(batches / 2);
  });

  test("one that was frozen in a transaction and wakes up afterwards adds nothing", async () => {
    const to = `${name}-zombie`;
    const env = { BULK_ARCHIVER_FAILPOINT: "before-commit:2:stop" };
    const zombie = start(argumentsOf(to, ["--transaction", "4KiB"]), { env });
    await stopped(zombie);
    expect((await restore(to)).records).toBeGreaterThan(0);
    zombie.child.kill("SIGCONT");
    expect((await zombie.ended).code).toBe(0);
    expect(await compare(to)).toBe(RECORDS);
  });
});

test("a damaged file behind good ones of its transaction: those are there once, it and what follows are not", async () => {
  const to = `${name}-damaged`;
  const how = ["--partition", "1", "--transaction", "16KiB"];
  const batches = batchesOf(join(dir, "files")).filter((b) => b.partition === 1);
  const bad = batches.at(-1);
  expect(batches.length).toBeGreaterThan(3);
  if (bad === undefined) throw new Error("nothing is archived");
  flipBit(bad.data);
  const { code, stderr } = await restoreRefused(to, ...how);
  flipBit(bad.data);
  expect([code, stderr]).toEqual([3, expect.stringContaining("digest")]);
  const there = (await rawRecords(bootstrap, to)).get(1)?.length ?? 0;
  expect(there).toBeGreaterThan(0);
  const all = { bootstrap, topic: name, copy: to, lineage: true };
  const wanted = (r: { offset: number }, p: number): boolean => p === 1 && r.offset < there;
  await expectRestored({ ...all, wanted });
  expect(there).toBeLessThanOrEqual(Number(bad.start));
  await restore(to, how);
  await expectRestored({ ...all, wanted: (_, p) => p === 1 });
});

test("two at once: both end well, every record is there once", async () => {
  const to = `${name}-two`;
  const how = ["--transaction", "4KiB"];
  await restore(to, ["--partition", "0", "--to", "1"]);
  const both = await Promise.all([cli(argumentsOf(to, how)), cli(argumentsOf(to, how))]);
  expect(both.map((b) => [b.code, b.code === 0 ? "" : b.stderr])).toEqual([
    [0, ""],
    [0, ""],
  ]);
  expect(await compare(to)).toBe(RECORDS);
});

/** The kernel's view: `T` is stopped by a signal. */
async function stopped(run: Started): Promise<void> {
  const { child } = run;
  await run.said("failpoint");
  const pid = child.pid ?? -1;
  for (let i = 0; i < 600; i += 1) {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    if (stat.slice(stat.lastIndexOf(")") + 2).startsWith("T")) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error("the restore was not frozen");
}
