import { spawn, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, test } from "vitest";
import { Daemon } from "../../faults/daemon.ts";
import { LiveTopic } from "../../faults/topic.ts";
import { named, sharedKafka } from "../../kafka/live-kafka.ts";
import { KafkaServer } from "../../servers/kafka.ts";
import { common, lineageOf, rawRecords } from "./raw-records.ts";

const MAIN = fileURLToPath(new URL("../../../src/main.ts", import.meta.url));
let target: KafkaServer;
const dir = mkdtempSync(join(tmpdir(), "archiver-to-kafka-"));

beforeAll(async () => {
  target = await KafkaServer.start({ heap: "320m", clusterId: "YW5vdGhlci1jbHVzdGVyLQ" });
}, 180_000);

afterAll(async () => {
  await target.stop();
  rmSync(dir, { recursive: true, force: true });
});

interface Run {
  readonly prefix: string;
  readonly topic: LiveTopic;
  readonly config: string;
  readonly group: string;
  start(env?: Readonly<Record<string, string>>): Daemon;
}

async function prepared(
  partitions: number,
  o: { from?: string; to?: string; topic?: string; prefix?: string } = {},
): Promise<Run> {
  const from = o.from ?? sharedKafka();
  const topic = await LiveTopic.create(from, o.topic ?? named("copied"), partitions);
  const group = named("to-kafka");
  const config = join(dir, `${group}.yaml`);
  // Each archive has a ledger of its own in a target.
  const prefix = o.prefix ?? `${group}.`;
  const to = JSON.stringify(o.to ?? target.bootstrap);
  const sink = `kind: kafka, brokers: [${to}], topicPrefix: ${JSON.stringify(prefix)}`;
  writeFileSync(
    config,
    [
      `kafka: { brokers: [${JSON.stringify(from)}], sessionTimeout: 6s, heartbeat: 500ms }`,
      `group: ${group}`,
      `topics: [${topic.topic}]`,
      "batch: { bytes: 64KiB, age: 500ms }",
      "memory: 64MiB",
      "sinks:",
      `  - { name: files, kind: fs, path: ./${group} }`,
      `  - { name: site-b, ${sink}, ledgerTopic: ${group}.ledger }`,
      "",
    ].join("\n"),
  );
  const log = join(dir, `${group}.log`);
  return { prefix, topic, config, group, start: (env = {}) => Daemon.start(config, log, env) };
}

/** Key, value, headers, timestamp and partition of every record, in order, once. */
async function sameRecords(source: string, topic: string, copy: string): Promise<number> {
  const [own, copied] = await Promise.all([
    rawRecords(source, topic),
    rawRecords(target.bootstrap, copy),
  ]);
  expect(new Set(copied.keys())).toEqual(new Set(own.keys()));
  let records = 0;
  for (const [partition, list] of own) {
    const there = copied.get(partition) ?? [];
    expect(there.map((r) => common(r, true))).toEqual(list.map((r) => common(r, false)));
    expect(there.map((r) => lineageOf(r).slice(1))).toEqual(
      list.map((r) => [
        `bulk-archiver.topic=${topic}`,
        `bulk-archiver.partition=${partition}`,
        `bulk-archiver.offset=${r.offset}`,
      ]),
    );
    records += list.length;
  }
  return records;
}

/** Headers in an order of their own, twice and without a value: kcat writes them as they are given. */
async function oddHeaders(topic: string): Promise<void> {
  const headers = ["-H", "z=1", "-H", "a=", "-H", "z=2", "-H", "n", "-H", "a=3"];
  const args = ["-P", "-b", sharedKafka(), "-t", topic, "-p", "0", ...headers];
  const child = spawn("kcat", args, { stdio: ["pipe", "ignore", "inherit"] });
  child.stdin.end("odd one\nodd two\n");
  expect(await new Promise((resolve) => child.once("close", resolve))).toBe(0);
}

test("killed daemons and a killed target: every record once, as it was", async () => {
  const run = await prepared(3);
  const { topic } = run;
  topic.begin(150, 40);
  await oddHeaders(topic.topic);
  for (let round = 0; round < 5; round += 1) {
    const daemon = run.start();
    await sleep(1_800 + 350 * round);
    if (round === 2) await target.kill(0);
    if (round === 2) await target.restart(0);
    if (round === 2) await sleep(1_500);
    await daemon.kill();
  }
  await topic.stop();
  const last = run.start();
  await topic.archived(run.group, 90_000, () => (last.running ? null : last.logTail()));
  await last.drain();
  const records = await sameRecords(sharedKafka(), topic.topic, `${run.prefix}${topic.topic}`);
  expect(records).toBe(topic.sent + 2);
  const sinks = ["--sink", "files", "--sink", "site-b", "--across-sinks"];
  const verified = spawnSync(process.execPath, [MAIN, "verify", ...sinks, "--config", run.config], {
    encoding: "utf8",
  });
  expect(verified.status, verified.stdout + verified.stderr).toBe(0);
  await topic.close();
}, 240_000);

test("zombies that wake in the middle of their batches add nothing", async () => {
  const run = await prepared(1);
  const { topic } = run;
  topic.begin(200, 25);
  const first = run.start({ BULK_ARCHIVER_FAILPOINT: "mid-data:3:sink=site-b:stop" });
  await first.stopped(60_000);
  const second = run.start();
  // At some moment of its work, while the first one's time-out lets it have the partition.
  await sleep(9_500);
  second.signal("SIGSTOP");
  const third = run.start();
  first.signal("SIGCONT");
  await sleep(8_000);
  second.signal("SIGCONT");
  await sleep(1_000);
  await topic.stop();
  await topic.archived(run.group, 90_000, () => null);
  await Promise.all([first.kill(), second.kill(), third.drain()]);
  const records = await sameRecords(sharedKafka(), topic.topic, `${run.prefix}${topic.topic}`);
  expect(records).toBe(topic.sent);
  await topic.close();
}, 240_000);

test("what comes back from the target is filtered: two sites that copy each other end", async () => {
  const there = await prepared(1, { prefix: "" });
  const { topic } = there;
  const back = await prepared(1, {
    from: target.bootstrap,
    to: sharedKafka(),
    topic: topic.topic,
    prefix: "",
  });
  await topic.produce(300);
  await back.topic.produce(200);
  const daemons = [there.start(), back.start()];
  // Each has its own records and the other's, and nothing more is added.
  const topicsHold = async (): Promise<number[]> => {
    const both = [sharedKafka(), target.bootstrap].map((at) => rawRecords(at, topic.topic));
    return (await Promise.all(both)).map((m) => m.get(0)?.length ?? 0);
  };
  const all = [500, 500];
  for (let tries = 0; tries < 120; tries += 1) {
    if ((await topicsHold()).join() === all.join()) break;
    await sleep(500);
  }
  expect(await topicsHold()).toEqual(all);
  await sleep(4_000);
  expect(await topicsHold()).toEqual(all);
  for (const d of daemons) await d.drain();
  expect(await topicsHold()).toEqual(all);
  await Promise.all([topic.close(), back.topic.close()]);
}, 240_000);
