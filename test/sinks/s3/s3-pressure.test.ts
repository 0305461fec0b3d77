import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { nodeClock, nodeRandom } from "../../../src/daemon/node-ports.ts";
import { decorate } from "../../../src/deliver/decorate.ts";
import type { SinkEvent } from "../../../src/deliver/instrument.ts";
import { IDENTITY, madeBatch } from "../../../src/sdk/conformance-batches.ts";
import { Daemon, writeConfig } from "../../faults/daemon.ts";
import { LiveTopic } from "../../faults/topic.ts";
import { manifestsOf } from "../../integration/manifests.ts";
import { bulkRecords } from "../../integration/odd-records.ts";
import { RawProducer } from "../../integration/raw-producer.ts";
import { named, sharedKafka } from "../../kafka/live-kafka.ts";
import { cli } from "../../operate/cli-process.ts";
import { CephServer } from "../../servers/ceph.ts";
import { download } from "./download.ts";
import { openWith, settingsOf } from "./s3-place.ts";
import { newBucket } from "./server.ts";

const never = new AbortController().signal;
const MAX_OBJECT_KIB = 384;
let ceph: CephServer;

beforeAll(async () => {
  ceph = await CephServer.start({
    gateway: {
      rgw_scheduler_type: "throttler",
      rgw_max_concurrent_requests: "2",
      // Quotas are looked at anew for each request.
      rgw_bucket_quota_ttl: "0",
      rgw_max_put_size: String(MAX_OBJECT_KIB * 1024),
    },
  });
});
afterAll(() => ceph.stop());

test("a gateway that sheds load gets what it asks for, and everything arrives", async () => {
  const server = { endpoint: ceph.endpoint, ...ceph.user };
  const bucket = await newBucket(server);
  const plain = await openWith(settingsOf(server, bucket));
  await plain.claim(IDENTITY, never);
  const outcomes: string[] = [];
  const options = { name: "s3", limit: { concurrency: 24 }, retry: { firstMs: 20, maxMs: 500 } };
  const onEvent = ({ outcome }: SinkEvent): void => {
    outcomes.push(outcome);
  };
  const ports = { clock: nodeClock, random: nodeRandom, onEvent };
  const { sink } = decorate(plain, options, ports);
  const batches = Array.from({ length: 30 }, (_, partition) =>
    madeBatch({ partition, start: 0n, size: 300_000, seed: partition + 1 }),
  );
  const answers = await Promise.all(batches.map((batch) => sink.publish(batch, never)));
  expect(answers.every((a) => a.outcome === "created" || a.outcome === "equal")).toBe(true);
  expect(outcomes.filter((o) => o === "sink-transient").length).toBeGreaterThan(0);
  expect(new Set(outcomes)).not.toContain("sink-permanent");
  for (const { description } of batches) {
    expect((await sink.stat(description, "bytes", never)).is).toBe("data");
  }
  await sink.close();
}, 120_000);

test("a quota that is used up is waited for, and named", async () => {
  const server = { endpoint: ceph.endpoint, ...ceph.addUser("frugal") };
  const bucket = await newBucket(server);
  const sink = await openWith(settingsOf(server, bucket));
  await sink.claim(IDENTITY, never);
  const quota = (...args: readonly string[]): string =>
    ceph.admin(["quota", ...args, "--quota-scope=bucket", "--uid=frugal"]);
  quota("set", "--max-objects=3");
  quota("enable");
  let refused: unknown;
  let partition = 0;
  for (; partition < 10 && refused === undefined; partition++) {
    const batch = madeBatch({ partition, start: 0n });
    refused = await sink.publish(batch, never).then(
      () => undefined,
      (error: unknown) => error,
    );
  }
  expect(partition).toBeLessThan(6);
  const message: unknown = expect.stringMatching(/QuotaExceeded.*raise it or free space/);
  expect(refused).toMatchObject({ code: "sink-transient", message });
  quota("disable");
  const batch = madeBatch({ partition: partition - 1, start: 0n });
  expect((await sink.publish(batch, never)).outcome).toBe("created");
  await sink.close();
});

test("a store that takes small objects only: batches are cut before they are too large for it", async () => {
  const home = mkdtempSync(join(tmpdir(), "archiver-s3-small-"));
  const server = { endpoint: ceph.endpoint, ...ceph.addUser("small") };
  const bucket = await newBucket(server);
  const live = await LiveTopic.create(sharedKafka(), named("small"), 1);
  const producer = await RawProducer.open(sharedKafka(), null);
  // Some 60 KB each, and not to be compressed: many fit a batch as it is configured.
  for (let i = 0; i < 24; i += 1) {
    await producer.send(live.topic, 0, bulkRecords(BigInt(Date.now()), 120), "gzip");
  }
  await producer.close();
  const limit = { maxObjectSize: `${MAX_OBJECT_KIB}KiB`, prefix: "a" };
  const sink = { name: "ceph", kind: "s3", ...server, bucket, ...limit };
  const config = writeConfig(home, "c.yaml", {
    ...{ bootstrap: sharedKafka(), group: live.topic, topics: [live.topic] },
    ...{ batchBytes: "16MiB", extra: `  - ${JSON.stringify(sink)}` },
  });
  const checked = await cli(["check", "--config", config]);
  expect(checked.stdout).toMatch(
    /sink ceph: sealed files, created once, 384KiB at most, equal by the store's own hash/,
  );
  expect(checked.stdout).toMatch(/pipeline main: .*ceph takes files of 384KiB: batches are cut at/);
  const daemon = Daemon.start(config, join(home, "daemon.log"));
  try {
    const alive = (): string | null => (daemon.running ? null : daemon.logTail());
    await live.archived(live.topic, 60_000, alive);
    await daemon.drain();
  } finally {
    await daemon.kill();
    await live.close();
  }
  await download(server, { bucket, prefix: "a" }, join(home, "copy"));
  const sizes = manifestsOf(join(home, "copy"), live.topic).map((m) => m.seal.size);
  expect(sizes.length).toBeGreaterThan(3);
  expect(Math.max(...sizes)).toBeLessThan(MAX_OBJECT_KIB * 1024);
  expect(Math.max(...sizes)).toBeGreaterThan(100 * 1024);
  expect(readFileSync(daemon.logPath, "utf8")).toMatch(/sink ceph takes files of 393216 bytes/);
  rmSync(home, { recursive: true, force: true });
}, 120_000);
