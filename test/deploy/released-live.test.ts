import { execFileSync } from "node:child_process";
import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { decodePlans } from "../../src/core/plan-codec.ts";
import { Daemon } from "../faults/daemon.ts";
import {
  createTopic,
  groupsAreReady,
  send,
  sharedKafka,
  until,
  withAdmin,
} from "../kafka/live-kafka.ts";
import "../integration/patience.ts";
import { cli } from "../operate/cli-process.ts";
import { filesBelow } from "../sinks/fs-place.ts";
import { KafkaServer } from "../servers/kafka.ts";

/**
 * A Kafka goes on with the logs that a released version left behind; then the topic is in another cluster
 * too. The promises are those of docs/upgrade.md.
 */
const HOME = fileURLToPath(new URL("../fixtures/released/", import.meta.url));
const versions = readdirSync(HOME, { withFileTypes: true })
  .filter((entry) => entry.isDirectory())
  .map((entry) => entry.name);
const LANES = ["segment", "lines", "sealed"] as const;
/** Committed offsets are years old when this is run. */
const KEPT = { "offsets.retention.minutes": "2147483647", "offsets.topic.num.partitions": "1" };

interface Expected {
  readonly topic: string;
}

describe.each(versions)("version %s", (version) => {
  const dir = mkdtempSync(join(tmpdir(), "archiver-taken-over-"));
  const file = join(dir, "config.yaml");
  const { topic } = JSON.parse(
    readFileSync(join(HOME, version, "expected.json"), "utf8"),
  ) as Expected;
  let old: KafkaServer;
  let daemon: Daemon | null = null;

  /** The configuration of then, asking this Kafka, with archives in these folders. */
  function configured(name: string, bootstrap: string, folder = "./"): string {
    const path = join(dir, name);
    const text = readFileSync(join(HOME, version, "config.yaml"), "utf8");
    writeFileSync(
      path,
      text.replace("127.0.0.1:9092", bootstrap).replaceAll("path: ./", `path: ${folder}`),
    );
    return path;
  }

  const committed = (bootstrap: string) =>
    withAdmin(async (admin) => {
      const found = await Promise.all(
        LANES.map((lane) => admin.fetchOffsets({ groupId: `${topic}-${lane}`, topics: [topic] })),
      );
      return found.map(([of]) => of?.partitions[0] ?? { offset: "-1", metadata: null });
    }, bootstrap);

  /** Runs a daemon until every lane has committed this offset and no plan. */
  async function archived(config: string, bootstrap: string, end: string): Promise<void> {
    const running = Daemon.start(config, join(dir, "daemon.log"));
    daemon = running;
    await until(`all is archived up to ${end}`, 60_000, async () => {
      if (!running.running) throw new Error(running.logTail());
      return (await committed(bootstrap)).every(({ offset, metadata }) => {
        const plans = decodePlans(metadata ?? "");
        return offset === end && "plans" in plans && plans.plans.length === 0;
      });
    });
    await running.drain();
  }

  async function verified(config: string): Promise<void> {
    const argv = ["verify", "--deep", "--identity", join(dir, "identity"), "--config", config];
    const { code, stdout, stderr } = await cli(argv);
    expect(code, stdout + stderr).toBe(0);
  }

  async function linesOf(config: string, sink: string): Promise<string[]> {
    const argv = ["cat", "--sink", sink, "--topic", topic, "--config", config];
    const { code, stdout, stderr } = await cli([...argv, "--identity", join(dir, "identity")]);
    expect(code, stderr).toBe(0);
    return stdout.split("\n").slice(0, -1);
  }

  beforeAll(async () => {
    cpSync(join(HOME, version), dir, { recursive: true });
    const logs = join(dir, "logs");
    mkdirSync(logs);
    execFileSync("tar", ["--zstd", "-xf", join(dir, "kafka.tar.zst"), "-C", logs]);
    old = await KafkaServer.start({ from: logs, properties: KEPT, heap: "320m" });
    await groupsAreReady(old.bootstrap);
    configured("config.yaml", old.bootstrap);
  });

  afterAll(async () => {
    await daemon?.kill();
    await old.stop();
    await withAdmin((admin) => admin.deleteTopics({ topics: [topic] }));
    rmSync(dir, { recursive: true, force: true });
  });

  test("another cluster with a topic of that name: the archive refuses, a new one begins beside it", async () => {
    await createTopic(topic, 1);
    await groupsAreReady();
    await send(
      { topic },
      Array.from({ length: 40 }, (_, i) => `mirrored ${i}`),
    );
    const before = await Promise.all(LANES.map((lane) => filesBelow(join(dir, lane))));
    const refused = Daemon.start(configured("moved.yaml", sharedKafka()), join(dir, "refused.log"));
    daemon = refused;
    await until("it refuses", 60_000, () =>
      refused.logTail().includes("archive.json says clusterId"),
    );
    await refused.kill();
    expect(await Promise.all(LANES.map((lane) => filesBelow(join(dir, lane))))).toEqual(before);

    const config = configured("new.yaml", sharedKafka(), "./new-");
    await archived(config, sharedKafka(), "40");
    await verified(config);
    await verified(file);
    expect(await linesOf(config, "segment")).toHaveLength(40);
    const ids = (folder: string): string[] => readdirSync(join(dir, folder, "data", topic));
    expect(ids("new-segment")).toHaveLength(1);
    expect(ids("new-segment")).not.toEqual(ids("segment"));
  });
});
