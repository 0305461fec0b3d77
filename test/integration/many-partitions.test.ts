import { randomBytes } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { encodeRecordBatch } from "../../src/record-batch/writer.ts";
import { costOf } from "../bench/measure.ts";
import { createTopic, named, sharedKafka, withAdmin } from "../kafka/live-kafka.ts";
import { Lanes } from "./lanes.ts";
import { manifestsOf } from "./manifests.ts";
import { bulkRecords } from "./odd-records.ts";
import { RawProducer } from "./raw-producer.ts";
import { EvenProducer } from "./even-producer.ts";

const PARTITIONS = 1_000;
const BATCH_KIB = 256;
const BATCH_BYTES = BATCH_KIB * 1024;
const AGE_S = 8;
/** Of one partition, each second; one record batch. */
const RATE = 10_000;
const SECONDS = 36;
/** Rounds until the daemon's first files are out and the rate is even. */
const SETTLED = 10;
const RECORDS = 10;
/** How long it takes is printed, not judged: on a busy machine it is minutes. */
const PATIENCE_MS = 240_000;
const topic = named("many");
let lanes: Lanes;

/** One record batch of about RATE bytes that nothing can shrink. */
function batch(): Buffer {
  const now = BigInt(Date.now());
  const value = randomBytes(RATE / RECORDS - 20);
  const records = Array.from({ length: RECORDS }, (_, i) => ({
    ...{ offset: BigInt(i), timestamp: now, key: null, value, headers: [] },
  }));
  return encodeRecordBatch({ baseOffset: 0n, records });
}

beforeAll(async () => {
  await createTopic(topic, PARTITIONS);
  lanes = await Lanes.prepare({
    bootstrap: sharedKafka(),
    memory: "256MiB",
    sessionTimeout: "30s",
    lanes: [
      {
        ...{ name: "files", topics: [topic] },
        batch: `{ bytes: ${BATCH_KIB}KiB, age: ${AGE_S}s }`,
        compression: "{ codec: none }",
      },
    ],
  });
});
afterAll(async () => {
  await lanes.close();
  await withAdmin((admin) => admin.deleteTopics({ topics: [topic] }));
});

describe(`${PARTITIONS} partitions in one process of 256 MiB`, () => {
  const timeout = 2 * PATIENCE_MS;
  it("make files of the size that rate and age allow, within the budget", { timeout }, async () => {
    const producer = await EvenProducer.open(sharedKafka(), topic, PARTITIONS);
    await firstRecords();
    const { pid } = lanes.start();
    await ready();
    let most = 0;
    let limit = 0;
    const one = batch();
    for (let s = 0; s < SECONDS; s += 1) {
      await producer.everywhere(one, 1_000);
      const { memory } = await lanes.status();
      most = Math.max(most, memory?.used ?? 0);
      limit = memory?.limit ?? 0;
    }
    const began = performance.now();
    await lanes.archived("files", [topic], { ms: PATIENCE_MS });
    const tookS = (performance.now() - began) / 1_000;
    const { peakMb, cpuSeconds } = costOf(pid);
    await lanes.daemon.drain();
    await producer.close();
    const sizes = wholeFiles();
    const least = producer.leastWithin(AGE_S * 1_000, SETTLED);
    const wanted = 0.8 * Math.min(BATCH_BYTES, least);
    console.log(
      `${PARTITIONS} partitions, at least ${least} bytes each in ${AGE_S} s: ` +
        `${sizes.length} files, least ${sizes[0]}, median ${sizes[sizes.length >> 1]}, wanted ${wanted.toFixed(0)}; ` +
        `${cpuSeconds.toFixed(1)} CPU-s, ${peakMb.toFixed(0)} MB at most, ` +
        `budget ${(most / 1e6).toFixed(0)} of ${(limit / 1e6).toFixed(0)} MB, done ${tookS.toFixed(1)} s after the last record`,
    );
    expect(most).toBeLessThanOrEqual(limit);
    // On a busy machine some are as old as they may be while their newest records are still on their way.
    expect(sizes[Math.floor(sizes.length / 20)]).toBeGreaterThanOrEqual(wanted);
    expect(sizes[0]).toBeGreaterThanOrEqual(wanted / 2);
  });

  it("and every record of them is there", async () => {
    const manifests = manifestsOf(lanes.archive("files"), topic);
    const sum = manifests.reduce((n, m) => n + m.records, 0);
    expect(sum).toBe(PARTITIONS * (SECONDS + 1) * RECORDS);
    for (const partition of [0, 333, PARTITIONS - 1]) {
      const { records } = await lanes.audit("files", topic, { partition });
      expect(records).toBe((SECONDS + 1) * RECORDS);
    }
  });
});

/** With the first record of each partition the broker creates files, which takes its time. */
async function firstRecords(): Promise<void> {
  const p = await RawProducer.open(sharedKafka(), null);
  for (let partition = 0; partition < PARTITIONS; partition += 1)
    await p.send(topic, partition, bulkRecords(BigInt(Date.now()), RECORDS));
  await p.close();
}

/** Every partition is past the reading of positions. */
async function ready(): Promise<void> {
  for (const until = Date.now() + 60_000; Date.now() < until && lanes.daemon.running;) {
    const text = await metricsText();
    const found = /^bulk_archiver_partitions\{state="running"\} (\d+)$/m.exec(text)?.[1];
    if (Number(found) === PARTITIONS) return;
    await sleep(100);
  }
  throw new Error(`the daemon is not at work; its log ends:\n${lanes.daemon.logTail()}`);
}

/** Empty while the daemon's page does not answer: it opens after the start of the process. */
async function metricsText(): Promise<string> {
  try {
    const answer = await fetch(`${lanes.url}/metrics`);
    return answer.ok ? await answer.text() : "";
  } catch (error) {
    if (error instanceof TypeError) return "";
    throw error;
  }
}

/** Sizes of the batches begun at the even rate, ascending, without the last one of each partition. */
function wholeFiles(): number[] {
  const all = manifestsOf(lanes.archive("files"), topic);
  const last = new Map(all.map((m) => [m.partition, m.start]));
  return all
    .filter((m) => m.start > SETTLED * RECORDS && last.get(m.partition) !== m.start)
    .map((m) => m.seal.contentSize)
    .sort((a, b) => a - b);
}
