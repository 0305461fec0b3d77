import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { parse, stringify } from "../../src/core/json.ts";
import type { PartitionStatus, StatusReport } from "../../src/observe/status-report.ts";
import { createTopic, named, withAdmin } from "../kafka/live-kafka.ts";
import { KafkaServer } from "../servers/kafka.ts";
import { Lanes } from "./lanes.ts";
import { manifestsOf } from "./manifests.ts";
import { committed } from "./offsets.ts";
import { bulkRecords } from "./odd-records.ts";
import { RawProducer } from "./raw-producer.ts";
import { rot } from "./rotten-log.ts";
import { killedUnanswered } from "./unanswered.ts";

/** What happens to a log while the daemon is down: records deleted by Kafka's tool, a bit that rots. */
const [trimmed, spoiled, fine] = ["trimmed", "spoiled", "fine"].map(named) as [
  string,
  string,
  string,
];
const topics = [trimmed, spoiled, fine];
/** The group's offset is beyond its end, as after records were lost with a broker. */
const short = named("short");
const FIRST = 30;
let kafka: KafkaServer;
let lanes: Lanes;
/** Where the record batch with the flipped bit begins. */
let rotten = 0n;

async function put(count: number): Promise<bigint[]> {
  const p = await RawProducer.open(kafka.bootstrap, null);
  const starts = [];
  for (const topic of topics) {
    for (const partition of [0, 1, 2]) {
      const records = bulkRecords(BigInt(Date.now()), count);
      const start = await p.send(topic, partition, records, "zstd");
      if (topic === spoiled) starts.push(start);
    }
  }
  await p.close();
  return starts;
}

function deleteRecords(before: Readonly<Record<number, number>>): void {
  const partitions = Object.entries(before).map(([partition, offset]) => ({
    ...{ topic: trimmed, partition: Number(partition), offset },
  }));
  const file = join(lanes.dir, "delete.json");
  writeFileSync(file, JSON.stringify({ partitions, version: 1 }));
  const args = ["--bootstrap-server", kafka.bootstrap, "--offset-json-file", file];
  const said = kafka.tool("org.apache.kafka.tools.DeleteRecordsCommand", args);
  expect(said).toContain("low_watermark");
}

beforeAll(async () => {
  kafka = await KafkaServer.start();
  for (const topic of topics) await createTopic(topic, 3, kafka.bootstrap);
  await put(FIRST);
  lanes = await Lanes.prepare({
    bootstrap: kafka.bootstrap,
    lanes: [
      { name: "files", topics: [...topics, short], encrypted: true, sinks: ["files", "copy"] },
    ],
  });
  await createTopic(short, 1, kafka.bootstrap);
  await withAdmin(
    (admin) =>
      admin.setOffsets({
        groupId: lanes.group("files"),
        topic: short,
        partitions: [{ partition: 0, offset: "900" }],
      }),
    kafka.bootstrap,
  );
  lanes.start();
  await lanes.archived("files", topics);
  await lanes.daemon.drain();
  const [, start = 0n] = await put(20);
  rotten = start;
  await put(20);
  // Partition 1: what is not archived yet; partition 2: only what is.
  deleteRecords({ 1: FIRST + 10, 2: FIRST - 5 });
  await kafka.shutDown(0);
  rot(kafka.logDirs[0] ?? "", spoiled, 1, rotten);
  await kafka.restart(0);
  lanes.start();
});
afterAll(async () => {
  await lanes.close();
  await kafka.stop();
});

async function stopped(): Promise<readonly PartitionStatus[]> {
  const { code, stdout } = await lanes.cli("status", "--json");
  expect(code).toBe(0);
  const report = parse(stdout) as StatusReport;
  expect(report.source).toBe("both");
  return report.partitions.filter((p) => p.state === "stopped");
}

const of = (topic: string, all: readonly PartitionStatus[]) => all.filter((p) => p.topic === topic);

async function checked(): Promise<void> {
  const positions = await committed(kafka.bootstrap, lanes.group("files"), topics);
  // Never reset, neither to the beginning nor to the end of what is left.
  expect(positions.get(`${trimmed}/1`)).toBe(BigInt(FIRST));
  expect(positions.get(`${spoiled}/1`)).toBe(rotten);
  const found = await stopped();
  expect(found.length).toBe(3);
  expect(of(short, found)[0]?.waiting).toContain("offset 900 is beyond the log's end 0");
  expect(of(trimmed, found)).toEqual([expect.objectContaining({ partition: 1 })]);
  expect(of(trimmed, found)[0]?.waiting).toContain(
    `offset ${FIRST} is no longer in Kafka; the log begins at ${FIRST + 10}. Nothing was reset`,
  );
  expect(of(spoiled, found)).toEqual([expect.objectContaining({ partition: 1 })]);
  expect(of(spoiled, found)[0]?.waiting).toContain(`the record batch at offset ${rotten} to`);
}

/** Every partition but the two that stopped. */
async function othersArchived(): Promise<void> {
  const stuck = new Set([`${trimmed}/1`, `${spoiled}/1`]);
  await lanes.archived("files", topics, { except: stuck });
}

