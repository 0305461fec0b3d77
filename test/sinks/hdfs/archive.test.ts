import { mkdirSync, mkdtempSync, writeFileSync } from "node:fs";
import { rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { auditTopic } from "../../audit/audit-topic.ts";
import { Daemon, writeConfig } from "../../faults/daemon.ts";
import { LiveTopic } from "../../faults/topic.ts";
import { cli } from "../../operate/cli-process.ts";
import { ForeignHdfs } from "./foreign.ts";
import { newPath } from "./hdfs-place.ts";
import { testHdfs } from "./server.ts";

const bootstrap = process.env["TEST_KAFKA"] ?? "";
const daemons: Daemon[] = [];
let dir = "";
const server = testHdfs();

beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), "archiver-hdfs-"));
});

afterAll(async () => {
  for (const daemon of daemons) await daemon.kill();
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
  `  - { name: lake, kind: hdfs, url: "${server().url}", user: archiver, path: ${path}, idleTimeout: 2s }`;

/** Brings every final file into a local folder by curl; the paths, sorted. */
async function download(path: string, to: string): Promise<readonly string[]> {
  const hdfs = new ForeignHdfs(server().url);
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
