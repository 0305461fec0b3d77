import { randomUUID } from "node:crypto";
import { Kafka, logLevel } from "kafkajs";
import { afterAll, beforeAll, expect, test } from "vitest";
import { genesisLink } from "../../src/core/chain.ts";
import { makeManifest } from "../../src/core/manifest.ts";
import type { ArchivedRecord } from "../../src/core/record.ts";
import { NEVER } from "../../src/operate/verify/expiry.ts";
import { foreignOpener } from "../../src/operate/verify/foreign-opener.ts";
import { type VerifyRequest, runVerify } from "../../src/operate/verify/run-verify.ts";
import { EVERY_FILE } from "../../src/operate/verify/sampling.ts";
import { payloadRecords } from "../../src/record-batch/payload-records.ts";
import type { SealedBatch, Sink } from "../../src/sdk/sink.ts";
import { openSink } from "../sinks/kafka/kafka-place.ts";
import {
  content,
  drop,
  IDENTITY,
  never,
  newSink,
  sampleRecords,
  type SampleSink,
  SCOPE,
  sealed,
} from "./sample-archive.ts";

/** A sink of files and one of records (Kafka): each whole by itself, compared record by record. */
const bootstrap = process.env["TEST_KAFKA"] ?? "";
const prefix = `verify-${randomUUID().slice(0, 8)}.`;
let files: SampleSink;
let copies: Sink;

const recordsOf = (start: bigint): readonly ArchivedRecord[] => {
  const bytes = content("segment", sampleRecords(start));
  const blocks = new SharedArrayBuffer(bytes.length);
  new Uint8Array(blocks).set(bytes);
  return [...payloadRecords({ blocks: [blocks], length: bytes.length })].flat();
};

beforeAll(async () => {
  files = await newSink("files");
  copies = await openSink(prefix);
  await copies.claim(IDENTITY, never);
  let link = genesisLink(IDENTITY.archiveId, SCOPE);
  for (const start of [0n, 10n, 20n]) {
    const file = sealed({ format: "segment", encrypted: false }, start, sampleRecords(start));
    const records = recordsOf(start).map((r) =>
      r.offset === 15n ? { ...r, value: Buffer.from("another") } : r,
    );
    async function* some(): AsyncGenerator<readonly ArchivedRecord[]> {
      yield records;
      await Promise.resolve();
    }
    const batch: SealedBatch = { ...file, records: some };
    const manifest = makeManifest(file.description, link);
    ({ link } = manifest);
    for (const sink of [files.sink, copies]) {
      await sink.publish(batch, never);
      await sink.describe(manifest, never);
    }
  }
}, 60_000);
afterAll(async () => {
  await drop(files);
  await copies.close();
});

test("--deep compares the records of files with those that a sink of records gives back", async () => {
  const deep = await runVerify(request(), never);
  expect(deep.sinks.map(({ ok }) => ok)).toEqual([true, true]);
  expect(deep.totals).toMatchObject({ filesRead: 3, opened: 6 });
  const found = deep.across?.problems.map((p) => `${p.sink} ${p.code}@${p.start}`);
  expect(found).toEqual(["copies across-records@10"]);
  const shallow = await runVerify({ ...request(), deep: false }, never);
  expect(shallow.ok).toBe(true);
}, 60_000);

test("records that a topic's own retention dropped are missed, unless they had expired", async () => {
  const kafka = new Kafka({ brokers: bootstrap.split(","), logLevel: logLevel.NOTHING });
  const admin = kafka.admin();
  await admin.connect();
  const topic = `${prefix}${SCOPE.topic}`;
  await admin.fetchTopicOffsets(topic);
  const partitions = [{ partition: SCOPE.partition, offset: "4" }];
  await admin.deleteTopicRecords({ topic, partitions });
  await admin.disconnect();
  const lost = await runVerify({ ...request(), across: false }, never);
  const problems = lost.sinks[1]?.partitions[0]?.problems.map((p) => `${p.code}@${p.start}`);
  expect(problems).toEqual(["records-damaged@0"]);
  const old = await runVerify({ ...request(), deep: false, expiry: (m) => m.start === 0n }, never);
  expect([old.ok, old.totals.expired]).toEqual([true, 1]);
}, 60_000);

function request(): VerifyRequest {
  return {
    ...{ tool: "bulk-archiver 0.0.0", filter: {}, seeds: new Map(), publicKeys: new Map() },
    sinks: [files, { name: "copies", sink: copies }],
    ...{ heads: undefined, open: foreignOpener([]), quick: false, across: true, index: true },
    ...{ deep: true, topics: undefined, sampling: EVERY_FILE, expiry: NEVER, wall: () => 0 },
    tailWaitMs: 0,
    progress: { total: () => undefined, done: () => undefined, compared: () => undefined },
  };
}
