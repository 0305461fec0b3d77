import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, test } from "vitest";
import { Daemon } from "../../faults/daemon.ts";
import { LiveTopic } from "../../faults/topic.ts";
import { createTopic, named, send, sharedKafka } from "../../kafka/live-kafka.ts";
import { rawRecords } from "../kafka/raw-records.ts";
import { documentsBelow, rawOf } from "./documents.ts";
import { elasticsearch } from "./elasticsearch-place.ts";

const MAIN = fileURLToPath(new URL("../../../src/main.ts", import.meta.url));
const dir = mkdtempSync(join(tmpdir(), "archiver-to-search-"));
let server: Awaited<ReturnType<typeof elasticsearch>>;

beforeAll(async () => {
  server = await elasticsearch();
}, 300_000);

afterAll(async () => {
  await server.stop();
  rmSync(dir, { recursive: true, force: true });
});

interface Wanted {
  readonly group: string;
  readonly topic: string;
  readonly sinks: readonly ("files" | "search")[];
  readonly encrypted?: boolean;
  readonly plaintext?: "allow";
}

function configured(w: Wanted): string {
  const search = `  - { name: search, kind: elasticsearch, url: ${JSON.stringify(server.url)}, indexPrefix: ${w.group}${w.plaintext === undefined ? "" : ", plaintext: allow"} }`;
  const recipient = w.encrypted === true ? keys().recipient : undefined;
  const lines = [
    `kafka: { brokers: [${JSON.stringify(sharedKafka())}], sessionTimeout: 6s, heartbeat: 500ms }`,
    `group: ${w.group}`,
    `topics: [${w.topic}]`,
    "batch: { bytes: 64KiB, age: 500ms }",
    "memory: 64MiB",
    ...(recipient === undefined
      ? []
      : [`encryption: { recipients: [${recipient}], seedFile: ${join(dir, "keys", "seed")} }`]),
    "sinks:",
    ...w.sinks.map((s) =>
      s === "files" ? `  - { name: files, kind: fs, path: ./${w.group} }` : search,
    ),
    "",
  ];
  const path = join(dir, `${w.group}-${w.sinks.join("-")}.yaml`);
  writeFileSync(path, lines.join("\n"));
  return path;
}

let made: { recipient: string } | undefined;

function keys(): { recipient: string } {
  made ??= JSON.parse(
    execFileSync(process.execPath, [MAIN, "keygen", "--out", join(dir, "keys"), "--json"], {
      encoding: "utf8",
    }),
  ) as { recipient: string };
  return made;
}

const started = (config: string): Daemon => Daemon.start(config, `${config}.log`);
const alive = (daemon: Daemon) => (): string | null => (daemon.running ? null : daemon.logTail());

/** Every record of the topic is one document with the same bytes, and there are no others. */
async function sameRecords(topic: string, prefix: string): Promise<number> {
  const source = await rawRecords(sharedKafka(), topic);
  const found = await documentsBelow(server.url, `${prefix}-records-*`);
  let records = 0;
  for (const [partition, list] of source) {
    const there = found
      .filter((d) => d.partition === partition)
      .toSorted((a, b) => a.offset - b.offset);
    expect(there.map(rawOf)).toEqual(list);
    records += list.length;
  }
  expect(found).toHaveLength(records);
  expect(new Set(found.map((d) => d._id)).size).toBe(records);
  return records;
}

test("killed daemons: every record is one document", async () => {
  const topic = await LiveTopic.create(sharedKafka(), named("searched"), 2);
  const group = named("search");
  const config = configured({ group, topic: topic.topic, sinks: ["files", "search"] });
  topic.begin(120, 60);
  for (let round = 0; round < 4; round += 1) {
    const daemon = started(config);
    await sleep(2_000 + 300 * round);
    await daemon.kill();
  }
  await topic.stop();
  const last = started(config);
  await topic.archived(group, 120_000, alive(last));
  await last.drain();
  expect(await sameRecords(topic.topic, group)).toBe(topic.sent);
  await topic.close();
}, 300_000);

