import { randomBytes } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { parse } from "../../src/core/json.ts";
import type { StatusReport } from "../../src/observe/status-report.ts";
import { createTopic, named, sharedKafka } from "../kafka/live-kafka.ts";
import { type ManifestText, manifestsOf } from "./manifests.ts";
import { stableEnds } from "./offsets.ts";
import { Lanes } from "./lanes.ts";
import { bytes, type NewRecord, RawProducer } from "./raw-producer.ts";

const T0 = 1_763_690_000_000n;
const record = (text: string, n = 0): NewRecord => ({
  timestamp: T0 + BigInt(n),
  key: bytes(text.slice(0, 2)),
  value: bytes(`${text} ${randomBytes(200).toString("base64")}`),
  headers: [],
});

/** What the producers of this test did to one topic, counted as a reader of committed records sees it. */
const tally = { committed: 0, aborted: 0, markers: 0 };
let topic = "";
/** First offset of the transaction that the first test leaves open. */
let opened = 0n;
let lanes: Lanes;
let producers: RawProducer[] = [];
let plain: RawProducer;

function sent(p: RawProducer, partition: number, texts: readonly string[]): Promise<bigint> {
  const codec = (["none", "lz4", "zstd", "gzip"] as const)[producers.indexOf(p)] ?? "none";
  return p.send(topic, partition, texts.map(record), codec);
}

/** Markers are written after the coordinator has answered: waits until a reader gets beyond `offset`. */
async function ended(partition: number, offset: bigint): Promise<void> {
  for (let tries = 0; tries < 200; tries += 1) {
    const stable = (await stableEnds(sharedKafka(), [topic])).get(`${topic}/${partition}`) ?? 0n;
    if (stable > offset) return;
    await sleep(50);
  }
  throw new Error(`the transaction at ${topic}/${partition} did not end`);
}

/** Three producers whose transactions overlap in both partitions, one after the other ending. */
async function round(n: number): Promise<void> {
  const open = producers.slice(0, 3);
  for (const p of open) for (const at of [0, 1]) await p.add(topic, at);
  for (const part of ["a", "b"]) {
    for (const [i, p] of open.entries()) {
      const texts = Array.from({ length: 1 + i }, (_, k) => `p${i} round ${n}${part} ${k}`);
      await sent(p, 0, texts);
      await sent(p, 1, texts);
    }
    await sent(plain, n % 2, [`plain ${n}${part}`]);
    tally.committed += 1;
  }
  for (const [i, p] of open.entries()) {
    const commit = (n + i) % 3 !== 0;
    await p.end(commit);
    tally[commit ? "committed" : "aborted"] += 4 * (1 + i);
    tally.markers += 2;
  }
}

/** A marker with no record before it: two more offsets without a record. */
async function empty(commit: boolean): Promise<void> {
  const p = producers[3] as RawProducer;
  for (const at of [0, 1]) await p.add(topic, at);
  await p.end(commit);
  tally.markers += 2;
}

beforeAll(async () => {
  topic = await createTopic(named("transactions"), 2, sharedKafka(), {
    // The records are of some past day, which retention must not take meanwhile.
    config: { "retention.ms": "-1" },
  });
  plain = await RawProducer.open(sharedKafka(), null);
  const ids = Array.from({ length: 4 }, (_, i) => `${topic}-${i}`);
  producers = await Promise.all(ids.map((id) => RawProducer.open(sharedKafka(), id)));
  lanes = await Lanes.prepare({
    bootstrap: sharedKafka(),
    lanes: [
      { name: "segment", topics: [topic], encrypted: true, batch: "{ bytes: 4KiB, age: 300ms }" },
      { name: "ndjson", topics: [topic], format: "ndjson", batch: "{ bytes: 2KiB, age: 300ms }" },
    ],
  });
});
afterAll(async () => {
  await lanes.close();
  for (const p of [...producers, plain]) await p.close();
});

/**
 * The archive is exactly the read_committed view. `tail`: offsets behind the last batch, which hold
 * markers and aborted records only and become the first ones of the next batch.
 */
async function checked(): Promise<{ aborted: number; control: number; tail: number }[]> {
  const seen = [];
  for (const lane of ["segment", "ndjson"]) {
    const ends = await lanes.archived(lane, [topic]);
    const found = await lanes.audit(lane, topic);
    expect(found.records).toBe(tally.committed);
    const manifests = manifestsOf(lanes.archive(lane), topic);
    const sum = (f: (m: ManifestText) => number): number => manifests.reduce((n, m) => n + f(m), 0);
    expect(sum((m) => m.records)).toBe(tally.committed);
    expect(sum((m) => m.compacted)).toBe(0);
    const all = [...ends.values()].reduce((n, end) => n + Number(end), 0);
    const [aborted, control] = [sum((m) => m.aborted), sum((m) => m.control)];
    seen.push({ aborted, control, tail: all - tally.committed - aborted - control });
  }
  const { againstKafka } = await lanes.verified();
  expect(Number(againstKafka?.compared)).toBe(2 * tally.committed);
  return seen;
}

describe("a topic with transactions", () => {
  it("is archived as a reader of committed records sees it, up to an open transaction", async () => {
    for (let n = 0; n < 8; n += 1) {
      await round(n);
      await empty(n % 2 === 0);
    }
    const [, , open] = producers as [RawProducer, RawProducer, RawProducer];
    await open.add(topic, 0);
    opened = await sent(open, 0, ["of a transaction that is still open", "one more"]);
    await sent(plain, 0, ["behind the open transaction", "one more"]);
    lanes.start();
    const [segment, ndjson] = await checked();
    for (const seen of [segment, ndjson]) {
      const { aborted = 0, control = 0, tail = 0 } = seen ?? {};
      expect(aborted + control + tail).toBe(tally.aborted + tally.markers);
    }
    const { stdout } = await lanes.cli("status", "--json");
    const { partitions } = parse(stdout) as StatusReport;
    const held = partitions.find((p) => p.partition === 0);
    expect(held?.waiting).toMatch(/an open transaction holds 4 offsets back/);
  });

  it("goes on when the open one is committed, and when another is aborted", async () => {
    const [first, , open] = producers as [RawProducer, RawProducer, RawProducer];
    await open.end(true);
    await ended(0, opened);
    tally.committed += 4;
    tally.markers += 1;
    await checked();
    for (const at of [0, 1]) await first.add(topic, at);
    const unseen = await sent(first, 0, ["never to be seen"]);
    await sent(first, 1, ["nor this"]);
    const behind = await sent(plain, 1, ["behind it"]);
    await first.end(false);
    await ended(0, unseen);
    await ended(1, behind);
    tally.aborted += 2;
    tally.markers += 2;
    for (const at of [0, 1]) await sent(plain, at, ["the last word"]);
    tally.committed += 3;
    const exact = { aborted: tally.aborted, control: tally.markers, tail: 0 };
    expect(await checked()).toEqual([exact, exact]);
    await lanes.daemon.drain();
  });
});
