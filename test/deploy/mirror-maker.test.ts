import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { auditTopic } from "../audit/audit-topic.ts";
import { Daemon, writeConfig } from "../faults/daemon.ts";
import "../integration/patience.ts";
import { committed, type Offsets, stableEnds } from "../integration/offsets.ts";
import {
  createTopic,
  groupsAreReady,
  named,
  send,
  sharedKafka,
  until,
  withAdmin,
} from "../kafka/live-kafka.ts";
import { cli } from "../operate/cli-process.ts";
import { KafkaServer } from "../servers/kafka.ts";
import { MirrorMaker } from "../servers/mirror-maker.ts";
import { filesBelow } from "../sinks/fs-place.ts";

/**
 * A fail-over to a cluster that MirrorMaker 2 copies to, as docs/upgrade.md tells it: every record is in one of
 * the two archives, and what both clusters had is in both.
 */
const dir = mkdtempSync(join(tmpdir(), "archiver-mirror-test-"));
const topic = named("mirrored");
const PARTITIONS = [0, 1];
const WAIT_MS = 90_000;
/** Deleted from the first cluster before the mirror began, so that offsets of the two differ. */
const TRIMMED = 30;

let first: KafkaServer;
let mirror: MirrorMaker | null = null;
const daemons: Daemon[] = [];
/** Everything that was ever produced, to whichever cluster. */
const produced: string[] = [];

const second = (): string => sharedKafka();

const old = (): string => configured("first.yaml", first.bootstrap, topic, "old");

/** No folder: nothing was written. */
function missing(error: unknown): string[] {
  if ((error as NodeJS.ErrnoException).code === "ENOENT") return [];
  throw error;
}

function configured(name: string, bootstrap: string, group: string, folder: string): string {
  return writeConfig(join(dir, folder), name, { bootstrap, group, topics: [topic] });
}

function run(config: string): Daemon {
  const daemon = Daemon.start(config, `${config}.log`);
  daemons.push(daemon);
  return daemon;
}

/** To each partition of a cluster so many records, each with a text of its own. */
async function produce(bootstrap: string, records: number): Promise<void> {
  for (const partition of PARTITIONS) {
    const lines = Array.from({ length: records }, (_, i) => `r${produced.length + i}.`);
    await send({ topic, partition, bootstrap }, lines);
    produced.push(...lines);
  }
}

const same = (found: Offsets, wanted: Offsets): boolean =>
  [...wanted].every(([at, offset]) => found.get(at) === offset);

async function archived(daemon: Daemon, bootstrap: string, group: string): Promise<void> {
  const ends = await stableEnds(bootstrap, [topic]);
  await until(`${group} has committed everything`, WAIT_MS, async () => {
    if (!daemon.running) throw new Error(daemon.logTail());
    return same(await committed(bootstrap, group, [topic]), ends);
  });
}

/** The second cluster has as many records as the first still has. */
const mirrored = (): Promise<unknown> =>
  until("everything is mirrored", WAIT_MS, async () => {
    if (!(await withAdmin((admin) => admin.listTopics())).includes(topic)) return false;
    const from = await stableEnds(first.bootstrap, [topic]);
    const to = await stableEnds(second(), [topic]);
    return [...from].every(([at, end]) => to.get(at) === end - BigInt(TRIMMED));
  });

/** Of each record its text and its timestamp. */
async function recordsOf(config: string): Promise<Map<string, string>> {
  const argv = ["cat", "--sink", "files", "--topic", topic, "--config", config];
  const { code, stdout, stderr } = await cli(argv);
  expect(code, stderr).toBe(0);
  const lines = stdout.split("\n").slice(0, -1);
  const found = lines.map((line) => [
    /\br\d+\./.exec(line)?.[0] ?? line,
    /"timestamp":(\d+)/.exec(line)?.[1] ?? line,
  ]);
  expect(new Set(found.map(([text]) => text)).size).toBe(lines.length);
  return new Map(found as [string, string][]);
}

beforeAll(async () => {
  first = await KafkaServer.start({ clusterId: "dGhlLWZpcnN0LWNsdXN0ZXI", heap: "320m" });
  await groupsAreReady(first.bootstrap);
  await groupsAreReady(second());
  await createTopic(topic, PARTITIONS.length, first.bootstrap);
});

