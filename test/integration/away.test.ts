import { existsSync, readFileSync, renameSync } from "node:fs";
import { dirname } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, expect, it } from "vitest";
import { decodePlans } from "../../src/core/plan-codec.ts";
import { createTopic, named, sharedKafka, withAdmin } from "../kafka/live-kafka.ts";
import { Lanes } from "./lanes.ts";
import { manifestsOf } from "./manifests.ts";
import { bulkRecords } from "./odd-records.ts";
import { RawProducer } from "./raw-producer.ts";

/**
 * A sink that is away for longer than `whenAway.detach`: the others go on, the commit says so, and when
 * it is back it is filled without anybody's help.
 */
const topic = named("away");
const PARTITIONS = [0, 1, 2];
const DETACH_MS = 1_500;
let producer: RawProducer;
let lanes: Lanes;
let sent = 0;

async function put(rounds: number): Promise<void> {
  for (let i = 0; i < rounds; i += 1) {
    for (const partition of PARTITIONS) {
      await producer.send(topic, partition, bulkRecords(BigInt(Date.now()), 40), "lz4");
      sent += 40;
    }
  }
}

const place = (sink: string): string => lanes.archive(sink);
/** As a file system is that is not mounted, its mount point gone as well. */
const mount = (sink: string): string => dirname(place(sink));
const leaves = (sink: string): void => renameSync(mount(sink), `${mount(sink)}.gone`);
const returns = (sink: string): void => renameSync(`${mount(sink)}.gone`, mount(sink));

async function behind(sink: string): Promise<number> {
  const { sinks } = await lanes.status();
  return Number(sinks.find((s) => s.name === sink)?.behind ?? -1);
}

/** Sinks that the committed metadata names as behind, over all partitions. */
async function marks(): Promise<Set<string>> {
  const found = await withAdmin((admin) =>
    admin.fetchOffsets({ groupId: lanes.group("all"), topics: [topic] }),
  );
  const texts = found.flatMap((t) => t.partitions.map((p) => p.metadata ?? ""));
  return new Set(
    texts.flatMap((text) => {
      const plans = decodePlans(text);
      return "invalid" in plans ? [] : plans.behind.map((b) => b.sink);
    }),
  );
}

async function reaches(what: string, holds: () => Promise<boolean>): Promise<void> {
  const until = Date.now() + 40_000;
  while (!(await holds())) {
    if (Date.now() > until) throw new Error(`${what}: not reached; ${lanes.daemon.logTail()}`);
    await sleep(100);
  }
}

const recordsIn = (sink: string): number =>
  existsSync(`${place(sink)}/manifests`)
    ? manifestsOf(place(sink), topic).reduce((n, m) => n + m.records, 0)
    : 0;

beforeAll(async () => {
  await createTopic(topic, PARTITIONS.length);
  producer = await RawProducer.open(sharedKafka(), null);
  lanes = await Lanes.prepare({
    bootstrap: sharedKafka(),
    mounted: true,
    lanes: [
      {
        ...{ name: "all", topics: [topic], encrypted: true, sinks: ["files", "near", "far"] },
        batch: "{ bytes: 64KiB, age: 300ms }",
      },
    ],
    sinkSettings: {
      near: `whenAway: { detach: ${DETACH_MS}ms }`,
      far: `whenAway: { detach: ${DETACH_MS}ms }`,
    },
  });
  lanes.start();
  await put(2);
  await lanes.archived("all", [topic]);
}, 60_000);
afterAll(async () => {
  await producer.close();
  await lanes.close();
});

it("the others go on without it, and the commit and the status say so", async () => {
  expect(await marks()).toEqual(new Set());
  leaves("far");
  await put(2);
  await lanes.archived("all", [topic]);
  expect(recordsIn("near")).toBe(sent);
  expect(await marks()).toEqual(new Set(["far"]));
  expect(await behind("far")).toBeGreaterThan(0);
  expect(await behind("near")).toBe(0);
  expect(readFileSync(lanes.daemon.logPath, "utf8")).toMatch(
    /"sink":"far".*goes on without a sink/,
  );
});

it("an owner that dies meanwhile is followed by one that does not wait for it anew", async () => {
  await lanes.daemon.kill();
  lanes.start();
  const began = Date.now();
  await put(2);
  await lanes.archived("all", [topic]);
  expect(await marks()).toEqual(new Set(["far"]));
  expect(recordsIn("near")).toBe(sent);
  console.log(`a new owner without the sink committed after ${Date.now() - began} ms`);
});

it("when it is back it is filled in order while the others go on, and waited for again", async () => {
  returns("far");
  await put(2);
  await reaches("far has everything", async () => recordsIn("far") === sent);
  await reaches("far is not behind", async () => (await behind("far")) === 0);
  await put(1);
  await lanes.archived("all", [topic]);
  expect(await marks()).toEqual(new Set());
  expect([recordsIn("near"), recordsIn("far")]).toEqual([sent, sent]);
  const log = readFileSync(lanes.daemon.logPath, "utf8");
  expect(log).toMatch(/"sink":"far".*batch copied to a sink/);
  expect(log).toMatch(/"sink":"far".*sink caught up/);
  await lanes.verified("all");
  await lanes.audit("far", topic);
});

it("a daemon killed while it fills goes on filling", async () => {
  leaves("near");
  await put(6);
  await lanes.archived("all", [topic]);
  const had = sent - 6 * 40 * PARTITIONS.length;
  returns("near");
  await reaches("some are copied", async () => recordsIn("near") > had);
  await lanes.daemon.kill();
  lanes.start();
  await reaches("near has everything", async () => recordsIn("near") === sent);
  await lanes.verified("all");
});

it("away at the start: the others begin without it; the primary is waited for", async () => {
  await lanes.daemon.drain();
  leaves("far");
  lanes.start();
  await put(1);
  await lanes.archived("all", [topic]);
  expect(readFileSync(lanes.daemon.logPath, "utf8")).toMatch(
    /sink far did not answer.*begun without/,
  );
  returns("far");
  await reaches("far has everything", async () => recordsIn("far") === sent);
  leaves("files");
  await put(1);
  await sleep(3 * DETACH_MS);
  expect(recordsIn("near")).toBe(sent - 40 * PARTITIONS.length);
  returns("files");
  await lanes.archived("all", [topic]);
  await lanes.verified("all");
  expect([recordsIn("files"), recordsIn("near"), recordsIn("far")]).toEqual([sent, sent, sent]);
});
