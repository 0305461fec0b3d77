import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
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
 * What every released version left behind, archives and Kafka's own logs, is taken over by a daemon of
 * the present code; then the topic moves to another cluster. The promises are those of docs/upgrade.md.
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
  readonly commits: Readonly<Record<string, readonly [{ readonly metadata: string }]>>;
  readonly cat: Readonly<Record<string, { readonly lines: number; readonly sha256: string }>>;
}

interface Manifest {
  readonly end: number;
  readonly content: object;
}

/** Produced when the present code takes over. */
const NEWER = Array.from({ length: 40 }, (_, i) => `newer ${i}`);

const digest = (lines: readonly string[]): string =>
  createHash("sha256")
    .update(lines.map((l) => `${l}\n`).join(""))
    .digest("hex");

describe.each(versions)("version %s", (version) => {
  const dir = mkdtempSync(join(tmpdir(), "archiver-taken-over-"));
  const file = join(dir, "config.yaml");
  const { topic, commits, cat } = JSON.parse(
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

  /** Of the batch that begins here; fails where none does. */
  async function manifestAt(lane: string, start: bigint | undefined): Promise<Manifest> {
    const folder = join(dir, lane, "manifests");
    const name = `${String(start).padStart(20, "0")}.json`;
    const [path = ""] = (await filesBelow(folder)).filter((found) => found.endsWith(name));
    return JSON.parse(readFileSync(join(folder, path), "utf8")) as Manifest;
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

  test("its pending plans are taken over as they are, and every archive goes on", async () => {
    const before = await committed(old.bootstrap);
    expect(before.map((c) => c.metadata)).toEqual(LANES.map((l) => commits[l]?.[0].metadata));
    const plans = LANES.map((lane) => {
      const found = decodePlans(commits[lane]?.[0].metadata ?? "");
      if (!("plans" in found) || found.plans[0] === undefined)
        throw new Error("no plan is pending");
      return found.plans[0];
    });
    // More than was planned: without the plan, the next batch would go on to here.
    await send({ topic, bootstrap: old.bootstrap }, NEWER);
    await archived(file, old.bootstrap, String(Number(plans[0]?.end) + NEWER.length));
    expect(readFileSync(join(dir, "daemon.log"), "utf8")).not.toContain("metadata");
    await Promise.all(
      LANES.map(async (lane, i) => {
        const [plan, lines] = [plans[i], await linesOf(file, lane)];
        expect(digest(lines.slice(0, cat[lane]?.lines)), lane).toBe(cat[lane]?.sha256);
        expect(lines, lane).toHaveLength(Number(plan?.end) + NEWER.length);
        expect(lines.at(-1), lane).toContain(NEWER.at(-1));
        const planned = await manifestAt(lane, plan?.start);
        expect(planned.end, lane).toBe(Number(plan?.end));
        // The very bytes that the other version planned: their digest, or their tag where they are sealed.
        expect(planned.content, lane).toMatchObject(plan?.content ?? {});
        expect((await manifestAt(lane, plan?.end)).end, lane).toBe(lines.length);
      }),
    );
    await verified(file);
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