afterAll(async () => {
  for (const daemon of daemons) await daemon.kill();
  await mirror?.stop();
  await first.stop();
  await withAdmin(async (admin) => {
    const left = (await admin.listTopics()).filter((t) => t === topic || MirrorMaker.made(t));
    await admin.deleteTopics({ topics: left });
  });
  rmSync(dir, { recursive: true, force: true });
});

test("the first cluster archives, is mirrored with its group's offsets, and fails", async () => {
  const before = run(old());
  await produce(first.bootstrap, 100);
  await archived(before, first.bootstrap, topic);
  await withAdmin(async (admin) => {
    await admin.fetchTopicOffsets(topic);
    const partitions = PARTITIONS.map((partition) => ({ partition, offset: String(TRIMMED) }));
    await admin.deleteTopicRecords({ topic, partitions });
  }, first.bootstrap);
  const between = { from: first.bootstrap, to: second(), topics: [topic], groups: [topic] };
  mirror = await MirrorMaker.start(between);
  await mirrored();
  await produce(first.bootstrap, 50);
  await archived(before, first.bootstrap, topic);
  await before.kill();
  // What the failing cluster's daemon never came to, and the mirror did.
  await produce(first.bootstrap, 40);
  await mirrored();
  await until("the group's offsets are translated", WAIT_MS, async () => {
    const at = await committed(second(), topic, [topic]);
    return PARTITIONS.every((p) => (at.get(`${topic}/${p}`) ?? 0n) > 0n);
  });
  await first.kill(0);
  await mirror.kill();
  await produce(second(), 40);
});

test("the old archive takes nothing from the second cluster", async () => {
  const files = await filesBelow(join(dir, "old", "files"));
  const moved = configured("moved.yaml", second(), `${topic}-moved`, "old");
  const refused = run(moved);
  expect((await refused.exited(WAIT_MS)).code).toBe(2);
  expect(refused.logTail()).toContain("archive.json says clusterId");
  expect(await filesBelow(join(dir, "old", "files"))).toEqual(files);
  const { code, stdout } = await cli(["verify", "--deep", "--against-kafka", "--config", moved]);
  expect([code, stdout]).toEqual([
    0,
    expect.stringContaining("has another id: nothing to compare"),
  ]);
});

test("a group whose offsets the mirror brought does not begin a new archive in the middle", async () => {
  const stopped = run(configured("same-group.yaml", second(), topic, "same"));
  await until("every partition has stopped", WAIT_MS, () => {
    if (!stopped.running) throw new Error(stopped.logTail());
    return (readFileSync(stopped.logPath, "utf8").match(/"archive-emptied"/g) ?? []).length === 2;
  });
  expect(readFileSync(stopped.logPath, "utf8")).toContain("another cluster's");
  expect(await filesBelow(join(dir, "same", "files", "data")).catch(missing)).toEqual([]);
});

test("another group begins the second archive: both together have every record", async () => {
  const config = configured("second.yaml", second(), `${topic}-second`, "new");
  const after = run(config);
  await archived(after, second(), `${topic}-second`);
  await after.drain();
  const archiveDir = join(dir, "new", "files");
  const found = await auditTopic({ bootstrap: second(), topic, archiveDir });
  expect(found.problems).toEqual([]);
  expect(found).toMatchObject({ lost: 0, duplicated: 0, different: 0, extra: 0, records: 400 });

  const [before, now] = [await recordsOf(old()), await recordsOf(config)];
  expect(new Set([...before.keys(), ...now.keys()])).toEqual(new Set(produced));
  // Twice, once in each archive: what the mirror had time to copy of what was archived.
  const twice = [...now].filter(([text]) => before.has(text));
  expect(twice).toHaveLength(PARTITIONS.length * (100 - TRIMMED + 50));
  expect(twice.filter(([text, timestamp]) => before.get(text) !== timestamp)).toEqual([]);

  for (const argv of [[old()], [config, "--against-kafka"]]) {
    const { code, stdout, stderr } = await cli(["verify", "--deep", "--config", ...argv]);
    expect(code, stdout + stderr).toBe(0);
  }
});
