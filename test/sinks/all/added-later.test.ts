import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { Daemon, writeConfig } from "../../faults/daemon.ts";
import { LiveTopic } from "../../faults/topic.ts";
import { manifestsOf } from "../../integration/manifests.ts";
import { named, sharedKafka, until } from "../../kafka/live-kafka.ts";
import { cli } from "../../operate/cli-process.ts";
import { filesBelow } from "../fs-place.ts";

/**
 * A sink that comes later, or comes back with less than it had, and is filled beside the others
 * (`backfill: auto`): nothing waits for it, and it ends with the same bytes.
 */
const home = mkdtempSync(join(tmpdir(), "archiver-later-"));
const SNAPSHOT = join(home, "snapshot");
let live: LiveTopic;
let daemon: Daemon | undefined;
const daemons: Daemon[] = [];

beforeAll(async () => {
  live = await LiveTopic.create(sharedKafka(), named("later"), 2);
}, 60_000);

afterAll(async () => {
  for (const d of daemons) await d.kill();
  await live?.close();
  rmSync(home, { recursive: true, force: true });
});

/** @param rate of the second sink, so that filling it takes a while; null: there is none */
function start(rate: string | null): void {
  const extra =
    rate === null
      ? {}
      : {
          extra: `  - { name: later, kind: fs, path: ./later, backfill: auto, limits: { rate: ${rate} } }`,
        };
  const config = writeConfig(home, "c.yaml", {
    ...{ bootstrap: sharedKafka(), group: live.topic, topics: [live.topic] },
    ...{ batchBytes: "8KiB", age: "300ms", ...extra },
  });
  daemon = Daemon.start(config, join(home, "daemon.log"));
  daemons.push(daemon);
}

const alive = (): string | null =>
  daemon?.running === true ? null : `no daemon runs; log ends:\n${daemon?.logTail()}`;
const archived = (): Promise<void> => live.archived(live.topic, 60_000, alive);
const batches = (sink: string): number =>
  existsSync(join(home, sink, "manifests", live.topic))
    ? manifestsOf(join(home, sink), live.topic).length
    : 0;
const filled = (): Promise<unknown> =>
  until("the later sink has everything", 60_000, () => batches("later") === batches("files"));

async function produce(rounds: number): Promise<void> {
  for (let i = 0; i < rounds; i += 1) await live.produce(400);
}

async function sameFiles(): Promise<void> {
  const final = async (sink: string): Promise<readonly string[]> =>
    (await filesBelow(join(home, sink))).filter((name) => !name.startsWith("tmp/"));
  const names = await final("files");
  expect(await final("later")).toEqual(names);
  for (const name of names) {
    const [ours, theirs] = ["files", "later"].map((s) => readFileSync(join(home, s, name)));
    expect(ours?.equals(theirs ?? Buffer.alloc(0)), name).toBe(true);
  }
  const argv = ["verify", "--config", join(home, "c.yaml"), "--deep", "--across-sinks"];
  const both = ["--sink", "files", "--sink", "later", "--against-kafka"];
  const verified = await cli([...argv, ...both]);
  expect(verified.code, verified.stdout + verified.stderr).toBe(0);
}

test("added to a running archive, it is filled while the others go on, also by the next owner", async () => {
  start(null);
  await produce(60);
  await archived();
  await daemon?.drain();
  const history = batches("files");
  expect(history).toBeGreaterThan(15);
  start("4KiB/s");
  await produce(2);
  await archived();
  expect(batches("files")).toBeGreaterThan(history);
  expect(batches("later")).toBeLessThan(history);
  await until("some of it is filled", 30_000, () => batches("later") > 1);
  await daemon?.kill();
  expect(batches("later")).toBeLessThan(history);
  cpSync(join(home, "later"), SNAPSHOT, { recursive: true });
  start("10MiB/s");
  await produce(2);
  await archived();
  await filled();
  await produce(1);
  await archived();
  expect(batches("later")).toBe(batches("files"));
  await sameFiles();
}, 180_000);

test("restored from an old snapshot it gets what it lost", async () => {
  await daemon?.drain();
  rmSync(join(home, "later"), { recursive: true });
  cpSync(SNAPSHOT, join(home, "later"), { recursive: true });
  expect(batches("later")).toBeLessThan(batches("files"));
  start("10MiB/s");
  await produce(1);
  await archived();
  await filled();
  await sameFiles();
  await daemon?.drain();
}, 120_000);
