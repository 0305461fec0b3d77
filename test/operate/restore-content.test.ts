import { readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { RestoreReport } from "../../src/operate/restore/restore-report.ts";
import { CODECS } from "../../src/record-batch/header.ts";
import { keygen } from "../../src/seal/keygen.ts";
import { configDir } from "../config/load.ts";
import { writeConfig } from "../faults/daemon.ts";
import { LiveTopic } from "../faults/topic.ts";
import { bulkRecords, oddRecords } from "../integration/odd-records.ts";
import { type NewRecord, RawProducer } from "../integration/raw-producer.ts";
import { createTopic, named, sharedKafka } from "../kafka/live-kafka.ts";
import { rawRecords } from "../sinks/kafka/raw-records.ts";
import { cli, start } from "./cli-process.ts";
import { expectRestored } from "./restored-topic.ts";

/** Records as producers really write them, and archives that are not as they should be. */
const bootstrap = sharedKafka();
const dir = configDir();
const FOREVER = {
  "retention.ms": "-1",
  "message.timestamp.before.max.ms": "9223372036854775807",
  "message.timestamp.after.max.ms": "9223372036854775807",
};
const topics = { mixed: named("restore-mixed"), stamped: named("restore-stamped") };
const configs = { segment: "", ndjson: "" };
const identity = join(dir, "keys", "identity");

/** kcat prints headers as they are, so that a line feed or a comma in one cannot be told from its own. */
const printable = (records: readonly NewRecord[]): NewRecord[] =>
  records.map((r) => ({
    ...r,
    headers: r.headers.map((h) => ({
      ...h,
      value: h.value === null ? null : h.value.filter((b) => b !== 10 && b !== 44),
    })),
  }));

/** Every codec, record batches large and small, and a transaction that never was. */
async function fill(topic: string): Promise<void> {
  const at = BigInt(Date.now());
  const plain = await RawProducer.open(bootstrap, null);
  for (const [i, codec] of CODECS.entries()) {
    await plain.send(topic, 0, oddRecords(at - BigInt(i) * 1_000n), codec);
    await plain.send(topic, 0, printable(bulkRecords(at, 150)), codec);
  }
  await plain.send(topic, 1, oddRecords(at), "snappy");
  await plain.close();
  const tx = await RawProducer.open(bootstrap, `${topic}-tx`);
  for (const commit of [false, true, false]) {
    await tx.add(topic, 0);
    await tx.send(topic, 0, printable(bulkRecords(at, 40)), "lz4");
    await tx.end(commit);
  }
  await tx.close();
}

async function ok(...argv: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await cli(argv);
  if (code !== 0) throw new Error(`${argv[0]} ended with ${code}: ${stderr}`);
  return stdout;
}

beforeAll(async () => {
  const stamped = { ...FOREVER, "message.timestamp.type": "LogAppendTime" };
  await createTopic(topics.mixed, 2, bootstrap, { config: FOREVER });
  await createTopic(topics.stamped, 2, bootstrap, { config: stamped });
  await Promise.all(Object.values(topics).map(fill));
  const { recipient } = await keygen(join(dir, "keys"));
  const seedFile = join(dir, "keys", "seed");
  for (const format of ["segment", "ndjson"] as const) {
    configs[format] = writeConfig(dir, `${format}.yaml`, {
      ...{ bootstrap, group: `${topics.mixed}-${format}`, topics: Object.values(topics), format },
      ...{ recipient, seedFile, sinks: [format], batchBytes: "128KiB" },
    });
    await ok("import", "--config", configs[format]);
  }
}, 120_000);

afterAll(() => rmSync(dir, { recursive: true, force: true }));

describe("every kind of record comes back as it was", () => {
  const cases = [
    ["segment", "mixed", true],
    ["segment", "mixed", false],
    ["segment", "stamped", false],
    ["ndjson", "mixed", true],
  ] as const;
  test.each(cases)("from %s, topic %s, lineage: %s", async (format, which, lineage) => {
    const [topic, copy] = [topics[which], `${topics[which]}-${format}-${lineage}`];
    const flags = lineage ? [] : ["--no-lineage"];
    const to = ["--topic", topic, "--to-topic", copy, "--identity", identity];
    await ok("restore", "--config", configs[format], ...to, ...flags);
    expect(await expectRestored({ bootstrap, topic, copy, lineage })).toBeGreaterThan(800);
  });
});

describe("an archive that is not as it should be", () => {
  const folder = (): string => {
    const of = join(dir, "segment", "data", topics.mixed);
    const [id = ""] = readdirSync(of);
    return join(of, id, "0", "0", "00000000000");
  };
  const restore = (to: string): ReturnType<typeof cli> =>
    cli([
      ...["restore", "--config", configs.segment, "--topic", topics.mixed, "--to-topic", to],
      ...["--partition", "0", "--transaction", "4KiB", "--identity", identity],
    ]);

  test("a flipped bit in the last file: what is before it is there once, of it nothing", async () => {
    const path = join(folder(), readdirSync(folder()).sort().at(-1) ?? "");
    const good = readFileSync(path);
    const bad = Buffer.from(good);
    bad[bad.length >> 1] = (bad[bad.length >> 1] ?? 0) ^ 1;
    writeFileSync(path, bad);
    const to = named("restore-flipped");
    const { code, stderr } = await restore(to);
    expect([code, stderr]).toEqual([3, expect.stringContaining("digest")]);
    const first = Number(/(\d{20})\./.exec(path)?.[1]);
    const wanted = (r: { offset: number }, p: number): boolean => p === 0 && r.offset < first;
    const place = { bootstrap, topic: topics.mixed, copy: to, lineage: true };
    await expectRestored({ ...place, wanted });
    writeFileSync(path, good);
    expect((await restore(to)).code).toBe(0);
    await expectRestored({ ...place, wanted: (_, p) => p === 0 });
  });

  test("a manifest that was altered, and one whose MAC another seed made, restore nothing", async () => {
    const manifests = folder().replace(`${dir}/segment/data`, `${dir}/segment/manifests`);
    const path = join(manifests, readdirSync(manifests).sort()[0] ?? "");
    const good = readFileSync(path, "utf8");
    const mac = /"mac":"([0-9a-f]{64})"/.exec(good)?.[1] ?? "";
    for (const [from, to, text] of [
      [mac, mac.replaceAll(/[0-9a-f]/g, "0"), "its MAC is not that of any configured seed"],
      [/"revision":0/.exec(good)?.[0] ?? "", '"revision":1', "its MAC is not that"],
      [/"records":\d+/.exec(good)?.[0] ?? "", '"records":1', "counts add up"],
    ] as const) {
      writeFileSync(path, good.replace(from, to));
      const topic = named("restore-forged");
      const { code, stderr } = await restore(topic);
      expect([code, stderr]).toEqual([3, expect.stringContaining(text)]);
      expect((await rawRecords(bootstrap, topic)).size).toBe(0);
    }
    writeFileSync(path, good);
  });

  test("batches that are missing: nothing from behind a gap, and nothing when the first are gone", async () => {
    const manifests = folder().replace(`${dir}/segment/data`, `${dir}/segment/manifests`);
    const names = readdirSync(manifests).sort();
    expect(names.length).toBeGreaterThan(2);
    for (const [name = "", text] of [
      [names[1], "are in no batch"],
      [names[0], "batches before it are missing"],
    ] as const) {
      const path = join(manifests, name);
      const good = readFileSync(path);
      rmSync(path);
      const { code, stderr } = await restore(named("restore-gap"));
      expect([code, stderr]).toEqual([3, expect.stringContaining(text)]);
      writeFileSync(path, good);
    }
  });
});

test("from a sink that keeps records, held against the digest of them", async () => {
  const topic = named("restore-mirrored");
  await createTopic(topic, 1, bootstrap, { config: FOREVER });
  const plain = await RawProducer.open(bootstrap, null);
  const at = BigInt(Date.now());
  await plain.send(topic, 0, oddRecords(at), "lz4");
  await plain.send(topic, 0, printable(bulkRecords(at, 100)), "none");
  await plain.close();
  const mirror = `  - { name: mirror, kind: kafka, brokers: [${bootstrap}], topicPrefix: "${topic}-m." }`;
  const config = writeConfig(dir, "mirror.yaml", {
    ...{ bootstrap, group: topic, topics: [topic], sinks: ["files"], extra: mirror },
  });
  await ok("import", "--config", config);
  const copy = `${topic}-copy`;
  const to = ["--topic", topic, "--to-topic", copy, "--sink", "mirror"];
  await ok("restore", "--config", config, ...to);
  expect(await expectRestored({ bootstrap, topic, copy, lineage: true })).toBeGreaterThan(100);
});

test("what the target refuses for good ends it at once, and leaves nothing", async () => {
  const copy = named("restore-refused");
  // Such a topic takes no record without a key, and some have none.
  await createTopic(copy, 2, bootstrap, { config: { ...FOREVER, "cleanup.policy": "compact" } });
  const to = ["--topic", topics.mixed, "--to-topic", copy, "--identity", identity];
  const began = Date.now();
  const { code, stderr } = await cli(["restore", "--config", configs.segment, ...to]);
  expect([code, stderr]).toEqual([1, expect.stringContaining("INVALID_RECORD")]);
  expect(stderr).toContain("is compacted");
  expect(Date.now() - began).toBeLessThan(60_000);
  expect((await rawRecords(bootstrap, copy)).size).toBe(0);
});

test("an archive that was rewrapped: by the new identity, whose files are other ones", async () => {
  const { recipient } = await keygen(join(dir, "later"));
  const [config, topic] = [configs.ndjson, topics.mixed];
  await ok("rewrap", "--config", config, "--identity", identity, "--add", recipient);
  const copy = named("restore-rewrapped");
  const to = ["--topic", topic, "--to-topic", copy, "--identity", join(dir, "later", "identity")];
  await ok("restore", "--config", config, ...to);
  await expectRestored({ bootstrap, topic, copy, lineage: true });
});

test("next to a daemon under load: what is archived so far; a later run adds what came since", async () => {
  const topic = named("restore-live");
  const live = await LiveTopic.create(bootstrap, topic, 2);
  const config = writeConfig(dir, "live.yaml", {
    ...{ bootstrap, group: topic, topics: [topic], sinks: ["live"] },
    ...{ batchBytes: "16KiB", age: "300ms" },
  });
  const daemon = start(["run", "--config", config]);
  await daemon.said("partitions assigned");
  live.begin(60, 20);
  const to = `${topic}-copy`;
  const args = ["restore", "--json", "--config", config, "--topic", topic, "--to-topic", to];
  let records = 0;
  let runs = 0;
  for (; runs < 30 && (records === 0 || runs < 3); runs += 1) {
    const { code, stdout, stderr } = await cli(args);
    // Nothing is archived in the first moments.
    if (code !== 2) expect([code, stderr]).toEqual([0, ""]);
    if (code === 0) records += (JSON.parse(stdout) as RestoreReport).records;
    await sleep(200);
  }
  expect(records).toBeGreaterThan(0);
  await live.stop();
  const alive = (): string | null => (daemon.child.exitCode === null ? null : "the daemon ended");
  await live.archived(topic, 60_000, alive);
  await ok(...args);
  const restored = await expectRestored({ bootstrap, topic, copy: to, lineage: true });
  expect(restored).toBe(live.sent);
  daemon.child.kill("SIGTERM");
  expect((await daemon.ended).code).toBe(0);
  await live.close();
});
