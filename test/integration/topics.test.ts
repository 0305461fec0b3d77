import { setTimeout as sleep } from "node:timers/promises";
import { createServer } from "node:net";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { PartitionStatus } from "../../src/observe/status-report.ts";
import {
  connected,
  createTopic,
  named,
  never,
  sharedKafka,
  withAdmin,
} from "../kafka/live-kafka.ts";
import { configDir } from "../config/load.ts";
import { writeConfig } from "../faults/daemon.ts";
import { cli } from "../operate/cli-process.ts";
import { Lanes } from "./lanes.ts";
import { bulkRecords } from "./odd-records.ts";
import { RawProducer } from "./raw-producer.ts";

const base = named("rx");
const [grows, again, fresh, other, byName] = ["grows", "again", "fresh"]
  .map((n) => `${base}.${n}`)
  .concat(`${base}-other`, named("by-name")) as [string, string, string, string, string];
let producer: RawProducer;
let lanes: Lanes;

const put = async (topic: string, partitions: readonly number[], count: number): Promise<void> => {
  for (const p of partitions) await producer.send(topic, p, bulkRecords(BigInt(Date.now()), count));
};

async function idOf(topic: string): Promise<string> {
  const client = await connected();
  const found = await client.metadata([topic], never);
  await client.close();
  return found.topics[0]?.topicId ?? "";
}

beforeAll(async () => {
  producer = await RawProducer.open(sharedKafka(), null);
  await createTopic(grows, 2);
  await createTopic(again, 1);
  await createTopic(other, 1);
  await createTopic(byName, 1);
  await put(grows, [0, 1], 20);
  for (const topic of [again, other, byName]) await put(topic, [0], 20);
  lanes = await Lanes.prepare({
    bootstrap: sharedKafka(),
    lanes: [{ name: "files", topics: [byName, `{ regex: ${JSON.stringify(`^${base}\\.`)} }`] }],
  });
  lanes.start();
  await lanes.archived("files", [grows, again, byName]);
});
afterAll(async () => {
  await lanes.close();
  await producer.close();
});

const partitionOf = async (topic: string): Promise<PartitionStatus | undefined> =>
  (await lanes.status()).partitions.find((p) => p.topic === topic);

describe("topics by name and by expression, while the daemon runs", () => {
  it("takes up a new topic and new partitions, and stops one that was created again", async () => {
    const was = await idOf(again);
    await createTopic(fresh, 3);
    await put(fresh, [0, 1, 2], 30);
    await withAdmin(async (admin) => {
      await admin.createPartitions({ topicPartitions: [{ topic: grows, count: 4 }] });
      await admin.deleteTopics({ topics: [again] });
    });
    await createAgain();
    // More than there was, so that the old position is one of the new log as well.
    await put(again, [0], 200);
    await put(grows, [0, 1, 2, 3], 10);
    await lanes.archived("files", [grows, fresh, byName]);
    for (let i = 0; i < 200 && (await partitionOf(again))?.state !== "stopped"; i += 1)
      await sleep(200);
    const stopped = await partitionOf(again);
    expect(stopped).toMatchObject({ state: "stopped", topicId: was });
    expect(stopped?.waiting).toMatch(/deleted and created again/);
    expect((await lanes.audit("files", grows)).records).toBe(40 + 40);
    expect((await lanes.audit("files", fresh)).records).toBe(90);
    const { partitions } = await lanes.status();
    expect(partitions.filter((p) => p.state === "running").length).toBe(4 + 3 + 1);
    expect(partitions.map((p) => p.topic)).not.toContain(other);
  });

  it("archives the new incarnation from its beginning after a restart, beside the old one", async () => {
    await lanes.daemon.drain();
    const archived = await lanes.verify("--topic", again);
    expect(archived.sinks[0]?.partitions.map((p) => Number(p.records))).toEqual([20]);
    lanes.start();
    await lanes.archived("files", [again]);
    const is = await idOf(again);
    expect((await lanes.audit("files", again, { topicId: is })).records).toBe(200);
    await lanes.verified("files");
    await lanes.daemon.drain();
  });
});

/** The name is free again only after the deletion. */
async function createAgain(): Promise<void> {
  for (let tries = 0; tries < 100; tries += 1) {
    const client = await connected();
    const [found] = (await client.metadata([again], never)).topics;
    await client.close();
    if (found?.error !== undefined) break;
    await sleep(100);
  }
  await createTopic(again, 1);
}

describe("a daemon that cannot start", () => {
  const run = async (bootstrap: string, topics: readonly string[]) => {
    const config = writeConfig(configDir(), "c.yaml", { bootstrap, topics, group: base });
    const began = performance.now();
    const ended = await cli(["run", "--config", config]);
    return { ...ended, ms: performance.now() - began };
  };

  it("says which of its topics is missing: exit code 2", async () => {
    const { code, stderr } = await run(sharedKafka(), [byName, `${byName}-not`]);
    expect(code).toBe(2);
    expect(stderr).toContain(`Kafka has no topic "${byName}-not"`);
  });

  it("says that nobody answers, or something that is no Kafka: exit code 4", async () => {
    const web = createServer((s) =>
      s.on("error", () => s.destroy()).end("HTTP/1.1 400 Bad\r\n\r\n"),
    );
    await new Promise<void>((resolve) => web.listen(0, "127.0.0.1", resolve));
    const { port } = web.address() as { port: number };
    const [nobody, noKafka] = await Promise.all([
      run("127.0.0.1:1", [byName]),
      run(`127.0.0.1:${port}`, [byName]),
    ]);
    web.close();
    expect([nobody.code, noKafka.code]).toEqual([4, 4]);
    expect(nobody.stderr).toMatch(/127\.0\.0\.1:1.*ECONNREFUSED/);
    expect(noKafka.stderr).toContain(`127.0.0.1:${port}`);
    expect(Math.max(nobody.ms, noKafka.ms)).toBeLessThan(30_000);
  });
});
