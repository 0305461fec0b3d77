import { once } from "node:events";
import { readFileSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { StatusReport } from "../../src/observe/status-report.ts";
import type { CheckReport } from "../../src/operate/check-report.ts";
import { configDir } from "../config/load.ts";
import { writeConfig } from "../faults/daemon.ts";
import { LiveTopic } from "../faults/topic.ts";
import { cli, start, type Started } from "./cli-process.ts";
import { mismatches, type Schema } from "./json-schema.ts";

/** What a person at the terminal sees of a daemon at work on a real Kafka. */
const bootstrap = process.env["TEST_KAFKA"] ?? "";
const topicName = `live-commands-${process.pid}`;
const dir = configDir();
let topic: LiveTopic;
let daemon: Started;
let config = "";
let url = "";

const schema = (name: string): Schema =>
  JSON.parse(readFileSync(new URL(`../../docs/schema/${name}`, import.meta.url), "utf8")) as Schema;

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as { port: number };
  server.close();
  await once(server, "close");
  return port;
}

async function json<T>(command: string, ...argv: readonly string[]): Promise<T> {
  const { code, stdout, stderr } = await cli([command, "--json", "--config", config, ...argv]);
  if (code !== 0) throw new Error(`${command} ended with ${code}: ${stderr}`);
  const value = JSON.parse(stdout) as T;
  expect(mismatches(schema(`${command}.schema.json`), value)).toEqual([]);
  return value;
}

beforeAll(async () => {
  const port = await freePort();
  url = `http://127.0.0.1:${port}`;
  topic = await LiveTopic.create(bootstrap, topicName, 3);
  config = writeConfig(dir, "live.yaml", {
    bootstrap,
    group: topicName,
    topics: [topicName],
    batchBytes: "64KiB",
    sinks: ["files", "copy"],
    extra: `http: { listen: "127.0.0.1:${port}" }`,
  });
  daemon = start(["run", "--config", config]);
  await daemon.said("partitions assigned");
  await topic.produce(600);
  const alive = (): string | null => (daemon.child.exitCode === null ? null : "the daemon ended");
  await topic.archived(topicName, 60_000, alive);
}, 120_000);

afterAll(async () => {
  await topic.close();
  if (daemon.child.exitCode === null) daemon.child.kill("SIGKILL");
  await daemon.ended;
  rmSync(dir, { recursive: true, force: true });
});

interface Listed {
  readonly sink: string;
  readonly partition: number;
  readonly start: number;
  readonly end: number;
  readonly records: number;
  readonly path: string;
  readonly size: number;
}

test("status beside a daemon: everything committed, and what only the daemon knows", async () => {
  const report = await json<StatusReport>("status");
  const ends = await topic.ends();
  expect(report.source).toBe("both");
  expect(report.partitions.map((p) => [p.topic, p.partition, p.state])).toEqual(
    [0, 1, 2].map((partition) => [topicName, partition, "running"]),
  );
  expect(report.partitions.map((p) => BigInt(p.committed ?? -1))).toEqual(ends);
  expect(report.partitions.map((p) => Number(p.lag))).toEqual([0, 0, 0]);
  expect(report.partitions.map((p) => BigInt(p.lastBatch?.end ?? 0))).toEqual(ends);
  expect(report.sinks.map((s) => [s.name, s.primary, s.state, Number(s.behind)])).toEqual([
    ["files", true, "ok", 0],
    ["copy", false, "ok", 0],
  ]);
  expect(report.memory?.limit).toBeGreaterThan(16 * 1024 ** 2);
  expect(report.memory?.limit).toBeLessThanOrEqual(64 * 1024 ** 2);
  expect(report.member?.generation).toBeGreaterThan(0);
});

test("list: the batches of each partition touch, from 0 to its end, in every sink", async () => {
  const ends = await topic.ends();
  const batches = await json<Listed[]>("list", "--sink", "files", "--sink", "copy");
  for (const sink of ["files", "copy"]) {
    for (const [partition, end] of ends.entries()) {
      const mine = batches.filter((b) => b.sink === sink && b.partition === partition);
      expect(mine.map((b) => b.start)).toEqual([0, ...mine.slice(0, -1).map((b) => b.end)]);
      expect(BigInt(mine.at(-1)?.end ?? 0)).toBe(end);
      for (const b of mine) expect(readFileSync(join(dir, sink, b.path)).length).toBe(b.size);
    }
  }
  expect(batches.reduce((sum, b) => sum + b.records, 0)).toBe(2 * 600);
});

