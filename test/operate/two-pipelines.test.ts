import { existsSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { PruneReport } from "../../src/operate/prune/prune-report.ts";
import type { ReconcileReport, RewrapReport } from "../../src/operate/repair/report.ts";
import { configDir } from "../config/load.ts";
import { LiveTopic } from "../faults/topic.ts";
import { sharedKafka } from "../kafka/live-kafka.ts";
import { type AgeKey, ageKey, encryptionIn } from "./age-keys.ts";
import { batchesOf, contentOf, remove, type StoredBatch } from "./archive-damage.ts";
import { cli } from "./cli-process.ts";

/** Two pipelines in the same sinks: what a command does for one of them leaves the other's topics alone. */
const DAY_MS = 86_400_000;
const bootstrap = sharedKafka();
const dir = configDir();
const config = join(dir, "two.yaml");
const [files, copy] = [join(dir, "files"), join(dir, "copy")];
const topics: LiveTopic[] = [];

async function reported<R>(command: string, ...more: readonly string[]): Promise<R> {
  const { code, stdout, stderr } = await cli([command, "--json", "--config", config, ...more]);
  if (code !== 0) throw new Error(`${command} ended with ${code}: ${stderr}${stdout}`);
  return JSON.parse(stdout) as R;
}

const of = (folder: string, { topic }: LiveTopic): readonly StoredBatch[] =>
  batchesOf(folder).filter((b) => b.manifest.includes(`/${topic}/`));
const encryption = ({ recipient }: AgeKey): object => {
  const { seedFile } = encryptionIn(dir, recipient);
  return { recipients: [recipient], seedFile };
};
const first = (batches: readonly StoredBatch[]): StoredBatch => {
  const [found] = batches;
  if (found === undefined) throw new Error("nothing is archived");
  return found;
};

beforeAll(async () => {
  const lines = ["short", "long"].map((name) => ({
    ...{ name, group: `two-${name}-${process.pid}`, topics: [`two-${name}-${process.pid}`] },
    ...{ sinks: ["files", "copy"], batch: { bytes: "8KiB", age: "60s" } },
    encryption: encryption(ageKey(dir, name)),
    ...(name === "short" ? { retention: "2d" } : {}),
  }));
  const sinks = ["files", "copy"].map((name) => ({ name, kind: "fs", path: `./${name}` }));
  const text = { kafka: { brokers: [bootstrap] }, pipelines: lines, sinks };
  writeFileSync(config, JSON.stringify(text));
  for (const line of lines) {
    const topic = await LiveTopic.create(bootstrap, line.topics[0] ?? "", 1);
    topics.push(topic);
    for (let i = 0; i < 4; i += 1) await topic.produce(200, Date.now() - 9 * DAY_MS);
    await topic.produce(200);
    await reported("import", "--pipeline", line.name, "--topic", topic.topic);
  }
}, 120_000);

afterAll(async () => {
  for (const topic of topics) await topic.close();
  rmSync(dir, { recursive: true, force: true });
});

test("reconcile mends the topics of both", async () => {
  const before = contentOf(copy);
  for (const topic of topics) {
    const { data, manifest } = first(of(copy, topic));
    remove(data, manifest);
  }
  const r = await reported<ReconcileReport>(
    "reconcile",
    ...["--source", "files", "--target", "copy"],
  );
  expect(r.partitions.map((p) => [p.topic, p.copied])).toEqual(
    topics
      .map(({ topic }) => topic)
      .toSorted()
      .map((topic) => [topic, 1]),
  );
  expect([r.ok, r.proof?.ok]).toEqual([true, true]);
  expect(contentOf(copy)).toEqual(before);
});

test("rewrap changes the files of the pipeline it was asked for", async () => {
  const [short, long] = topics as [LiveTopic, LiveTopic];
  const before = contentOf(files);
  const another = ageKey(dir, "another");
  const identity = ["--pipeline", "short", "--identity", join(dir, "short")];
  const r = await reported<RewrapReport>("rewrap", ...identity, "--add", another.recipient);
  expect(r.partitions.map((p) => p.topic)).toEqual([short.topic]);
  const after = contentOf(files);
  const changed = [...after].filter(([path, digest]) => before.get(path) !== digest);
  expect(changed.some(([path]) => path.includes(`/${short.topic}/`))).toBe(true);
  expect(changed.filter(([path]) => path.includes(`/${long.topic}/`))).toEqual([]);
});

test("prune takes nothing of a topic whose pipeline keeps it for ever", async () => {
  const [short, long] = topics as [LiveTopic, LiveTopic];
  const r = await reported<PruneReport>("prune", "--max-delete-percent", "100");
  const found = r.pipelines.map((p) => [p.name, p.sinks.flatMap((s) => s.partitions)] as const);
  expect(found.map(([name, p]) => [name, ...new Set(p.map((q) => q.topic))])).toEqual([
    ["short", short.topic],
  ]);
  expect(found[0]?.[1][0]?.expired).toBeGreaterThan(0);
  for (const folder of [files, copy]) {
    expect(existsSync(first(of(folder, short)).data)).toBe(false);
    expect(of(folder, long).every((b) => existsSync(b.data))).toBe(true);
  }
});
