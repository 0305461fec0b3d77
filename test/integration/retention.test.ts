import { readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { Kafka, logLevel } from "kafkajs";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { PruneReport } from "../../src/operate/prune/prune-report.ts";
import type { VerifyReport } from "../../src/operate/verify/report.ts";
import { signingKeygen } from "../../src/seal/keygen.ts";
import { configDir } from "../config/load.ts";
import { Daemon, writeConfig } from "../faults/daemon.ts";
import { LiveTopic } from "../faults/topic.ts";
import { cli } from "../operate/cli-process.ts";
import { mismatches, type Schema } from "../operate/json-schema.ts";

/** Data that is older than the retention goes, and nothing and nobody takes it for a loss. */
const bootstrap = process.env["TEST_KAFKA"] ?? "";
const name = `retention-${process.pid}`;
const dir = configDir();
const DAY_MS = 86_400_000;
let topic: LiveTopic;
let config: string;
let forEver: string;

const written = (file: string, sinks: readonly string[], more: string): string =>
  writeConfig(dir, file, {
    ...{ bootstrap, group: name, topics: [name], batchBytes: "4KiB", sinks },
    extra: `signing: { keyFile: keys/signing }${more}`,
  });

/** Records of so many days ago. */
async function produce(count: number, daysAgo: number): Promise<void> {
  const kafka = new Kafka({ brokers: bootstrap.split(","), logLevel: logLevel.NOTHING });
  const producer = kafka.producer();
  await producer.connect();
  const timestamp = String(Date.now() - daysAgo * DAY_MS);
  for (let i = 0; i < count; i += 20) {
    const messages = Array.from({ length: 20 }, (_, n) => ({
      ...{ partition: 0, timestamp },
      value: `${i + n} ${"x".repeat(100)}`,
    }));
    await producer.send({ topic: name, messages });
  }
  await producer.disconnect();
}

async function archive(path: string): Promise<void> {
  const daemon = Daemon.start(path, join(dir, "daemon.log"));
  try {
    await topic.archived(name, 60_000, () => (daemon.running ? null : daemon.logTail()));
    await daemon.drain();
  } finally {
    await daemon.kill();
  }
}

async function prune(...argv: string[]): Promise<{ code: number | null; report: PruneReport }> {
  const { code, stdout } = await cli(["prune", "--json", "--config", config, ...argv]);
  return { code, report: JSON.parse(stdout) as PruneReport };
}

async function verify(path: string, ...argv: string[]): Promise<VerifyReport> {
  const { stdout } = await cli(["verify", "--json", "--config", path, ...argv]);
  return JSON.parse(stdout) as VerifyReport;
}

const files = (sink: string, kind: string): string[] => {
  const [id = ""] = readdirSync(join(dir, sink, kind, name));
  return readdirSync(join(dir, sink, kind, name, id, "0", "0", "00000000000"));
};

beforeAll(async () => {
  topic = await LiveTopic.create(bootstrap, name, 1);
  await signingKeygen(join(dir, "keys"));
  config = written("config.yaml", ["files", "copy"], "\nretention: 2d");
  forEver = written("for-ever.yaml", ["files", "copy"], "");
  await produce(400, 5);
  await produce(100, 0);
  await archive(config);
}, 180_000);
afterAll(async () => {
  await topic.close();
  rmSync(dir, { recursive: true, force: true });
});

test("prune says what would go, and refuses to remove more than was expected", async () => {
  const { code, report } = await prune("--dry-run");
  const schema = JSON.parse(readFileSync("docs/schema/prune.schema.json", "utf8")) as Schema;
  expect(mismatches(schema, report)).toEqual([]);
  const [sink] = report.pipelines[0]?.sinks ?? [];
  expect([code, report.dryRun, sink?.able]).toEqual([0, true, true]);
  expect(sink?.percent).toBeGreaterThan(50);
  expect(sink?.partitions[0]).toMatchObject({ from: 0, expired: 0 });
  const guarded = await cli(["prune", "--config", config]);
  expect(guarded.code).toBe(2);
  expect(guarded.stderr).toMatch(/% of what sink files keeps is older .* nothing was removed/);
  const unset = await cli(["prune", "--config", forEver]);
  expect(unset).toMatchObject({ code: 2 });
  expect(files("files", "data")).toEqual(files("copy", "data"));
}, 180_000);

test("old data goes and manifests stay; verify and the daemon take it for expired", async () => {
  const before = files("files", "data").length;
  const { code, report } = await prune("--max-delete-percent", "95");
  const pruned = report.pipelines[0]?.sinks.map((s) => s.partitions[0]?.expired) ?? [];
  expect([code, pruned[0]]).toEqual([0, pruned[1]]);
  expect(files("files", "data")).toHaveLength(before - (pruned[0] ?? 0));
  expect(files("files", "manifests")).toHaveLength(before);
  const whole = await verify(config, "--across-sinks", "--against-kafka", "--deep");
  expect(whole.ok).toBe(true);
  expect(whole.totals.expired).toBe(2 * (pruned[0] ?? 0));
  const again = await prune();
  expect(again.report.pipelines[0]?.sinks[0]?.partitions[0]).toMatchObject({ batches: 0 });
  await produce(60, 0);
  await archive(config);
  expect((await verify(config, "--across-sinks", "--against-kafka")).ok).toBe(true);
  const list = await cli(["list", "--config", config, "--json"]);
  expect(list.code).toBe(0);
  // Readers begin with what is kept, and nothing is copied back.
  const cat = await cli(["cat", "--config", config]);
  const kept = Number(whole.totals.records) / 2 + 60 - 40 * (pruned[0] ?? 0);
  expect([cat.code, cat.stdout.trim().split("\n").length]).toEqual([0, kept]);
  const reconcile = ["reconcile", "--source", "files", "--target", "copy", "--config", config];
  expect(await cli(reconcile)).toMatchObject({ code: 0 });
  expect(files("copy", "data")).toEqual(files("files", "data"));
}, 180_000);

test("a record of it is signed: an auditor who knows no retention takes it, and no forged one", async () => {
  const auditor = ["--sink", "files", "--public-key", join(dir, "keys", "signing.pub")];
  const taken = await verify(forEver, ...auditor);
  expect([taken.ok, taken.totals.expired > 0]).toEqual([true, true]);
  const [id = ""] = readdirSync(join(dir, "files", "pruned", name));
  const folder = join(dir, "files", "pruned", name, id, "0", "0");
  const [file = ""] = readdirSync(folder);
  const text = readFileSync(join(folder, file), "utf8");
  rmSync(join(folder, file));
  const end = Number(/"end":(\d+)/.exec(text)?.[1]);
  const forged = text.replace(`"end":${end}`, `"end":${end + 1}`);
  writeFileSync(join(folder, file), forged);
  const codes = (await verify(forEver, ...auditor)).sinks[0]?.partitions[0]?.problems;
  expect(codes?.[0]?.code).toBe("pruned-wrong");
  expect(codes?.[1]?.code).toBe("manifest-without-data");
  writeFileSync(join(folder, file), text);
}, 180_000);

test("a sink that is added begins with what is kept, and the newest batch may expire as well", async () => {
  const three = written("three.yaml", ["files", "copy", "added"], "\nretention: 2d");
  await produce(20, 0);
  await archive(three);
  expect(files("added", "data")).toEqual(files("files", "data"));
  const report = await verify(three, "--across-sinks");
  expect(report.sinks.map((s) => s.partitions[0]?.problems)).toEqual([[], [], []]);
  expect(report.ok).toBe(true);
  const late = report.sinks[2]?.partitions[0]?.firstOffset;
  expect(late).toBeGreaterThan(0);
  // A store's own rule goes by age alone: also the newest batch of a topic that fell silent.
  await produce(40, 4);
  await archive(three);
  const newest = files("files", "data").toSorted().at(-1) ?? "";
  for (const sink of ["files", "copy", "added"]) {
    const [id = ""] = readdirSync(join(dir, sink, "data", name));
    rmSync(join(dir, sink, "data", name, id, "0", "0", "00000000000", newest));
  }
  const daemon = Daemon.start(three, join(dir, "daemon.log"));
  await sleep(3_000);
  await produce(20, 0);
  await topic.archived(name, 60_000, () => (daemon.running ? null : daemon.logTail()));
  await daemon.drain();
  for (const sink of ["files", "copy", "added"])
    expect(files(sink, "data"), sink).not.toContain(newest);
  expect((await verify(three, "--across-sinks")).ok).toBe(true);
  expect(statSync(join(dir, "added")).isDirectory()).toBe(true);
}, 180_000);