test("list: a range picks the batches that hold offsets of it; nothing there is exit code 2", async () => {
  const all = await json<Listed[]>("list", "--partition", "1");
  const first = all[0];
  expect(first).toBeDefined();
  const end = first?.end ?? 0;
  const one = await json<Listed[]>("list", "--partition", "1", "--from", "0", "--to", String(end));
  expect(one).toEqual([first]);
  const last = await json<Listed[]>(
    "list",
    "--partition",
    "1",
    "--from",
    String((all.at(-1)?.end ?? 0) - 1),
  );
  expect(last).toEqual(all.slice(-1));
  const since = await json<Listed[]>("list", "--partition", "1", "--from", "2020-01-01T00:00:00Z");
  expect(since).toEqual(all);
  for (const range of [
    ["--from", "999999999"],
    ["--to", "2020-01-01T00:00:00Z"],
    ["--partition", "9"],
  ]) {
    const { code, stderr } = await cli(["list", "--config", config, ...range]);
    expect(code).toBe(2);
    expect(stderr).toContain("no batch of");
  }
});

test("list for people ends with a sum, and a reader that goes away is no failure", async () => {
  const { code, stdout } = await cli(["list", "--config", config]);
  expect(code).toBe(0);
  expect(stdout).toMatch(/\n\d+ batches, 600 records, [\d.]+(B|KiB|MiB)\n$/);
  const cut = start(["list", "--json", "--config", config]);
  cut.child.stdout?.destroy();
  expect(await cut.ended).toMatchObject({ code: 0, stderr: "" });
});

test("check: an estimate from what comes, and what can lose data", async () => {
  topic.begin(50, 100);
  const report = await json<CheckReport>("check");
  expect(report.ok).toBe(true);
  expect(report.estimate?.recordsPerSecond).toBeGreaterThan(10);
  expect(report.estimate?.bytesPerSecond).toBeGreaterThan(100);
  expect(report.estimate?.filesPerDay).toBeGreaterThan(1000);
  const codes = report.findings.map((f) => `${f.level} ${f.about} ${f.code}`);
  for (const code of [
    "warning config no-encryption",
    `warning topic ${topicName} single-replica`,
    "ok sink files write-probe",
    "ok sink copy archive",
    "ok pipeline main primary",
  ]) {
    expect(codes).toContain(code);
  }
});

test("the daemon answers over HTTP, and its counters move", async () => {
  expect(await (await fetch(`${url}/readyz`)).text()).toBe("ready\n");
  const scrape = async (): Promise<number> => {
    const text = await (await fetch(`${url}/metrics`)).text();
    const records = /^bulk_archiver_records_total\{[^}]+\} (\d+)$/m.exec(text)?.[1];
    return Number(records);
  };
  const before = await scrape();
  expect(before).toBeGreaterThanOrEqual(600);
  for (let i = 0; i < 50 && (await scrape()) <= before; i++) await sleep(200);
  expect(await scrape()).toBeGreaterThan(before);
  const api: unknown = await (await fetch(`${url}/api/status`)).json();
  expect(mismatches(schema("status.schema.json"), api)).toEqual([]);
});

test("SIGTERM drains: exit code 0; status then works without it", async () => {
  daemon.child.kill("SIGTERM");
  expect(await daemon.ended).toMatchObject({ code: 0, signal: null, stdout: "" });
  const { stderr } = await daemon.ended;
  for (const line of stderr.trim().split("\n"))
    expect(() => JSON.parse(line) as unknown).not.toThrow();
  await topic.stop();
  const report = await json<StatusReport>("status");
  expect(report.source).toBe("outside");
  expect(report.memory).toBeNull();
  expect(report.partitions.map((p) => p.state)).toEqual(["unknown", "unknown", "unknown"]);
  const committed = (await topic.committed(topicName)).map(Number);
  expect(report.partitions.map((p) => Number(p.committed))).toEqual(committed);
});

test("a second signal does not wait: exit code 130", async () => {
  const again = start(["run", "--config", config]);
  await again.said("partitions assigned");
  // Held, so that both signals are there before either is looked at.
  for (const name of ["SIGSTOP", "SIGTERM", "SIGINT", "SIGCONT"] as const) again.child.kill(name);
  expect(await again.ended).toMatchObject({ code: 130, signal: null });
});

test("a topic that is not there is exit code 2, with the nearest that is", async () => {
  const wrong = writeConfig(dir, "wrong.yaml", {
    bootstrap,
    group: topicName,
    topics: [topicName.slice(0, -1)],
  });
  const [run, check] = await Promise.all([
    cli(["run", "--config", wrong]),
    cli(["check", "--config", wrong]),
  ]);
  expect([run.code, check.code]).toEqual([2, 2]);
  expect(run.stderr).toContain(`Kafka has no topic "${topicName.slice(0, -1)}"`);
  expect(check.stdout).toMatch(/^error {4}kafka: Kafka has no topic/m);
});