test("verify holds documents against the files, cat reads them, and a changed document is found", async () => {
  const topic = await LiveTopic.create(sharedKafka(), named("verified"), 2);
  const group = named("verify");
  const config = configured({ group, topic: topic.topic, sinks: ["files", "search"] });
  await topic.produce(1_200);
  const daemon = started(config);
  await topic.archived(group, 60_000, alive(daemon));
  await daemon.drain();
  const command = (...args: readonly string[]): { code: number | null; out: string } => {
    const run = spawnSync(process.execPath, [MAIN, ...args, "--config", config], {
      encoding: "utf8",
    });
    return { code: run.status, out: run.stdout };
  };
  const verify = ["verify", "--sink", "files", "--sink", "search", "--across-sinks", "--json"];
  const good = command(...verify);
  expect(good.code, good.out).toBe(0);
  expect(command("cat", "--sink", "search").out).toBe(command("cat", "--sink", "files").out);
  const [document] = await documentsBelow(server.url, `${group}-records-*`);
  const id = encodeURIComponent(document?._id ?? "");
  const index = `${group}-records-${topic.topic}-000000`;
  await fetch(`${server.url}/${index}/_doc/${id}`, { method: "DELETE" });
  const bad = command(...verify);
  expect(bad.code).toBe(3);
  expect(bad.out).toContain("records-damaged");
  await topic.close();
}, 180_000);

test("what a mapping refuses goes raw to the dead letters, and the partition goes on", async () => {
  const topic = await createTopic(named("mapped"), 1);
  const group = named("mapping");
  const config = configured({ group, topic, sinks: ["files", "search"] });
  const daemon = started(config);
  await send({ topic }, ['{"a":1}', "no json", '{"a":2}']);
  const count = async (index: string): Promise<number> =>
    (await documentsBelow(server.url, `${group}-${index}`)).length;
  for (let i = 0; i < 200 && (await count("records-*")) < 3; i += 1) await sleep(200);
  await send({ topic }, ['{"a":"x y"}', '{"a":3}']);
  for (let i = 0; i < 200 && (await count("records-*")) < 4; i += 1) await sleep(200);
  for (let i = 0; i < 200 && (await count("dead-letters")) < 1; i += 1) await sleep(200);
  await daemon.drain();
  const [letter, ...more] = await documentsBelow(server.url, `${group}-dead-letters`);
  expect(more).toEqual([]);
  expect(letter?.offset).toBe(3);
  expect(letter?.["type"]).toBe("document_parsing_exception");
  const raw = letter?.["raw"] as { value: string };
  expect(Buffer.from(raw.value, "base64").toString()).toBe('{"a":"x y"}');
  const offsets = (await documentsBelow(server.url, `${group}-records-*`)).map((d) => d.offset);
  expect(offsets.toSorted((a, b) => a - b)).toEqual([0, 1, 2, 4]);
}, 180_000);

test("added later, it gets what was archived before: from files, and from Kafka where they are encrypted", async () => {
  for (const encrypted of [false, true]) {
    const topic = await LiveTopic.create(sharedKafka(), named("later"), 2);
    const group = named("later");
    const wanted = { group, topic: topic.topic, encrypted, plaintext: "allow" } as const;
    await topic.produce(3_000);
    const first = started(configured({ ...wanted, sinks: ["files"] }));
    await topic.archived(group, 60_000, alive(first));
    await first.drain();
    await topic.produce(500);
    const second = started(configured({ ...wanted, sinks: ["files", "search"] }));
    await topic.archived(group, 60_000, alive(second));
    for (let i = 0; i < 100; i += 1) {
      const found = await documentsBelow(server.url, `${group}-records-*`);
      if (found.length >= 3_500) break;
      await sleep(300);
    }
    await second.drain();
    expect(await sameRecords(topic.topic, group)).toBe(3_500);
    await topic.close();
  }
}, 240_000);

test("with encryption on, readable records need plaintext: allow", async () => {
  const topic = await createTopic(named("secret"), 1);
  const group = named("secret");
  const daemon = started(configured({ group, topic, sinks: ["files", "search"], encrypted: true }));
  expect((await daemon.exited(30_000)).code).toBe(2);
  expect(daemon.logTail()).toContain("plaintext: allow");
}, 60_000);
