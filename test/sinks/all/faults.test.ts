import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, expect, test } from "vitest";
import { parse } from "../../../src/core/json.ts";
import type { StatusReport } from "../../../src/observe/status-report.ts";
import { Daemon, writeConfig } from "../../faults/daemon.ts";
import { LiveTopic } from "../../faults/topic.ts";
import { named, sharedKafka } from "../../kafka/live-kafka.ts";
import { cli } from "../../operate/cli-process.ts";
import { freePorts } from "../../servers/server-process.ts";
import { OwnServers } from "./own-servers.ts";
import { sameEverywhere } from "./same-records.ts";
import { NAMES, type SinkName, SixSinks } from "./six-sinks.ts";

/**
 * One daemon with six sinks under live production, while everything happens to five of the stores: what
 * is well again catches up without anybody's help.
 */
const home = mkdtempSync(join(tmpdir(), "archiver-six-faults-"));
const REMOTE = NAMES.filter((name) => name !== "files");
const FROZEN_MS = 30_000;
/** A parked sink is asked once a minute. */
const BACK_MS = 110_000;
let servers: OwnServers;
let six: SixSinks;
let live: LiveTopic;
let daemon: Daemon | undefined;
let config = "";
let url = "";

beforeAll(async () => {
  servers = await OwnServers.start();
  six = await SixSinks.prepare(home, servers.direct);
  live = await LiveTopic.create(sharedKafka(), named("six-faults"), 2);
  const [port = 0] = await freePorts(1);
  url = `http://127.0.0.1:${port}`;
  const common = { bootstrap: sharedKafka(), group: live.topic, topics: [live.topic], sinks: [] };
  const written = (name: string, more: Parameters<SixSinks["entries"]>[1]): string =>
    writeConfig(home, name, {
      ...{ ...common, batchBytes: "32KiB", age: "1s" },
      extra: `${six.entries(NAMES, more)}\nhttp: { listen: "127.0.0.1:${port}" }`,
    });
  // Whoever owns the cluster makes the keyspace; the daemon only has rights in it.
  const owner = await cli(["check", "--config", written("owner.yaml", {})]);
  expect(owner.code, owner.stdout + owner.stderr).toBe(0);
  await servers.grant(six);
  config = written("c.yaml", servers.through);
  started();
  live.begin(10, 60);
  await caughtUp();
}, 400_000);

afterAll(async () => {
  await daemon?.kill();
  await live?.close();
  await servers?.stop();
  rmSync(home, { recursive: true, force: true });
}, 60_000);

function started(): void {
  daemon = Daemon.start(config, join(home, "daemon.log"));
}

/** Everything that was in the topic at this moment is in all six. */
async function caughtUp(): Promise<void> {
  const ends = await live.ends();
  const until = Date.now() + BACK_MS;
  for (;;) {
    const committed = await live.committed(live.topic);
    if (ends.every((end, i) => (committed[i] ?? -1n) >= end)) return;
    if (daemon?.running !== true) throw new Error(`no daemon; log ends:\n${daemon?.logTail()}`);
    if (Date.now() > until)
      throw new Error(`${committed.join()} of ${ends.join()}: ${await told()}`);
    await sleep(200);
  }
}

type SinkStatus = StatusReport["sinks"][number];

async function statuses(): Promise<readonly SinkStatus[]> {
  const answer = await fetch(`${url}/api/status`);
  return (parse(await answer.text()) as StatusReport).sinks;
}

const told = async (): Promise<string> =>
  (await statuses()).map((s) => `${s.name} ${s.state}: ${s.lastError}`).join("\n");

/** Resolves when each of the sinks was seen in this state. */
async function reach(names: readonly SinkName[], state: SinkStatus["state"]): Promise<void> {
  const open = new Set<string>(names);
  for (const until = Date.now() + 60_000; open.size > 0; await sleep(50)) {
    for (const s of await statuses()) if (s.state === state) open.delete(s.name);
    if (Date.now() > until) throw new Error(`not ${state}: ${[...open].join()}\n${await told()}`);
  }
}

test("the network cuts, delays, resets and refuses connections", async () => {
  await Promise.all([servers.network(), reach(REMOTE, "retrying")]);
  expect(servers.proxies.filter((proxy) => proxy.cuts === 0)).toEqual([]);
  await caughtUp();
}, 180_000);

test("all are frozen for half a minute, the daemon is killed meanwhile", async () => {
  await servers.frozen(async () => {
    const until = Date.now() + FROZEN_MS;
    await reach(REMOTE, "retrying");
    await daemon?.kill();
    started();
    await sleep(Math.max(0, until - Date.now()));
    expect(daemon?.running).toBe(true);
  });
  await caughtUp();
}, 180_000);

test("all are killed in mid-batch and started again", async () => {
  await servers.killed(() => reach(REMOTE, "retrying"));
  await caughtUp();
}, 240_000);

test("all credentials are revoked, which parks the sinks and rejects no record", async () => {
  await servers.revoked(six, () => reach(REMOTE, "parked"));
  await caughtUp();
  expect((await statuses()).map((s) => s.state)).not.toContain("parked");
}, 240_000);

test("stores without room are waited for", async () => {
  for (const room of servers.rooms(six)) {
    await room.full();
    await reach([room.name], "retrying");
    await room.free();
    await caughtUp();
  }
}, 240_000);

test("after all that every store has every record once, and the same files", async () => {
  await daemon?.kill();
  started();
  await live.stop();
  await caughtUp();
  await daemon?.drain();
  const { records, files } = await sameEverywhere(six, {
    bootstrap: sharedKafka(),
    topic: live.topic,
  });
  expect(records).toBe(live.sent);
  const sinks = NAMES.flatMap((name) => ["--sink", name]);
  const argv = ["verify", "--config", config, "--deep", "--across-sinks", "--against-kafka"];
  const verified = await cli([...argv, ...sinks, "--json"]);
  expect(verified.code, verified.stdout + verified.stderr).toBe(0);
  console.log(`six sinks and their faults: ${records} records in ${files} files`);
}, 480_000);
