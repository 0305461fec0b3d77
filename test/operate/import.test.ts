import { readFileSync, rmSync } from "node:fs";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { ImportReport } from "../../src/operate/import/import-report.ts";
import { configDir } from "../config/load.ts";
import { writeConfig } from "../faults/daemon.ts";
import { LiveTopic } from "../faults/topic.ts";
import { cli, start } from "./cli-process.ts";
import { mismatches, type Schema } from "./json-schema.ts";

/** A range of a real Kafka, archived without a daemon; verify has the last word. */
const bootstrap = process.env["TEST_KAFKA"] ?? "";
const name = `import-${process.pid}`;
const dir = configDir();
let topic: LiveTopic;
let config = "";

const schema = (): Schema =>
  JSON.parse(
    readFileSync(new URL("../../docs/schema/import.schema.json", import.meta.url), "utf8"),
  ) as Schema;

const importArgs = (...more: readonly string[]): string[] => [
  ...["import", "--json", "--config", config, "--topic", name],
  ...more,
];

async function run(...more: readonly string[]): Promise<ImportReport> {
  const { code, stdout, stderr } = await cli(importArgs(...more));
  if (code !== 0) throw new Error(`import ended with ${code}: ${stderr}`);
  const report = JSON.parse(stdout) as ImportReport;
  expect(mismatches(schema(), report)).toEqual([]);
  return report;
}

interface Listed {
  readonly partition: number;
  readonly start: number;
  readonly end: number;
}

async function listed(): Promise<readonly Listed[]> {
  const { stdout } = await cli(["list", "--json", "--config", config]);
  return JSON.parse(stdout) as Listed[];
}

async function verified(): Promise<void> {
  const args = ["verify", "--deep", "--across-sinks", "--against-kafka", "--config", config];
  const { code, stdout } = await cli(args);
  expect([code, code === 0 ? "" : stdout]).toEqual([0, ""]);
}

beforeAll(async () => {
  topic = await LiveTopic.create(bootstrap, name, 2);
  for (let i = 0; i < 10; i += 1) await topic.produce(100);
  const shared = { bootstrap, group: name, topics: [name], batchBytes: "16KiB", age: "60s" };
  config = writeConfig(dir, "import.yaml", { ...shared, sinks: ["files", "copy"] });
});

afterAll(async () => {
  await topic.close();
  rmSync(dir, { recursive: true, force: true });
});

test("a dry run says the ranges and makes nothing", async () => {
  const ends = await topic.ends();
  const { partitions, records, dryRun } = await run("--dry-run");
  expect([records, dryRun]).toEqual([0, true]);
  expect(partitions.map((p) => [p.from, p.to])).toEqual(ends.map((end) => [0, Number(end)]));
  expect((await cli(["list", "--config", config])).code).toBe(2);
});

test("up to an offset; killed on the way, it goes on; what is there is not made again", async () => {
  const env = { BULK_ARCHIVER_FAILPOINT: "after-data:2" };
  const died = await start(importArgs("--to", "300"), { env }).ended;
  expect(died.signal).toBe("SIGKILL");
  const first = await run("--to", "300");
  expect(first.partitions.map((p) => p.to)).toEqual([300, 300]);
  for (const partition of [0, 1]) {
    const mine = (await listed()).filter((b) => b.partition === partition);
    expect(mine.map((b) => b.start)).toEqual([0, ...mine.slice(0, -1).map((b) => b.end)]);
    // Record batches are whole: those of this topic hold a hundred records at most.
    expect(mine.at(-1)?.end).toBeGreaterThanOrEqual(300);
    expect(mine.at(-1)?.end).toBeLessThan(400);
  }
  const again = await run("--to", "300");
  expect([again.batches, again.records]).toEqual([0, 0]);
  const rest = await run();
  expect(rest.records).toBeGreaterThan(0);
  expect((await topic.committed(name)).map(Number)).toEqual((await topic.ends()).map(Number));
  await verified();
});

test("a gap is refused; a daemon goes on where it ended, and while it runs import is refused", async () => {
  await topic.produce(100);
  const [end = 0n] = await topic.ends();
  const gap = await cli(importArgs("--from", String(end)));
  expect([gap.code, gap.stderr]).toEqual([2, expect.stringContaining("it would have a gap")]);
  const daemon = start(["run", "--config", config]);
  await daemon.said("partitions assigned");
  const busy = await cli(importArgs());
  expect([busy.code, busy.stderr]).toEqual([
    2,
    expect.stringContaining("a daemon archives by itself"),
  ]);
  daemon.child.kill("SIGTERM");
  expect((await daemon.ended).code).toBe(0);
  await run();
  await verified();
});

test("from a time on, into an archive of its own", async () => {
  await new Promise((resolve) => setTimeout(resolve, 20));
  const before = await topic.ends();
  const from = new Date(Date.now() - 5).toISOString();
  await topic.produce(100);
  config = writeConfig(dir, "from.yaml", {
    ...{ bootstrap, group: `${name}-from`, topics: [name], batchBytes: "16KiB" },
    sinks: ["other"],
  });
  const report = await run("--from", from);
  expect(report.partitions.map((p) => p.from)).toEqual(before.map(Number));
  expect(report.records).toBe(100);
});
