import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, expect, it } from "vitest";
import { Daemon } from "../faults/daemon.ts";
import { LiveTopic } from "../faults/topic.ts";
import { groupsAreReady, named, sharedKafka } from "../kafka/live-kafka.ts";
import { CephServer, type CephUser } from "../servers/ceph.ts";
import { newBucket, type S3Server } from "../sinks/s3/server.ts";
import "./patience.ts";

/** The keys of a real store are changed while the daemon writes to it, and the old ones are taken away. */
const dir = mkdtempSync(join(tmpdir(), "archiver-keys-"));
const config = join(dir, "daemon.yaml");
const group = named("keys");
let ceph: CephServer;
let writer: CephUser;
let bucket: string;
let topic: LiveTopic;
let daemon: Daemon;

const log = (): string => (existsSync(daemon.logPath) ? readFileSync(daemon.logPath, "utf8") : "");

function writeKeys(accessKeyId: string, secretAccessKey: string): void {
  const lines = [
    `kafka: { brokers: [${JSON.stringify(sharedKafka())}], sessionTimeout: 6s, heartbeat: 500ms }`,
    `group: ${group}`,
    `topics: [${topic.topic}]`,
    "batch: { bytes: 64KiB, age: 300ms }",
    "memory: 64MiB",
    "sinks:",
    `  - { name: ceph, kind: s3, endpoint: "${ceph.endpoint}", bucket: ${bucket}, region: us-east-1, accessKeyId: "${accessKeyId}", secretAccessKey: "${secretAccessKey}" }`,
    "",
  ];
  writeFileSync(config, lines.join("\n"));
}

async function says(pattern: RegExp): Promise<void> {
  for (const until = Date.now() + 40_000; !pattern.test(log()); await sleep(100)) {
    if (Date.now() > until) throw new Error(`${pattern} was not said:\n${daemon.logTail()}`);
  }
}

beforeAll(async () => {
  ceph = await CephServer.start();
  writer = ceph.addUser("writer");
  const { accessKeyId, secretAccessKey } = writer;
  const server: S3Server = { endpoint: ceph.endpoint, accessKeyId, secretAccessKey };
  bucket = await newBucket(server);
  await groupsAreReady(sharedKafka());
  topic = await LiveTopic.create(sharedKafka(), named("keys"), 1);
  writeKeys(accessKeyId, secretAccessKey);
  daemon = Daemon.start(config, join(dir, "daemon.log"));
});

afterAll(async () => {
  await daemon.kill();
  await ceph.stop();
  rmSync(dir, { recursive: true, force: true });
});

it("keys that the store refuses are refused; those that it takes replace the old ones at work", async () => {
  topic.begin(60, 20);
  await says(/batch confirmed/);
  const { accessKeyId } = writer;
  writeKeys(accessKeyId, "a-secret-that-is-wrong");
  daemon.signal("SIGHUP");
  await says(/"text":"sink ceph refuses the new credentials/);
  expect(log()).not.toContain("a-secret-that-is-wrong");
  const made = ["NEWKEYNEWKEYNEWKEY01", "another-secret-another-secret"] as const;
  const key = ["--uid=writer", "--key-type=s3"];
  ceph.admin(["key", "create", ...key, `--access-key=${made[0]}`, `--secret-key=${made[1]}`]);
  writeKeys(...made);
  daemon.signal("SIGHUP");
  await says(/"changed":\["sinks\.ceph\.accessKeyId","sinks\.ceph\.secretAccessKey"\]/);
  ceph.admin(["key", "rm", ...key, `--access-key=${accessKeyId}`]);
  await sleep(1_000);
  await topic.stop();
  await topic.archived(group, 60_000, () => (daemon.running ? null : daemon.logTail()));
  expect(log()).not.toMatch(/refuses the credentials/);
  await daemon.drain();
});
