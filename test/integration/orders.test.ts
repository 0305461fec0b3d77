import { afterAll, beforeAll, expect, it } from "vitest";
import { setTimeout as sleep } from "node:timers/promises";
import { parse } from "../../src/core/json.ts";
import type { OrdersReport } from "../../src/operate/orders/orders-report.ts";
import { createTopic, named, sharedKafka } from "../kafka/live-kafka.ts";
import { Lanes } from "./lanes.ts";
import { manifestsOf } from "./manifests.ts";
import { bulkRecords } from "./odd-records.ts";
import { killedUnanswered } from "./unanswered.ts";
import { RawProducer } from "./raw-producer.ts";

/** What an operator asks of a running daemon: to leave partitions alone, and to go on without a sink. */
const topic = named("orders");
const PARTITIONS = [0, 1, 2];
let producer: RawProducer;
let lanes: Lanes;
let sent = 0;

async function put(): Promise<void> {
  for (const partition of PARTITIONS)
    await producer.send(topic, partition, bulkRecords(BigInt(Date.now()), 40), "lz4");
  sent += 40;
}

async function order(
  ...args: string[]
): Promise<{ code: number | null; text: string; report: OrdersReport }> {
  const { code, stdout, stderr } = await lanes.cli(...args, "--topic", topic, "--json");
  return { code, text: stdout + stderr, report: parse(stdout) as OrdersReport };
}

const recordsIn = (sink: string, partition: number): number =>
  manifestsOf(lanes.archive(sink), topic)
    .filter((m) => m.partition === partition)
    .reduce((n, m) => n + m.records, 0);

async function stateOf(partition: number): Promise<string> {
  const { partitions } = await lanes.status();
  return partitions.find((p) => p.partition === partition)?.state ?? "none";
}

async function reaches(partition: number, state: string): Promise<void> {
  const until = Date.now() + 30_000;
  for (let is = ""; is !== state; is = await stateOf(partition)) {
    if (Date.now() > until) throw new Error(`partition ${partition} is ${is}, not ${state}`);
    await sleep(100);
  }
}

beforeAll(async () => {
  await createTopic(topic, PARTITIONS.length);
  producer = await RawProducer.open(sharedKafka(), null);
  lanes = await Lanes.prepare({
    bootstrap: sharedKafka(),
    lanes: [
      {
        ...{ name: "all", topics: [topic], encrypted: true, sinks: ["files", "near"] },
        batch: "{ bytes: 64KiB, age: 300ms }",
      },
    ],
  });
  lanes.start();
  await put();
  await lanes.archived("all", [topic]);
});
afterAll(async () => {
  await producer.close();
  await lanes.close();
});

it("a paused partition is left alone, by whoever owns it, until it is resumed", async () => {
  const paused = await order("pause", "--partition", "1");
  expect(paused.code, paused.text).toBe(0);
  expect(paused.report.partitions).toMatchObject([{ topic, partition: 1, is: "done" }]);
  await put();
  const except = new Set([`${topic}/1`]);
  await lanes.archived("all", [topic], { except });
  expect([0, 1, 2].map((p) => recordsIn("files", p))).toEqual([80, 40, 80]);
  await reaches(1, "paused");
  // Nobody could be told later that it was refused.
  const primary = await order("detach", "--sink", "files", "--partition", "1");
  expect([primary.code, primary.report.partitions.map((p) => p.is)]).toEqual([2, ["refused"]]);
  await lanes.daemon.kill();
  lanes.start();
  await put();
  await lanes.archived("all", [topic], { except });
  await sleep(1_500);
  expect([0, 1, 2].map((p) => recordsIn("files", p))).toEqual([120, 40, 120]);
  const resumed = await order("resume");
  expect(resumed.code, resumed.text).toBe(0);
  expect(resumed.report.partitions.map((p) => p.text)).toEqual([
    "no operator had paused it",
    "its owner goes on within seconds",
    "no operator had paused it",
  ]);
  await lanes.archived("all", [topic]);
  expect(recordsIn("files", 1)).toBe(sent);
});

