import { readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { keygen } from "../../src/seal/keygen.ts";
import { decodeIdentity } from "../../src/seal/x25519.ts";
import { configDir } from "../config/load.ts";
import { Daemon, writeConfig } from "../faults/daemon.ts";
import { LiveTopic } from "../faults/topic.ts";
import { inMemoryOf } from "./process-memory.ts";

const dir = configDir();
const name = `memory-${process.pid}`;
const bootstrap = process.env["TEST_KAFKA"] ?? "";
afterAll(() => rmSync(dir, { recursive: true, force: true }));

test("the daemon's memory holds the seed that it derives keys from, and nothing that opens the archive", async () => {
  const { recipient } = await keygen(join(dir, "keys"));
  const text = (file: string): string => readFileSync(join(dir, "keys", file), "utf8");
  const identity = /AGE-SECRET-KEY-\w+/.exec(text("identity"))?.[0] ?? "";
  const seed = /[0-9a-f]{64}/.exec(text("seed"))?.[0] ?? "";
  const config = writeConfig(dir, "config.yaml", {
    ...{ bootstrap, group: name, topics: [name], recipient, seedFile: "keys/seed" },
    batchBytes: "16KiB",
  });
  const topic = await LiveTopic.create(bootstrap, name, 1);
  const daemon = Daemon.start(config, join(dir, "daemon.log"));
  try {
    await topic.produce(300);
    const alive = (): string | null => (daemon.running ? null : daemon.logTail());
    await topic.archived(name, 60_000, alive);
    const needles = new Map([
      ["identity", Buffer.from(identity)],
      ["raw identity", decodeIdentity(identity)],
      // That it is found shows that the whole memory was looked through.
      ["seed", Buffer.from(seed, "hex")],
    ]);
    expect([...inMemoryOf(daemon.pid, needles)]).toEqual(["seed"]);
    await daemon.drain();
  } finally {
    await daemon.kill();
    await topic.close();
  }
});
