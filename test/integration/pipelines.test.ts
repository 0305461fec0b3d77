import { readFileSync, renameSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, expect, it } from "vitest";
import { createTopic, named, sharedKafka } from "../kafka/live-kafka.ts";
import { Lanes } from "./lanes.ts";
import { manifestsOf } from "./manifests.ts";
import { bulkRecords } from "./odd-records.ts";
import { RawProducer } from "./raw-producer.ts";

/**
 * Two pipelines of one daemon archive the same topic, as segments and as lines, each with a group and a
 * sink of its own: what one waits for is nothing to the other.
 */
const topic = named("twice");
const PARTITIONS = [0, 1];
/** Uncompressed, so that what waits for a sink that is away needs more than the memory there is. */
const RECORDS = 4_000;
let producer: RawProducer;
let lanes: Lanes;
let sent = 0;

async function put(rounds: number): Promise<void> {
  for (let i = 0; i < rounds; i += 1) {
    for (const partition of PARTITIONS) {
      await producer.send(topic, partition, bulkRecords(BigInt(Date.now()), RECORDS), "none");
      sent += RECORDS;
    }
  }
}

const mount = (sink: string): string => dirname(lanes.archive(sink));
const leaves = (sink: string): void => renameSync(mount(sink), `${mount(sink)}.gone`);
const returns = (sink: string): void => renameSync(`${mount(sink)}.gone`, mount(sink));
const records = (sink: string): number =>
  manifestsOf(lanes.archive(sink), topic).reduce((n, m) => n + m.records, 0);

async function readiness(): Promise<string> {
  const answer = await fetch(`${lanes.url}/readyz`);
  return `${answer.status} ${(await answer.text()).trim()}`;
}

beforeAll(async () => {
  await createTopic(topic, PARTITIONS.length);
  producer = await RawProducer.open(sharedKafka(), null);
  lanes = await Lanes.prepare({
    bootstrap: sharedKafka(),
    memory: "16MiB",
    mounted: true,
    lanes: [
      { name: "raw", topics: [topic], batch: "{ bytes: 1MiB, age: 1s }" },
      { name: "lines", topics: [topic], format: "ndjson", batch: "{ bytes: 1MiB, age: 1s }" },
    ],
  });
});

afterAll(async () => {
  await producer.close();
  await lanes.close();
});

it("begins without the pipeline whose sink is away, and with it as soon as it is there", async () => {
  leaves("raw");
  await put(2);
  lanes.start();
  await lanes.archived("lines", [topic]);
  expect(await readiness()).toMatch(/^503 .*pipeline raw/);
  returns("raw");
  await lanes.archived("raw", [topic]);
  expect(await readiness()).toBe("200 ready");
  expect([records("raw"), records("lines")]).toEqual([sent, sent]);
});

it("a sink that goes away holds up its own pipeline only, whatever waits there", async () => {
  leaves("raw");
  const before = sent;
  await put(16);
  await lanes.archived("lines", [topic]);
  const { memory, partitions } = await lanes.status();
  expect(memory?.used).toBeGreaterThan(4 << 20);
  expect(memory?.used).toBeLessThanOrEqual(memory?.limit ?? 0);
  const lag = (lane: string): number =>
    partitions
      .filter((p) => p.group === lanes.group(lane))
      .reduce((n, p) => n + Number(p.lag ?? 0), 0);
  expect(lag("lines")).toBe(0);
  expect(lag("raw")).toBeGreaterThan((sent - before) / 2);
  returns("raw");
  await lanes.archived("raw", [topic]);
  await lanes.verified();
  expect([records("raw"), records("lines")]).toEqual([sent, sent]);
});

it("drains both; one that is refused at the start does not keep the other from running", async () => {
  await lanes.daemon.drain();
  // As if the sink of another archive were mounted there.
  renameSync(`${lanes.archive("raw")}/archive.json`, `${lanes.archive("raw")}/archive.json.was`);
  const text = readFileSync(`${lanes.archive("lines")}/archive.json`, "utf8");
  const other = { ...(JSON.parse(text) as object), clusterId: "another-cluster" };
  writeFileSync(`${lanes.archive("raw")}/archive.json`, JSON.stringify(other));
  await put(1);
  lanes.start();
  await lanes.archived("lines", [topic]);
  await sleep(500);
  const log = readFileSync(lanes.daemon.logPath, "utf8");
  expect(log).toMatch(/"pipeline":"raw".*"code":"archive-foreign".*the others do/);
  expect(lanes.daemon.running).toBe(true);
  expect(records("raw")).toBe(sent - RECORDS * PARTITIONS.length);
  await lanes.daemon.drain();
});
