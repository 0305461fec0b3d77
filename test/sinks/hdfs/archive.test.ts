import { mkdirSync, mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, expect, test } from "vitest";
import { auditTopic } from "../../audit/audit-topic.ts";
import { Daemon, writeConfig } from "../../faults/daemon.ts";
import { LiveTopic } from "../../faults/topic.ts";
import { cli } from "../../operate/cli-process.ts";
import { HadoopServer } from "../../servers/hadoop.ts";
import { filesBelow } from "../fs-place.ts";
import { ForeignHdfs } from "./foreign.ts";
import { newPath } from "./hdfs-place.ts";

const bootstrap = process.env["TEST_KAFKA"] ?? "";
const daemons: Daemon[] = [];
let dir = "";
let server: HadoopServer;

beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), "archiver-hdfs-"));
  server = await HadoopServer.start();
}, 300_000);

afterAll(async () => {
  for (const daemon of daemons) await daemon.kill();
  await server.stop();
  await rm(dir, { recursive: true, force: true });
});

function started(config: string, log: string): Daemon {
  const daemon = Daemon.start(config, log);
  daemons.push(daemon);
  return daemon;
}

const alive = (daemon: Daemon) => (): string | null =>
  daemon.running ? null : `no daemon runs; log ends:\n${daemon.logTail()}`;

const entry = (path: string): string =>
  `  - { name: lake, kind: hdfs, url: "${server.url}", user: archiver, path: ${path}, idleTimeout: 2s }`;

/** Brings every final file into a local folder by curl; the paths, sorted. */
async function download(path: string, to: string): Promise<readonly string[]> {
  const hdfs = new ForeignHdfs(server.url);
  const names = (await hdfs.files(path)).filter((name) => !name.startsWith("tmp/"));
  for (const name of names) {
    mkdirSync(dirname(join(to, name)), { recursive: true });
    writeFileSync(join(to, name), await hdfs.read(`${path}/${name}`));
  }
  return names;
}

async function audited(live: LiveTopic, archiveDir: string): Promise<void> {
  const found = await auditTopic({ bootstrap, topic: live.topic, archiveDir });
  expect(found.problems).toEqual([]);
  expect(found).toMatchObject({ lost: 0, duplicated: 0, different: 0 });
  expect(found.records).toBe(live.sent);
}

test("a topic goes into HDFS alone, and curl reads the same records", async () => {
  const live = await LiveTopic.create(bootstrap, `hdfs-alone-${process.pid}`, 3);
  const home = join(dir, "alone");
  const path = newPath();
  const common = { bootstrap, group: live.topic, topics: [live.topic], sinks: [] };
  const config = writeConfig(home, "c.yaml", { ...common, extra: entry(path) });
  const checked = await cli(["check", "--config", config, "--json"]);
  expect(checked.code, checked.stdout + checked.stderr).toBe(0);
  expect(checked.stdout).toContain("hdfs-one-copy");
  await live.produce(2_000);
  const daemon = started(config, join(home, "daemon.log"));
  await live.archived(live.topic, 90_000, alive(daemon));
  await daemon.drain();
  await download(path, join(home, "copy"));
  await audited(live, join(home, "copy"));
  const verified = await cli(["verify", "--config", config, "--deep", "--against-kafka", "--json"]);
  expect(verified.code, verified.stdout + verified.stderr).toBe(0);
  await live.close();
}, 240_000);

test("fs and HDFS hold the same bytes after kills of the daemon, the NameNode and the DataNode", async () => {
  const live = await LiveTopic.create(bootstrap, `hdfs-and-fs-${process.pid}`, 3);
  const home = join(dir, "both");
  const path = newPath();
  const common = { bootstrap, group: live.topic, topics: [live.topic] };
  const config = writeConfig(home, "c.yaml", { ...common, extra: entry(path) });
  const log = join(home, "daemon.log");
  live.begin(40, 25);
  let daemon = started(config, log);
  await sleep(5_000);
  await server.kill("datanode");
  await sleep(2_000);
  await server.restart("datanode");
  await sleep(2_000);
  await server.kill("namenode1");
  await sleep(1_000);
  await daemon.kill();
  daemon = started(config, log);
  await server.restart("namenode1");
  await sleep(2_000);
  for (const node of ["datanode", "namenode1"]) {
    server.signal(node, "SIGSTOP");
    await sleep(4_000);
    server.signal(node, "SIGCONT");
    await sleep(1_000);
  }
  await daemon.kill();
  daemon = started(config, log);
  await live.stop();
  await live.archived(live.topic, 120_000, alive(daemon));
  await daemon.drain();
  await live.close();
  const copied = await download(path, join(home, "copy"));
  const files = (await filesBelow(join(home, "files"))).filter((name) => !name.startsWith("tmp/"));
  expect(copied).toEqual(files);
  expect(files.length).toBeGreaterThan(20);
  for (const name of copied) {
    const [theirs, ours] = [join(home, "copy", name), join(home, "files", name)];
    expect(readFileSync(theirs).equals(readFileSync(ours)), name).toBe(true);
  }
  await audited(live, join(home, "copy"));
  const verified = await cli(["verify", "--config", config, "--across-sinks", "--deep", "--json"]);
  expect(verified.code, verified.stdout + verified.stderr).toBe(0);
}, 400_000);
