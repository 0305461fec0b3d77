import { execFileSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { CODECS } from "../../../src/record-batch/header.ts";
import { Daemon, writeConfig } from "../../faults/daemon.ts";
import { LiveTopic } from "../../faults/topic.ts";
import { bulkRecords, oddRecords } from "../../integration/odd-records.ts";
import { RawProducer } from "../../integration/raw-producer.ts";
import { named, sharedKafka } from "../../kafka/live-kafka.ts";
import { cli } from "../../operate/cli-process.ts";
import { sameEverywhere } from "./same-records.ts";
import { sharedSix } from "./shared-six.ts";
import { NAMES, SixSinks } from "./six-sinks.ts";

/** One run archives one topic to six stores at once; each is then read by somebody else. */
const home = mkdtempSync(join(tmpdir(), "archiver-six-"));
const PARTITIONS = 3;
let six: SixSinks;
let daemon: Daemon | undefined;
let live: LiveTopic;

beforeAll(async () => {
  six = await SixSinks.prepare(home, await sharedSix());
  live = await LiveTopic.create(sharedKafka(), named("six"), PARTITIONS);
}, 300_000);

afterAll(async () => {
  await daemon?.kill();
  await live?.close();
  await six?.dispose();
  rmSync(home, { recursive: true, force: true });
});

/** Odd ones, of every codec, some of them in transactions that are taken back. */
async function produce(): Promise<void> {
  const plain = await RawProducer.open(sharedKafka(), null);
  const writer = await RawProducer.open(sharedKafka(), named("six-writer"));
  const at = BigInt(Date.now());
  for (const [i, codec] of CODECS.entries()) {
    const partition = i % PARTITIONS;
    await plain.send(live.topic, partition, oddRecords(at), codec);
    await plain.send(live.topic, partition, bulkRecords(at, 120), codec);
    await writer.add(live.topic, partition);
    await writer.send(live.topic, partition, bulkRecords(at, 20), codec);
    await writer.end(i % 2 === 0);
  }
  await Promise.all([plain.close(), writer.close()]);
}

/** What `check` has to say of each sink, as real servers answer. */
const TOLD = {
  files: { capabilities: "ok", "write-probe": "ok" },
  ceph: {
    capabilities: "ok",
    "s3-create-only": "ok",
    "s3-replace": "ok",
    "s3-versioning": "ok",
    "write-probe": "ok",
  },
  lake: { capabilities: "ok", "hdfs-one-copy": "warning", "write-probe": "ok" },
  search: { capabilities: "ok", "elasticsearch-writes": "ok", "elasticsearch-translog": "ok" },
  wide: { capabilities: "ok", "cassandra-commitlog": "ok", "write-probe": "ok" },
  "site-b": { capabilities: "ok", "kafka-creates": "ok" },
};

function toldOf(report: string): Readonly<Record<string, Readonly<Record<string, string>>>> {
  const { findings } = JSON.parse(report) as {
    findings: readonly { about: string; code: string; level: string }[];
  };
  const of = (name: string): Record<string, string> =>
    Object.fromEntries(
      findings.filter((f) => f.about === `sink ${name}`).map((f) => [f.code, f.level]),
    );
  return Object.fromEntries(NAMES.map((name) => [name, of(name)]));
}

function keys(): { recipient: string; seedFile: string; identity: string } {
  const identity = join(home, "identity");
  execFileSync("age-keygen", ["-o", identity], { stdio: "pipe" });
  writeFileSync(join(home, "seed"), `${randomBytes(32).toString("hex")}\n`);
  const recipient = execFileSync("age-keygen", ["-y", identity], { encoding: "utf8" }).trim();
  return { recipient, seedFile: "./seed", identity };
}

test("one topic in six sinks at once, each read by a foreign tool, and verified", async () => {
  const { identity, ...encryption } = keys();
  const allow = { plaintext: "allow" };
  const configured = (name: string, more: Parameters<SixSinks["entries"]>[1]): string =>
    writeConfig(home, name, {
      ...{ bootstrap: sharedKafka(), group: live.topic, topics: [live.topic], sinks: [] },
      ...{ batchBytes: "64KiB", age: "500ms" },
      ...encryption,
      extra: six.entries(NAMES, more),
    });
  // What lies readable in a store has to be allowed by name, sink by sink.
  for (const [readable, other] of [
    ["search", "site-b"],
    ["site-b", "search"],
  ] as const) {
    const refused = configured(`${readable}.yaml`, { [other]: allow });
    const { code, stderr } = await cli(["check", "--config", refused]);
    expect(code, stderr).toBe(2);
    expect(stderr).toMatch(new RegExp(`${readable}.*plaintext: allow`, "s"));
  }
  const config = configured("c.yaml", { search: allow, "site-b": allow });
  const checked = await cli(["check", "--config", config, "--json"]);
  expect(checked.code, checked.stdout + checked.stderr).toBe(0);
  expect(toldOf(checked.stdout)).toMatchObject(TOLD);

  await produce();
  daemon = Daemon.start(config, join(home, "daemon.log"));
  await live.produce(1_000);
  await produce();
  const alive = (): string | null => (daemon?.running === true ? null : (daemon?.logTail() ?? ""));
  await live.archived(live.topic, 120_000, alive);
  await daemon.drain();

  const source = { bootstrap: sharedKafka(), topic: live.topic, identity };
  const { records, files } = await sameEverywhere(six, source);
  expect(records).toBeGreaterThan(2 * CODECS.length * 130 + 1_000);
  expect(files).toBeGreaterThan(4 * PARTITIONS);
  const argv = ["verify", "--config", config, "--deep", "--across-sinks", "--against-kafka"];
  const sinks = NAMES.flatMap((name) => ["--sink", name]);
  const verified = await cli([...argv, ...sinks, "--identity", identity, "--json"]);
  expect(verified.code, verified.stdout + verified.stderr).toBe(0);
  console.log(`six sinks: ${records} records in ${files} files`);
}, 240_000);
