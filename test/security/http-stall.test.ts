import { readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, afterEach, beforeAll, expect, test, vi } from "vitest";
import { configDir } from "../config/load.ts";
import { Daemon, writeConfig } from "../faults/daemon.ts";
import { LiveTopic } from "../faults/topic.ts";
import { freePorts } from "../servers/server-process.ts";
import { type Connection, HostileClient } from "./hostile-client.ts";

/** A daemon that archives while somebody does to its port what he likes: it goes on, and answers others. */
vi.setConfig({ testTimeout: 90_000 });
const dir = configDir();
const name = `stalled-${process.pid}`;
const MiB = 1 << 20;
/** Of what attackers could make it hold; a daemon's own buffers come and go. */
const HEAP_MIB = 96;
const MAX_GROWTH_BYTES = 96 * MiB;
let topic: LiveTopic;
let daemon: Daemon;
let hostile: HostileClient;
let url = "";

beforeAll(async () => {
  topic = await LiveTopic.create(process.env["TEST_KAFKA"] ?? "", name, 2);
  const [port = 0] = await freePorts(1);
  url = `http://127.0.0.1:${port}`;
  const config = writeConfig(dir, "config.yaml", {
    ...{ bootstrap: process.env["TEST_KAFKA"] ?? "", group: name, topics: [name] },
    extra: `http: { listen: "127.0.0.1:${port}" }`,
  });
  // So that garbage is collected before it counts, and what is held ends the daemon.
  const env = { NODE_OPTIONS: `--max-old-space-size=${HEAP_MIB}` };
  daemon = Daemon.start(config, join(dir, "daemon.log"), env);
  await archives();
  hostile = new HostileClient(port);
}, 90_000);

afterEach(() => hostile.close());

afterAll(async () => {
  await daemon.kill();
  await topic.close();
  rmSync(dir, { recursive: true, force: true });
});

async function archives(): Promise<void> {
  await topic.produce(200);
  const alive = (): string | null => (daemon.running ? null : daemon.logTail());
  await topic.archived(name, 60_000, alive);
}

const rss = (): number => {
  const status = readFileSync(`/proc/${daemon.pid}/status`, "utf8");
  return Number(/VmRSS:\s+(\d+) kB/.exec(status)?.[1]) * 1024;
};

/** During an attack: others are answered, batches go to the archive, and memory stays. */
async function goesOn(before: number): Promise<void> {
  for (const path of ["/healthz", "/metrics", "/api/status"]) {
    const answer = await fetch(url + path, { signal: AbortSignal.timeout(10_000) });
    expect([path, answer.status]).toEqual([path, 200]);
    await answer.text();
  }
  await archives();
  expect(rss() - before).toBeLessThan(MAX_GROWTH_BYTES);
}

const many = (count: number, make: () => Connection): Connection[] =>
  Array.from({ length: count }, make);
const HEAD = "GET /api/status HTTP/1.1\r\nHost: localhost\r\n";

test("heads that never end are cut off, however slowly they go on", async () => {
  const before = rss();
  const slow = many(60, () => hostile.open(`${HEAD}X-Slow: `));
  const dripping = slow.map((c) => hostile.drip(c, "x", 200));
  await goesOn(before);
  await Promise.all(slow.map((c) => c.closed));
  await Promise.all(dripping);
});

test("bodies that never end are not waited for", async () => {
  const before = rss();
  const slow = many(40, () =>
    hostile.open(`POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9999\r\n\r\n`),
  );
  const dripping = slow.map((c) => hostile.drip(c, "body", 200));
  await goesOn(before);
  await Promise.all(slow.map((c) => c.closed));
  await Promise.all(dripping);
  expect(slow[0]?.text()).toMatch(/^HTTP\/1\.1 405 /);
});

test("heads beyond every bound are refused as they come", async () => {
  const before = rss();
  const huge = many(20, () => hostile.open(`${HEAD}X-Huge: ${"x".repeat(1 << 20)}\r\n\r\n`));
  const lines = many(20, () => hostile.open(`${HEAD}${"X-A: b\r\n".repeat(50_000)}\r\n`));
  await goesOn(before);
  await Promise.all([...huge, ...lines].map((c) => c.closed));
  for (const c of [...huge, ...lines]) expect(c.text()).toMatch(/^(?:HTTP\/1\.1 431 |$)/);
});

test("event streams that nobody reads are few, and take no memory", async () => {
  const before = rss();
  const ask = "GET /api/events HTTP/1.1\r\nHost: localhost\r\n\r\n";
  const streams = many(55, () => hostile.open(ask, false));
  await sleep(2_000);
  await goesOn(before);
  for (const c of streams) c.socket.resume();
  const refused = streams.slice(-20);
  while (!refused.every((c) => c.socket.destroyed || c.socket.bytesRead > 0)) await sleep(20);
});

test("requests in a row whose answers nobody reads are answered no further than there is room", async () => {
  const row = "GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n".repeat(5_000);
  const attack = async (): Promise<void> => {
    many(40, () => hostile.open(row, false));
    await sleep(1_000);
  };
  // What was read before a connection is cut is parsed all the same: garbage of some megabytes each, once.
  await attack();
  const before = rss();
  for (let i = 0; i < 3; i += 1) await attack();
  await goesOn(before);
});

test("connections that are half closed, or say nothing, are given up", async () => {
  const before = rss();
  const half = many(30, () => hostile.open(`${HEAD}\r\n`));
  for (const c of half) c.socket.on("connect", () => c.socket.end());
  const silent = many(30, () => hostile.open(""));
  await goesOn(before);
  await Promise.all(half.map((c) => c.closed));
  await Promise.all(silent.map((c) => c.closed));
});

test("the daemon drains as ever when its port is under attack", async () => {
  const slow = many(40, () => hostile.open(`${HEAD}X-Slow: `));
  many(20, () => hostile.open("GET /api/events HTTP/1.1\r\nHost: localhost\r\n\r\n", false));
  while (!slow.every((c) => c.socket.readyState === "open")) await sleep(20);
  await daemon.drain();
});
