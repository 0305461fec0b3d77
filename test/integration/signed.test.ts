import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { VerifyReport } from "../../src/operate/verify/report.ts";
import { keygen, signingKeygen } from "../../src/seal/keygen.ts";
import { configDir } from "../config/load.ts";
import { Daemon, writeConfig } from "../faults/daemon.ts";
import { LiveTopic } from "../faults/topic.ts";
import { cli } from "../operate/cli-process.ts";

/**
 * An archive that is encrypted and signed, over a change of seed and with a sink that is added: what an
 * auditor with the public key, the heads and Kafka finds, before and after somebody took the newest
 * batches away from every sink.
 */
const bootstrap = process.env["TEST_KAFKA"] ?? "";
const topicName = `signed-${process.pid}`;
const headsTopic = `heads-${process.pid}`;
const dir = configDir();
const keys = join(dir, "keys");
let topic: LiveTopic;
let recipient: string;

type Kind = "file" | "topic" | "sink";
const PLACE: Readonly<Record<Kind, string>> = {
  file: "file: ./published",
  topic: `topic: ${headsTopic}`,
  sink: "sink: apart",
};

function config(kind: Kind, sinks: readonly string[]): string {
  return writeConfig(dir, `${kind}.yaml`, {
    bootstrap,
    group: topicName,
    topics: [topicName],
    batchBytes: "8KiB",
    recipient,
    seedFile: "keys/seed",
    sinks: kind === "sink" ? [...sinks, "apart"] : sinks,
    extra: `signing: { keyFile: keys/signing }\nheads: { ${PLACE[kind]}, every: 1s }`,
  });
}

async function archive(path: string, records: number): Promise<void> {
  const daemon = Daemon.start(path, join(dir, "daemon.log"));
  try {
    await topic.produce(records);
    const alive = (): string | null => (daemon.running ? null : daemon.logTail());
    await topic.archived(topicName, 60_000, alive);
    await daemon.drain();
  } finally {
    await daemon.kill();
  }
}

const verify = (path: string, ...argv: string[]): ReturnType<typeof cli> => {
  const identity = ["--identity", join(keys, "identity")];
  return cli(["verify", "--json", "--deep", ...identity, "--config", path, "--head", ...argv]);
};

const used = (report: VerifyReport): string[] =>
  report.evidence.filter((e) => e.used).map(({ of }) => of);
const FULL = ["--across-sinks", "--against-kafka"];

beforeAll(async () => {
  topic = await LiveTopic.create(bootstrap, topicName, 2);
  await (await LiveTopic.create(bootstrap, headsTopic, 1)).close();
  ({ recipient } = await keygen(keys));
  await signingKeygen(keys);
}, 180_000);
afterAll(async () => {
  await topic.close();
  rmSync(dir, { recursive: true, force: true });
});

test("every kind of evidence is there, and holds", async () => {
  const path = config("file", ["files", "copy"]);
  await archive(path, 400);
  const { code, stdout } = await verify(path, ...FULL);
  const report = JSON.parse(stdout) as VerifyReport;
  expect([code, report.ok]).toEqual([0, true]);
  expect(used(report)).toEqual(["chain", "mac", "signature", "head", "sinks", "kafka"]);
  const { batches, macs, signatures, heads } = report.totals;
  expect([macs, signatures]).toEqual([batches, batches]);
  expect(heads).toBeGreaterThanOrEqual(4);
  expect(report.againstKafka?.heads).toBe(2);
}, 180_000);

test("after a change of seed old batches are copied to a new sink with the MACs they had", async () => {
  const seed = join(keys, "seed");
  const old = readFileSync(seed, "utf8").trim();
  writeFileSync(seed, `next:${"5a".repeat(32)}\n${old}\n`);
  const path = config("topic", ["files", "copy", "added"]);
  await archive(path, 400);
  const { code, stdout } = await verify(path, ...FULL);
  const report = JSON.parse(stdout) as VerifyReport;
  expect([code, report.ok]).toEqual([0, true]);
  expect(report.totals.macs).toBe(report.totals.batches);
  const counts = report.sinks.map((s) => s.partitions.map((p) => [p.batches, p.firstOffset]));
  expect(counts[2]).toEqual(counts[0]);
  // What a stranger's tool reads is one line a head.
  const kcat = ["-C", "-b", bootstrap, "-t", headsTopic, "-e", "-q", "-D", ""];
  const lines = execFileSync("kcat", kcat, { encoding: "utf8" });
  writeFileSync(join(dir, "from-kcat"), lines);
  const auditor = ["--public-key", join(keys, "signing.pub"), "--config", path];
  const read = await cli(["verify", "--quick", "--head", join(dir, "from-kcat"), ...auditor]);
  expect(read).toMatchObject({ code: 0 });
}, 180_000);

test("the newest batch taken away from every sink is missed by head and by Kafka", async () => {
  const path = config("sink", ["files", "copy", "added"]);
  await archive(path, 200);
  const whole = await verify(path, ...FULL, "--sink", "files", "--sink", "copy", "--sink", "added");
  expect(whole).toMatchObject({ code: 0 });
  for (const sink of ["files", "copy", "added"]) {
    for (const kind of ["data", "manifests"]) {
      const folder = join(dir, sink, kind, topicName);
      const [id = ""] = readdirSync(folder);
      const last = join(folder, id, "0", "0", "00000000000");
      rmSync(join(last, readdirSync(last).toSorted().at(-1) ?? ""));
    }
  }
  const without = await cli(["verify", "--quick", "--config", path, "--sink", "files"]);
  expect(without.code).toBe(0);
  const { code, stdout } = await verify(path, "--against-kafka", "--sink", "files");
  const report = JSON.parse(stdout) as VerifyReport;
  expect(code).toBe(3);
  const codes = report.sinks[0]?.partitions[0]?.problems.map((p) => p.code);
  expect(codes).toEqual(["head-missing"]);
  const inKafka = report.againstKafka?.partitions[0]?.problems.map((p) => p.code);
  expect(inKafka).toContain("head-missing");
  expect(report.againstKafka?.lost).toBeGreaterThan(0);
}, 180_000);
