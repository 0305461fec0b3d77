import { mkdtempSync, readFileSync } from "node:fs";
import { rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, expect, test } from "vitest";
import { auditTopic } from "../../audit/audit-topic.ts";
import { Daemon, writeConfig } from "../../faults/daemon.ts";
import { LiveTopic } from "../../faults/topic.ts";
import { cli } from "../../operate/cli-process.ts";
import type { CassandraAddress } from "../../servers/cassandra.ts";
import { filesBelow } from "../fs-place.ts";
import { FaultyLink } from "./faulty-link.ts";
import { cqlClient, freshKeyspace, settings } from "./place.ts";
import { sharedCassandra } from "./server.ts";
import { unload } from "./unload.ts";

const bootstrap = process.env["TEST_KAFKA"] ?? "";
let dir = "";
let server: { readonly address: CassandraAddress; stop(): Promise<void> };
const daemons: Daemon[] = [];

beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), "archiver-cassandra-runs-"));
  server = await sharedCassandra();
}, 300_000);
afterAll(async () => {
  for (const daemon of daemons) await daemon.kill();
  await server.stop();
  await rm(dir, { recursive: true, force: true });
});

function started(config: string, log: string, env: Record<string, string> = {}): Daemon {
  const daemon = Daemon.start(config, log, env);
  daemons.push(daemon);
  return daemon;
}

const alive = (daemon: Daemon) => (): string | null =>
  daemon.running ? null : `no daemon runs; log ends:\n${daemon.logTail()}`;

const entry = (keyspace: string, more: Parameters<typeof settings>[2] = {}): string =>
  `  - ${JSON.stringify({ name: "wide", kind: "cassandra", ...settings(server.address, keyspace, more) })}`;
const FILES = "  - { name: files, kind: fs, path: ./files }";

/** What CQL shows, as files, is what the topic holds and what the fs sink holds. */
async function sameEverywhere(live: LiveTopic, home: string, keyspace: string): Promise<void> {
  const [files, copy] = [join(home, "files"), join(home, "copy")];
  await rm(copy, { recursive: true, force: true });
  await unload(server.address, keyspace, copy);
  const final = (names: readonly string[]): readonly string[] =>
    names.filter((name) => !name.startsWith("tmp/"));
  const names = final(await filesBelow(files));
  expect(await filesBelow(copy)).toEqual(names);
  expect(names.length).toBeGreaterThan(10);
  for (const name of names) {
    expect(readFileSync(join(copy, name)).equals(readFileSync(join(files, name))), name).toBe(true);
  }
  const found = await auditTopic({ bootstrap, topic: live.topic, archiveDir: copy });
  expect(found.problems).toEqual([]);
  expect(found).toMatchObject({ lost: 0, duplicated: 0, different: 0 });
  expect(found.records).toBe(live.sent);
}

const verify = (config: string): ReturnType<typeof cli> =>
  cli(["verify", "--config", config, "--across-sinks", "--deep", "--json"]);

test("fs and cassandra hold the same bytes after kills of the daemon and cuts", async () => {
  const live = await LiveTopic.create(bootstrap, `wide-second-${process.pid}`, 3);
  const home = join(dir, "second");
  const keyspace = freshKeyspace();
  const link = await FaultyLink.open(server.address.contactPoint);
  const more = { contactPoints: [link.contactPoint], requestTimeout: "2s" };
  const config = writeConfig(home, "c.yaml", {
    ...{ bootstrap, group: live.topic, topics: [live.topic], sinks: [], batchBytes: "64KiB" },
    extra: [FILES, entry(keyspace, more)].join("\n"),
  });
  const log = join(home, "daemon.log");
  live.begin(60, 20);
  for (const step of ["mid-data", "after-data", "after-manifest"]) {
    const env = { BULK_ARCHIVER_FAILPOINT: `${step}:2:sink=wide` };
    expect((await started(config, log, env).exited(60_000)).signal).toBe("SIGKILL");
  }
  const daemon = started(config, log);
  await sleep(2000);
  link.cutAfter(30_000);
  await sleep(2000);
  await live.stop();
  await live.archived(live.topic, 90_000, alive(daemon));
  await daemon.drain();
  await live.close();
  await link.close();
  await sameEverywhere(live, home, keyspace);
}, 300_000);

test("cassandra decides as the primary; what CQL deletes verify finds and reconcile puts back", async () => {
  const live = await LiveTopic.create(bootstrap, `wide-first-${process.pid}`, 2);
  const home = join(dir, "first");
  const keyspace = freshKeyspace();
  const config = writeConfig(home, "c.yaml", {
    ...{ bootstrap, group: live.topic, topics: [live.topic], sinks: [], batchBytes: "64KiB" },
    extra: [entry(keyspace), FILES].join("\n"),
  });
  const log = join(home, "daemon.log");
  live.begin(60, 20);
  const killed = started(config, log, { BULK_ARCHIVER_FAILPOINT: "after-data:3:sink=wide" });
  expect((await killed.exited(60_000)).signal).toBe("SIGKILL");
  const daemon = started(config, log);
  await sleep(3000);
  await live.stop();
  await live.archived(live.topic, 90_000, alive(daemon));
  await daemon.drain();
  await live.close();
  await sameEverywhere(live, home, keyspace);

  const sound = await verify(config);
  expect(sound.code, sound.stderr + sound.stdout).toBe(0);
  expect(JSON.parse(sound.stdout)).toMatchObject({ ok: true });
  const cql = await cqlClient(server.address);
  const { rows } = await cql.execute(`SELECT * FROM ${keyspace}.batches`);
  const row = rows[0] as unknown as Record<string, unknown>;
  const key = ["topic", "topic_id", "partition", "branch", "start", "digest"];
  await cql.execute(
    `DELETE FROM ${keyspace}.chunks WHERE ${key.map((k) => `${k} = ?`).join(" AND ")} AND part = 0`,
    key.map((k) => row[k]),
  );
  await cql.shutdown();
  const damaged = await verify(config);
  expect(damaged.code, damaged.stderr + damaged.stdout).toBe(3);
  expect(damaged.stdout).toMatch(/chunk 0 of data\/[^"]* is gone/);
  expect(damaged.stdout).toContain(String(row["path"]));

  const whole = ["--config", config, "--source", "files", "--target", "wide", "--json"];
  const repaired = await cli(["reconcile", ...whole]);
  expect(repaired.code, repaired.stderr + repaired.stdout).toBe(0);
  const again = await verify(config);
  expect(again.code, again.stderr + again.stdout).toBe(0);
  await sameEverywhere(live, home, keyspace);
}, 300_000);
