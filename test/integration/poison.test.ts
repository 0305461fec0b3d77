import { execFileSync } from "node:child_process";
import { closeSync, openSync, readFileSync, writeSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { crc32c } from "@node-rs/crc32";
import { afterAll, beforeAll, expect, it } from "vitest";
import { createTopic, named } from "../kafka/live-kafka.ts";
import { KafkaServer } from "../servers/kafka.ts";
import { Lanes } from "./lanes.ts";
import { manifestsOf } from "./manifests.ts";
import { committed } from "./offsets.ts";
import { bytes, type NewRecord, RawProducer } from "./raw-producer.ts";

/**
 * A record batch that nobody can decode, with a CRC that is right: made by changing the broker's own log
 * while it is down, as no broker takes such bytes from a producer.
 */
const topic = named("poison");
const BATCH = 20;
/** Records of long ago would be taken by retention at its first look. */
const NOW = Date.now();
const POISON = { from: BATCH, to: 2 * BATCH };
let kafka: KafkaServer;
let lanes: Lanes;

const records = (from: number): NewRecord[] =>
  Array.from({ length: BATCH }, (_, i) => ({
    ...{ timestamp: BigInt(NOW + i), key: null, headers: [] },
    value: bytes(`value ${from + i} ${"y".repeat(40)}`),
  }));

/** Overwrites the compressed records of the batch that begins at the offset. */
function spoil(): Buffer {
  const path = join(kafka.logDirs[0] ?? "", `${topic}-0`, `${"0".repeat(20)}.log`);
  const log = readFileSync(path);
  let at = 0;
  while (log.readBigInt64BE(at) !== BigInt(POISON.from)) at += 12 + log.readInt32BE(at + 8);
  const batch = log.subarray(at, at + 12 + log.readInt32BE(at + 8));
  batch.fill(0xee, 61);
  batch.writeUInt32BE(crc32c(batch.subarray(21)), 17);
  const file = openSync(path, "r+");
  writeSync(file, batch, 0, batch.length, at);
  closeSync(file);
  return batch;
}

let spoiled: Buffer;

beforeAll(async () => {
  kafka = await KafkaServer.start();
  await createTopic(topic, 1, kafka.bootstrap);
  const producer = await RawProducer.open(kafka.bootstrap, null);
  for (let i = 0; i < 4; i += 1) await producer.send(topic, 0, records(i * BATCH), "zstd");
  await producer.close();
  await kafka.shutDown(0);
  spoiled = spoil();
  await kafka.restart(0);
  lanes = await Lanes.prepare({
    bootstrap: kafka.bootstrap,
    lanes: [
      { name: "keep", topics: [topic], format: "ndjson", encrypted: true, sinks: ["keep", "copy"] },
      { name: "raw", topics: [topic], format: "segment" },
      { name: "stop", topics: [topic], format: "ndjson", more: "onPoison: stop" },
    ],
  });
  lanes.start();
}, 90_000);
afterAll(async () => {
  await lanes.close();
  await kafka.stop();
});

it("is kept raw in its batch, counted and said; the records around it are archived", async () => {
  await lanes.archived("keep", [topic]);
  const counts = manifestsOf(lanes.archive("copy"), topic);
  const sum = (of: (m: (typeof counts)[number]) => number): number =>
    counts.map(of).reduce((a, b) => a + b, 0);
  expect([sum((m) => m.records), sum((m) => m.deadLettered)]).toEqual([3 * BATCH, BATCH]);
  const { code, stdout } = await lanes.cli(
    ...["cat", "--sink", "keep", "--identity", lanes.identity, "--topic", topic],
  );
  expect(code).toBe(0);
  const offsets = stdout
    .trimEnd()
    .split("\n")
    .map((line) => (JSON.parse(line) as { offset: number }).offset);
  const readable = Array.from({ length: 4 * BATCH }, (_, i) => i).filter(
    (o) => o < POISON.from || o >= POISON.to,
  );
  expect(offsets).toEqual(readable);
  const log = readFileSync(lanes.daemon.logPath, "utf8");
  expect(log).toMatch(/"deadLettered":20.*cannot be decoded, raw/);
  const report = await lanes.verified("keep");
  expect(report.againstKafka?.explained).toMatchObject({ deadLettered: BATCH });
});

it("its bytes are the broker's, for any reader of the format", async () => {
  const lines = manifestsOf(lanes.archive("keep"), topic).flatMap((m) => {
    const file = join(lanes.archive("keep"), m.seal.path);
    const open = `age -d -i '${lanes.identity}' '${file}' | zstd -dc`;
    return execFileSync("bash", ["-c", open], { encoding: "utf8" }).split("\n");
  });
  const raw = lines.filter((line) => line.includes('"endOffset":'));
  expect(raw.length).toBe(1);
  const { offset, endOffset, recordBatchBase64 } = JSON.parse(raw[0] ?? "") as {
    [name: string]: unknown;
  };
  expect([offset, endOffset]).toEqual([POISON.from, POISON.to]);
  expect(Buffer.from(String(recordBatchBase64), "base64").equals(spoiled)).toBe(true);
});

it("is archived as it is by segment, and stops its partition where the operator wants that", async () => {
  await lanes.archived("raw", [topic]);
  const [m] = manifestsOf(lanes.archive("raw"), topic);
  expect(m?.records).toBe(4 * BATCH);
  let waiting = "";
  for (let i = 0; i < 100 && waiting === ""; i += 1) {
    const { partitions } = await lanes.status();
    const stopped = partitions.find(
      (p) => p.state === "stopped" && p.group === lanes.group("stop"),
    );
    waiting = stopped?.waiting ?? "";
    await sleep(100);
  }
  expect(waiting).toContain(`offsets ${POISON.from} to ${POISON.to} cannot be decoded`);
  const at = await committed(kafka.bootstrap, lanes.group("stop"), [topic]);
  expect(at.get(`${topic}/0`)).toBe(0n);
});
