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
import { download } from "./download.ts";
import { newBucket, type OwnS3, type S3Server, s3Server } from "./server.ts";

const bootstrap = process.env["TEST_KAFKA"] ?? "";
let dir = "";
let own: OwnS3;
let server: S3Server;

beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), "archiver-s3-"));
  own = await s3Server();
  ({ server } = own);
}, 300_000);

const daemons: Daemon[] = [];

function started(config: string, log: string): Daemon {
  const daemon = Daemon.start(config, log);
  daemons.push(daemon);
  return daemon;
}

afterAll(async () => {
  for (const daemon of daemons) await daemon.kill();
  await own.stop();
  await rm(dir, { recursive: true, force: true });
});

interface Entry {
  readonly bucket: string;
  readonly name?: string;
  readonly endpoint?: string;
  readonly accessKeyId?: string;
  /** Further keys. */
  readonly more?: string;
}

function entry({ bucket, name = "ceph", more = "", ...given }: Entry): string {
  const { endpoint, accessKeyId } = { ...server, ...given };
  return (
    `  - { name: ${name}, kind: s3, endpoint: ${JSON.stringify(endpoint)}, bucket: ${bucket}, ` +
    `prefix: site-a, accessKeyId: ${accessKeyId}, timeout: 2s, ` +
    `secretAccessKey: ${server.secretAccessKey}${more} }`
  );
}

const alive = (daemon: Daemon) => (): string | null =>
  daemon.running ? null : `no daemon runs; log ends:\n${daemon.logTail()}`;

async function audited(live: LiveTopic, archiveDir: string): Promise<void> {
  const found = await auditTopic({ bootstrap, topic: live.topic, archiveDir });
  expect(found.problems).toEqual([]);
  expect(found).toMatchObject({ lost: 0, duplicated: 0, different: 0 });
  expect(found.records).toBe(live.sent);
}

test("a topic goes into s3 alone, and the AWS SDK reads the same records", async () => {
  const live = await LiveTopic.create(bootstrap, `s3-alone-${process.pid}`, 3);
  const home = join(dir, "alone");
  const bucket = await newBucket(server);
  const common = { bootstrap, group: live.topic, topics: [live.topic], sinks: [] };
  const config = writeConfig(home, "c.yaml", { ...common, extra: entry({ bucket }) });
  await live.produce(2_000);
  const daemon = started(config, join(home, "daemon.log"));
  await live.archived(live.topic, 90_000, alive(daemon));
  await daemon.drain();
  await download(server, { bucket, prefix: "site-a" }, join(home, "copy"));
  await audited(live, join(home, "copy"));
  const verified = await cli(["verify", "--config", config, "--deep", "--against-kafka", "--json"]);
  expect(verified.code, verified.stderr).toBe(0);
  await live.close();
}, 240_000);

test("a bucket with object lock beside a plain one holds the same bytes, locked", async () => {
  const live = await LiveTopic.create(bootstrap, `s3-locked-${process.pid}`, 2);
  const home = join(dir, "locked");
  const [plain, locked] = [await newBucket(server), await newBucket(server, "locked")];
  const lock = "objectLock: { mode: compliance, retention: 1d }";
  const second = { bucket: locked, name: "locked", more: `, createOnly: oldest-version, ${lock}` };
  const config = writeConfig(home, "c.yaml", {
    ...{ bootstrap, group: live.topic, topics: [live.topic], sinks: [] },
    extra: `${entry({ bucket: plain })}\n${entry(second)}`,
  });
  const checked = await cli(["check", "--config", config, "--json"]);
  expect(checked.code, checked.stdout).toBe(0);
  expect(checked.stdout).toContain("s3-oldest-version");
  live.begin(40, 25);
  const log = join(home, "daemon.log");
  for (const lifeMs of [4_000, 3_000]) {
    const daemon = started(config, log);
    await sleep(lifeMs);
    await daemon.kill();
  }
  await live.stop();
  const daemon = started(config, log);
  await live.archived(live.topic, 120_000, alive(daemon));
  await daemon.drain();
  await live.close();
  const [left, right] = [join(home, "plain"), join(home, "copy")];
  const copied = await download(server, { bucket: plain, prefix: "site-a" }, left);
  expect(await download(server, { bucket: locked, prefix: "site-a" }, right)).toEqual(copied);
  for (const path of copied) {
    expect(readFileSync(join(left, path)).equals(readFileSync(join(right, path))), path).toBe(true);
  }
  await audited(live, right);
  const verified = await cli(["verify", "--config", config, "--across-sinks", "--deep", "--json"]);
  expect(verified.code, verified.stdout + verified.stderr).toBe(0);
}, 300_000);

test("check names a closed port, wrong keys, a missing bucket and one that ignores conditions", async () => {
  const live = await LiveTopic.create(bootstrap, `s3-check-${process.pid}`, 1);
  const [plain, versioned] = [await newBucket(server), await newBucket(server, "versioned")];
  const cases: readonly (readonly [Entry, number, RegExp])[] = [
    [{ bucket: plain }, 0, /s3-create-only/],
    [{ bucket: plain }, 0, /"s3-replace"[^{}]*If-Match is honoured/],
    [{ bucket: plain, endpoint: "http://127.0.0.1:9" }, 4, /ECONNREFUSED.*check `endpoint`/],
    [{ bucket: plain, accessKeyId: "NOBODY" }, 4, /check `accessKeyId`/],
    [{ bucket: "no-such-bucket" }, 1, /create the bucket/],
    [{ bucket: versioned }, 1, /createOnly: oldest-version/],
  ];
  for (const [i, [given, code, text]] of cases.entries()) {
    const config = writeConfig(join(dir, "check"), `${i}.yaml`, {
      ...{ bootstrap, group: live.topic, topics: [live.topic], sinks: [] },
      extra: entry(given),
    });
    const checked = await cli(["check", "--config", config, "--json"]);
    expect(checked.stdout + checked.stderr).toMatch(text);
    expect(checked.code, checked.stdout).toBe(code);
    expect(checked.stdout + checked.stderr).not.toContain(server.secretAccessKey);
  }
  await live.close();
}, 180_000);