describe("partitions that cannot go on", () => {
  it("stop alone and say where, in status and log; the others go on", async () => {
    await othersArchived();
    for (let i = 0; i < 100 && (await stopped()).length < 3; i += 1) await sleep(100);
    await checked();
    const log = readFileSync(lanes.daemon.logPath, "utf8");
    expect(log).toMatch(/"code":"offset-out-of-range".*partition stopped/);
    expect(log).toMatch(/"code":"corrupt-record-batch".*partition stopped/);
    const metrics = await (await fetch(`${lanes.url}/metrics`)).text();
    expect(metrics).toMatch(/bulk_archiver_partitions\{state="stopped"\} 3\n/);
    expect(metrics).toMatch(/bulk_archiver_errors_total\{code="corrupt-record-batch"\} 1\n/);
    expect(metrics).toMatch(/bulk_archiver_errors_total\{code="offset-out-of-range"\} 1\n/);
  });

  it("stay where they are after a restart, while new records of the others are archived", async () => {
    await lanes.daemon.drain();
    await put(15);
    lanes.start();
    await othersArchived();
    for (let i = 0; i < 100 && (await stopped()).length < 3; i += 1) await sleep(100);
    await checked();
    await lanes.daemon.drain();
  });

  it("and what is archived is right: whole topics, and the partitions around the two", async () => {
    const all = FIRST + 20 + 20 + 15;
    expect((await lanes.audit("files", fine)).records).toBe(3 * all);
    expect((await lanes.audit("copy", spoiled, { partition: 0 })).records).toBe(all);
    expect((await lanes.audit("files", spoiled, { partition: 2 })).records).toBe(all);
    expect((await lanes.audit("files", trimmed, { partition: 0 })).records).toBe(all);
    const cut = await lanes.audit("files", trimmed, { partition: 2, vanishedAllowed: true });
    expect([cut.records, cut.extra]).toEqual([all - FIRST + 5, FIRST - 5]);
    const report = await lanes.verify("--across-sinks");
    expect(report.across?.ok).toBe(true);
    for (const s of report.sinks) {
      expect(s.ok).toBe(true);
      const of1 = s.partitions.filter((p) => p.partition === 1 && p.topic !== fine);
      expect(new Map(of1.map((p) => [p.topic, Number(p.nextOffset)]))).toEqual(
        new Map([
          [trimmed, FIRST],
          [spoiled, Number(rotten)],
        ]),
      );
    }
  });

  it("give up what cannot be had when an operator says so, and nothing else", async () => {
    lanes.start();
    await put(1);
    await othersArchived();
    for (let i = 0; i < 100 && (await stopped()).length < 3; i += 1) await sleep(100);
    const skip = (topic: string, to: bigint) =>
      lanes.cli(
        ...["skip", "--topic", topic, "--partition", "1", "--to", String(to)],
        ...["--reason", "a disk that rots"],
      );
    const inside = await skip(spoiled, rotten + 1n);
    expect([inside.code, inside.stdout]).toEqual([
      2,
      expect.stringContaining(`name ${rotten + 20n}`),
    ]);
    // Kafka's tool deletes up to an offset inside a record batch, which is not taken apart.
    const within = await skip(trimmed, BigInt(FIRST + 10));
    expect([within.code, within.stdout]).toEqual([
      2,
      expect.stringContaining(`name ${FIRST + 20}`),
    ]);
    const at = { bootstrap: kafka.bootstrap, group: lanes.group("files"), asks: "skip" } as const;
    const again = [
      "--partition",
      "1",
      "--to",
      String(rotten + 20n),
      "--reason",
      "a disk that rots",
    ];
    await killedUnanswered(lanes, at, ["skip", "--topic", spoiled, ...again]);
    for (const [topic, to] of [
      [spoiled, rotten + 20n],
      [trimmed, BigInt(FIRST + 20)],
    ] as const) {
      const skipped = await skip(topic, to);
      expect(skipped.code, skipped.stdout + skipped.stderr).toBe(0);
    }
    await lanes.archived("files", topics);
    const holes = (topic: string) =>
      manifestsOf(lanes.archive("copy"), topic)
        .filter((m) => m.partition === 1)
        .flatMap((m) => m.holes.map((h) => ({ records: m.records, start: m.start, ...h })));
    const why = { records: 0, reason: "skipped", text: "a disk that rots" };
    expect(holes(spoiled)).toEqual([
      { ...why, start: Number(rotten), from: Number(rotten), to: Number(rotten) + 20 },
    ]);
    expect(holes(trimmed)).toEqual([{ ...why, start: FIRST, from: FIRST, to: FIRST + 20 }]);
    const after = FIRST + 20 + 20 + 15 + 1;
    const records = (topic: string) =>
      manifestsOf(lanes.archive("files"), topic)
        .filter((m) => m.partition === 1)
        .reduce((n, m) => n + m.records, 0);
    expect([records(spoiled), records(trimmed)]).toEqual([after - 20, after - 20]);
    const report = await lanes.verify("--across-sinks", "--deep");
    expect([report.ok, report.across?.ok], stringify(report)).toEqual([true, true]);
  });
});
