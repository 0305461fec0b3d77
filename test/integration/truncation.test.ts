import { readdirSync, readFileSync, rmSync, truncateSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, expect, it } from "vitest";
import { createTopic, named } from "../kafka/live-kafka.ts";
import { KafkaServer } from "../servers/kafka.ts";
import { Lanes } from "./lanes.ts";
import { committed, stableEnds } from "./offsets.ts";
import { bytes, type NewRecord, RawProducer } from "./raw-producer.ts";

/**
 * A broker comes back without the end of its logs, as after an unclean election: what was archived of
 * it stays as it was, and what comes under the same offsets is archived beside it, in branch 1.
 */
const topic = named("cut");
const [LOST, REGROWN, LIVE] = [0, 1, 2];
const BATCH = 40;
/** Records of long ago would be taken by retention at its first look. */
const NOW = Date.now();
const SURVIVES = 2 * BATCH;
const ARCHIVED = 3 * BATCH;
let kafka: KafkaServer;
let lanes: Lanes;

const texts = (what: string, count: number): string[] =>
  Array.from({ length: count }, (_, i) => `${what} ${i} ${"x".repeat(i % 50)}`);
const records = (values: readonly string[]): NewRecord[] =>
  values.map((value, i) => ({
    ...{ timestamp: BigInt(NOW + i), key: null, value: bytes(value), headers: [] },
  }));

async function put(partition: number, what: string, count: number): Promise<string[]> {
  const p = await RawProducer.open(kafka.bootstrap, null);
  const values = texts(what, count);
  await p.send(topic, partition, records(values), "lz4");
  await p.close();
  return values;
}

/** As if the last record batches had never reached the disk. */
function cut(partition: number): void {
  const data = kafka.logDirs[0] ?? "";
  const dir = join(data, `${topic}-${partition}`);
  const path = join(dir, `${"0".repeat(20)}.log`);
  const log = readFileSync(path);
  let at = 0;
  while (log.readBigInt64BE(at) !== BigInt(SURVIVES)) at += 12 + log.readInt32BE(at + 8);
  truncateSync(path, at);
  for (const name of readdirSync(dir)) {
    if (/index$|snapshot$/.test(name)) rmSync(join(dir, name));
  }
  // Else the broker believes its own list of what is on the disk.
  for (const name of [".kafka_cleanshutdown", "recovery-point-offset-checkpoint"]) {
    rmSync(join(data, name), { force: true });
  }
}

async function comesBackWithout(...partitions: readonly number[]): Promise<void> {
  await kafka.shutDown(0);
  for (const p of partitions) cut(p);
  await kafka.restart(0);
  const ends = await stableEnds(kafka.bootstrap, [topic]);
  for (const p of partitions) expect(ends.get(`${topic}/${p}`)).toBe(BigInt(SURVIVES));
}

/** The group's offset is exactly the log's end, also where it had to go back for that. */
async function settled(...partitions: readonly number[]): Promise<void> {
  const until = Date.now() + 40_000;
  for (;;) {
    const ends = await stableEnds(kafka.bootstrap, [topic]);
    const at = await committed(kafka.bootstrap, lanes.group("files"), [topic]);
    const off = partitions.filter((p) => at.get(`${topic}/${p}`) !== ends.get(`${topic}/${p}`));
    if (off.length === 0) return;
    const seen = off.map((p) => `${p}: ${at.get(`${topic}/${p}`)} of ${ends.get(`${topic}/${p}`)}`);
    if (Date.now() > until) throw new Error(`${seen.join(", ")}; ${lanes.daemon.logTail()}`);
    await sleep(200);
  }
}

/** Values by `cat`, of one branch. */
async function archived(sink: string, partition: number, branch: number): Promise<string[]> {
  const what = ["--topic", topic, "--partition", String(partition), "--branch", String(branch)];
  const { code, stdout, stderr } = await lanes.cli(
    ...["cat", "--sink", sink, "--identity", lanes.identity, ...what],
  );
  expect([code, stderr]).toEqual([0, ""]);
  const lines = stdout.split("\n").filter((l) => l !== "");
  return lines.map((l) => {
    const { offset, value } = JSON.parse(l) as { offset: number; value: string };
    return `${offset} ${value}`;
  });
}

const numbered = (values: readonly string[], from: number): string[] =>
  values.map((v, i) => `${from + i} ${v}`);

const first = new Map<number, string[]>();

beforeAll(async () => {
  kafka = await KafkaServer.start();
  await createTopic(topic, 3, kafka.bootstrap);
  for (const p of [LOST, REGROWN, LIVE]) {
    const parts = [];
    for (const name of ["a", "b", "c"]) parts.push(...(await put(p, `${name}${p}`, BATCH)));
    first.set(p, numbered(parts, 0));
  }
  lanes = await Lanes.prepare({
    bootstrap: kafka.bootstrap,
    lanes: [{ name: "files", topics: [topic], encrypted: true, sinks: ["files", "copy"] }],
  });
  lanes.start();
  await lanes.archived("files", [topic]);
}, 90_000);
afterAll(async () => {
  await lanes.close();
  await kafka.stop();
});

it("goes on beside what was archived, whether the log grew over the loss or not", async () => {
  await lanes.daemon.drain();
  await comesBackWithout(LOST, REGROWN);
  const regrown = await put(REGROWN, "new", ARCHIVED);
  lanes.start();
  await settled(LOST, REGROWN);
  const lost = await put(LOST, "other", 10);
  await settled(LOST, REGROWN);
  for (const sink of ["files", "copy"]) {
    for (const p of [LOST, REGROWN, LIVE]) {
      expect(await archived(sink, p, 0)).toEqual(first.get(p));
    }
    expect(await archived(sink, LOST, 1)).toEqual(numbered(lost, SURVIVES));
    expect(await archived(sink, REGROWN, 1)).toEqual(numbered(regrown, SURVIVES));
  }
  expect(readFileSync(lanes.daemon.logPath, "utf8")).toMatch(/log-cut-short.*branch 1 goes on/);
});

it("does so while it runs, and after another start all of it is where it was", async () => {
  await comesBackWithout(LIVE);
  const live = await put(LIVE, "later", 25);
  await settled(LIVE);
  await lanes.daemon.drain();
  lanes.start();
  const more = await put(LIVE, "last", 5);
  await settled(LOST, REGROWN, LIVE);
  await lanes.daemon.drain();
  expect(await archived("copy", LIVE, 0)).toEqual(first.get(LIVE));
  expect(await archived("copy", LIVE, 1)).toEqual(numbered([...live, ...more], SURVIVES));
  const report = await lanes.verified("files");
  const [files] = report.sinks;
  const branches = files?.partitions.map((p) => `${p.partition} ${p.branch}`);
  expect(branches).toEqual(["0 0", "0 1", "1 0", "1 1", "2 0", "2 1"]);
});