it("a detached sink is not waited for, through restarts, until it is attached and filled", async () => {
  const primary = await order("detach", "--sink", "files");
  expect(primary.code).toBe(2);
  expect(primary.text).toContain("is the primary, which is never detached");
  const unknown = await lanes.cli("detach", "--sink", "far", "--topic", topic);
  expect([unknown.code, unknown.stderr]).toEqual([2, expect.stringContaining("files, near")]);
  const before = recordsIn("near", 0);
  const detached = await order("detach", "--sink", "near");
  expect(detached.code, detached.text).toBe(0);
  await put();
  await lanes.archived("all", [topic]);
  await lanes.daemon.drain();
  lanes.start();
  await put();
  await lanes.archived("all", [topic]);
  await sleep(1_500);
  expect(recordsIn("near", 0)).toBe(before);
  const attached = await order("attach", "--sink", "near");
  expect(attached.code, attached.text).toBe(0);
  expect(attached.report.partitions[0]?.text).toMatch(/it is filled from offset \d+ on/);
  for (let i = 0; i < 200 && recordsIn("near", 2) < sent; i += 1) await sleep(100);
  await put();
  await lanes.archived("all", [topic]);
  for (const sink of ["files", "near"])
    expect((await lanes.audit(sink, topic)).records).toBe(3 * sent);
  const { across } = await lanes.verify("--across-sinks", "--deep");
  expect(across?.ok).toBe(true);
});

it("what nobody can do is refused, with the reason", async () => {
  const skip = ["skip", "--partition", "0", "--reason", "a test"];
  const early = await order(...skip, "--to", "1");
  expect([early.code, early.text]).toEqual([2, expect.stringContaining("is committed already")]);
  const late = await order(...skip, "--to", "99999");
  expect([late.code, late.text]).toEqual([2, expect.stringContaining("the log ends at offset")]);
  const odd = await lanes.cli(...skip.slice(0, 3), "--reason", "ü", "--to", "1", "--topic", topic);
  expect([odd.code, odd.stderr]).toEqual([2, expect.stringContaining("ASCII")]);
  const none = await lanes.cli("pause", "--topic", "nowhere");
  expect([none.code, none.stderr]).toEqual([2, expect.stringContaining("nowhere")]);
});

it("killed before the owner has answered and repeated: as if asked once", async () => {
  const at = { bootstrap: sharedKafka(), group: lanes.group("all") };
  for (const argv of [
    ["pause", "--partition", "0"],
    ["detach", "--sink", "near", "--partition", "1"],
    ["attach", "--sink", "near", "--partition", "1"],
  ]) {
    const asks = argv[0] as "pause" | "detach" | "attach";
    await killedUnanswered(lanes, { ...at, asks }, [...argv, "--topic", topic]);
    const { code, text, report } = await order(...argv);
    expect([code, report.partitions.map((p) => p.is)], text).toEqual([0, ["done"]]);
    if (asks === "pause") {
      // One that was asked for twice is taken back by one `resume`.
      const resumed = await order("resume");
      expect([resumed.code, resumed.report.partitions[0]?.text]).toEqual([
        0,
        "its owner goes on within seconds",
      ]);
    }
  }
  await put();
  await lanes.archived("all", [topic]);
  for (let i = 0; i < 200 && recordsIn("near", 1) < sent; i += 1) await sleep(100);
  expect([0, 1, 2].map((p) => recordsIn("near", p))).toEqual([sent, sent, sent]);
});

it("a dry run says what would be asked of whom, and asks nothing", async () => {
  for (const command of [["pause"], ["skip", "--reason", "a test", "--to", "99999"]]) {
    const only = [...command, "--partition", "0", "--dry-run"];
    const { code, report } = await order(...only);
    expect([code, report.partitions.map((p) => [p.partition, p.is])]).toEqual([
      0,
      [[0, "would-be"]],
    ]);
  }
  await put();
  await lanes.archived("all", [topic]);
  expect(await stateOf(0)).toBe("running");
});

it("without a daemon a pause waits for the next one", async () => {
  await lanes.daemon.drain();
  const paused = await order("pause", "--partition", "2");
  expect(paused.report.partitions).toMatchObject([{ is: "waits" }]);
  // Kafka alone tells of it.
  const said = (await lanes.cli("status", "--json")).stdout;
  const { partitions } = parse(said) as { partitions: { partition: number; waiting: string }[] };
  expect(partitions.map((p) => p.waiting)).toEqual([
    null,
    null,
    expect.stringMatching(/^paused by pause /),
  ]);
  lanes.start();
  await put();
  await lanes.archived("all", [topic], { except: new Set([`${topic}/2`]) });
  await reaches(2, "paused");
  expect((await order("resume", "--partition", "2")).code).toBe(0);
  await lanes.archived("all", [topic]);
});
