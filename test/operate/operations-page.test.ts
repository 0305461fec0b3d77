import { execFile } from "node:child_process";
import { chmodSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { Kafka, logLevel } from "kafkajs";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { keygen, signingKeygen } from "../../src/seal/keygen.ts";
import { configDir } from "../config/load.ts";
import { Daemon, writeConfig } from "../faults/daemon.ts";
import { LiveTopic } from "../faults/topic.ts";

/** Every command of docs/operations.md that is marked so, run as it stands there, in the page's order. */
const bootstrap = process.env["TEST_KAFKA"] ?? "";
const name = `operations-${process.pid}`;
const root = fileURLToPath(new URL("../../", import.meta.url));
const dir = configDir();
const config = join(dir, "bulk-archiver.yaml");
let topic: LiveTopic;
let daemon: Daemon | null = null;

interface Block {
  readonly heading: string;
  readonly script: string;
  readonly exit: number;
}

const blocks: readonly Block[] = readFileSync(join(root, "docs/operations.md"), "utf8")
  .split(/^## /m)
  .flatMap((section) => {
    const heading = section.slice(0, section.indexOf("\n"));
    const found = section.matchAll(/^```sh run(?: exit=(\d+))?\n([\s\S]*?)^```$/gm);
    return [...found].map(([, exit, script]) => ({
      ...{ heading, script: script ?? "", exit: Number(exit ?? 0) },
    }));
  });

async function start(): Promise<void> {
  daemon = Daemon.start(config, join(dir, "daemon.log"));
  await topic.archived(name, 60_000, () => (daemon?.running === true ? null : "it ended"));
}

async function stop(): Promise<void> {
  await daemon?.drain();
  daemon = null;
}

const folder = (sink: string, kind: string): string => {
  const [id = ""] = readdirSync(join(dir, sink, kind, name));
  return join(dir, sink, kind, name, id, "0", "0", "00000000000");
};

/** What is wrong when somebody opens the page at a heading. */
const TROUBLE: Readonly<Record<string, () => Promise<void>>> = {
  "A sink lost data": async () => {
    const [first = "", second = ""] = readdirSync(folder("copy", "data")).toSorted();
    rmSync(join(folder("copy", "data"), first));
    const path = join(folder("copy", "data"), second);
    const bytes = readFileSync(path);
    bytes[100] = (bytes[100] ?? 0) ^ 1;
    chmodSync(path, 0o644);
    writeFileSync(path, bytes);
    await Promise.resolve();
  },
  "The wrong offset was committed": async () => {
    await stop();
    const kafka = new Kafka({ brokers: bootstrap.split(","), logLevel: logLevel.NOTHING });
    const admin = kafka.admin();
    await admin.connect();
    const partitions = [{ partition: 0, offset: "5" }];
    await admin.setOffsets({ groupId: name, topic: name, partitions });
    await admin.disconnect();
    await start();
  },
  "The disk is full": async () => {
    // The configuration has another recipient by now.
    await stop();
    await start();
  },
  "Moving to another bucket": stop,
  "An upgrade": start,
};

/** The page's own words, with this run's topic for `logs`. */
function run({ script }: Block): Promise<{ code: number; output: string }> {
  const mine = script.replaceAll(/\blogs\b/g, name);
  const program = `bulk-archiver() { "${process.execPath}" "${root}src/main.ts" "$@"; }\n`;
  const argv = ["-euo", "pipefail", "-c", program + mine];
  return new Promise((resolve) => {
    execFile("bash", argv, { cwd: dir, timeout: 120_000 }, (error, stdout, stderr) => {
      const code = error === null ? 0 : typeof error.code === "number" ? error.code : -1;
      resolve({ code, output: `${mine}\n${stdout}\n${stderr}` });
    });
  });
}

beforeAll(async () => {
  const { recipient } = await keygen(join(dir, "keys"));
  await signingKeygen(join(dir, "keys"));
  topic = await LiveTopic.create(bootstrap, name, 2);
  writeConfig(dir, "bulk-archiver.yaml", {
    ...{ bootstrap, group: name, topics: [name], batchBytes: "2KiB", sinks: ["files", "copy"] },
    ...{ recipient, seedFile: "keys/seed" },
    extra:
      "signing: { keyFile: keys/signing }\nheads: { file: ./heads, every: 1s }\nretention: 30d",
  });
  for (let i = 0; i < 8; i += 1) await topic.produce(60);
  await start();
  // The heads of what is archived are published within a second.
  await stop();
  await start();
}, 120_000);

afterAll(async () => {
  await daemon?.kill();
  await topic.close();
  rmSync(dir, { recursive: true, force: true });
});

describe("docs/operations.md", () => {
  const done = new Set<string>();
  test.each(blocks.map((block, i) => [i, block.heading, block] as const))(
    "block %i, %s",
    async (_i, heading, block) => {
      if (!done.has(heading)) await TROUBLE[heading]?.();
      done.add(heading);
      const { code, output } = await run(block);
      expect(code, output).toBe(block.exit);
    },
    180_000,
  );

  test("every trouble that a test prepares is on the page", () => {
    const headings = new Set(blocks.map((b) => b.heading));
    for (const heading of Object.keys(TROUBLE)) expect(headings).toContain(heading);
    expect(headings.size).toBeGreaterThan(10);
  });
});
