import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DeleteObjectsCommand, PutObjectCommand } from "@aws-sdk/client-s3";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { ReconcileReport, ReplayReport } from "../../src/operate/repair/report.ts";
import type { BatchKey } from "../../src/core/scope.ts";
import type { Sink } from "../../src/sdk/sink.ts";
import { Daemon, writeConfig } from "../faults/daemon.ts";
import { LiveTopic } from "../faults/topic.ts";
import { never } from "../kafka/live-kafka.ts";
import { freshKeyspace, openWith, settings } from "../sinks/cassandra/place.ts";
import { sharedCassandra } from "../sinks/cassandra/server.ts";
import { keysIn } from "../sinks/s3/s3-place.ts";
import { foreignClient, newBucket, type OwnS3, s3Server } from "../sinks/s3/server.ts";
import { batchesOf } from "./archive-damage.ts";
import { cli, type Ended } from "./cli-process.ts";

/** Mending of stores that are no file systems: Ceph, Cassandra, another Kafka topic. */
const bootstrap = process.env["TEST_KAFKA"] ?? "";
const name = `repair-stores-${process.pid}`;
const dir = mkdtempSync(join(tmpdir(), "archiver-repair-"));
const keyspace = freshKeyspace();
let s3: OwnS3;
let bucket = "";
let cassandra: Awaited<ReturnType<typeof sharedCassandra>>;
let topic: LiveTopic;
let config = "";

beforeAll(async () => {
  s3 = await s3Server();
  bucket = await newBucket(s3.server);
  cassandra = await sharedCassandra();
  const { endpoint, accessKeyId, secretAccessKey } = s3.server;
  const place = { bucket, prefix: "p", endpoint, accessKeyId, secretAccessKey };
  const lines = [
    { name: "ceph", kind: "s3", ...place },
    { name: "wide", kind: "cassandra", ...settings(cassandra.address, keyspace) },
    { name: "files", kind: "fs", path: "./files" },
  ].map((sink) => `  - ${JSON.stringify(sink)}`);
  topic = await LiveTopic.create(bootstrap, name, 2);
  const given = { bootstrap, group: name, topics: [name], batchBytes: "8KiB", age: "300ms" };
  config = writeConfig(dir, "c.yaml", { ...given, sinks: [], extra: lines.join("\n") });
  const daemon = Daemon.start(config, join(dir, "daemon.log"));
  for (let i = 0; i < 4; i += 1) {
    await topic.produce(300);
    await topic.archived(name, 90_000, () => (daemon.running ? null : daemon.logTail()));
  }
  await daemon.drain();
}, 420_000);

afterAll(async () => {
  await topic.close();
  await s3.stop();
  await cassandra.stop();
  rmSync(dir, { recursive: true, force: true });
});

const run = (command: string, ...argv: readonly string[]): Promise<Ended> =>
  cli([command, "--config", config, "--json", ...argv]);

async function reconciled(source: string, target: string): Promise<ReconcileReport> {
  const { stdout, stderr } = await run("reconcile", "--source", source, "--target", target);
  if (!stdout.includes('"partitions"')) throw new Error(stderr);
  return JSON.parse(stdout) as ReconcileReport;
}

const sum = (r: ReconcileReport, of: "copied" | "replaced"): number =>
  r.partitions.reduce((n, p) => n + p[of], 0);

/** Removes batches as somebody with the store's own tool would; by starts of partition 0. */
async function loseInCeph(starts: readonly bigint[], damaged: bigint): Promise<void> {
  const client = foreignClient(s3.server);
  const keys = await keysIn(client, bucket);
  const of = (start: bigint): string[] =>
    keys.filter((k) => k.includes("/0/0/") && k.includes(start.toString().padStart(20, "0")));
  const Objects = starts.flatMap(of).map((Key) => ({ Key }));
  expect(Objects.length).toBe(2 * starts.length);
  await client.send(new DeleteObjectsCommand({ Bucket: bucket, Delete: { Objects } }));
  const [Key] = of(damaged).filter((k) => k.startsWith("p/data/"));
  await client.send(new PutObjectCommand({ Bucket: bucket, Key, Body: Buffer.from("rubbish") }));
  client.destroy();
}

async function inCassandra(work: (sink: Sink) => Promise<void>): Promise<void> {
  const sink = await openWith(settings(cassandra.address, keyspace));
  await work(sink);
  await sink.close();
}

test("Ceph, the primary, and Cassandra get back what they lost from the files", async () => {
  const mine = batchesOf(join(dir, "files")).filter((b) => b.partition === 0);
  const [a, b, c] = mine.map((x) => x.start);
  if (a === undefined || b === undefined || c === undefined) throw new Error("too few batches");
  await loseInCeph([a, b], c);
  const mended = await reconciled("files", "ceph");
  expect(mended.partitions.flatMap((p) => p.problems)).toEqual([]);
  expect([mended.ok, sum(mended, "copied"), sum(mended, "replaced")]).toEqual([true, 2, 1]);
  await inCassandra(async (sink) => {
    for await (const scope of sink.scopes(never)) {
      if (scope.partition !== 0) continue;
      for (const start of [a, c]) {
        const key: BatchKey = { ...scope, start };
        const state = await sink.stat(key, "cheap", never);
        if (state.is === "whole") await sink.remove?.(key, state.tag, never);
      }
    }
  });
  const wide = await reconciled("ceph", "wide");
  expect(wide.partitions.flatMap((p) => p.problems)).toEqual([]);
  expect([wide.ok, sum(wide, "copied"), wide.proof?.ok]).toEqual([true, 2, true]);
});

test("replay makes again what all of them lost, and puts it into each", async () => {
  const mine = batchesOf(join(dir, "files")).filter((x) => x.partition === 0);
  const [, second, third] = mine;
  if (second === undefined || third === undefined) throw new Error("too few batches");
  await loseInCeph([second.start], third.start);
  rmSync(second.data);
  rmSync(second.manifest);
  const argv = ["--topic", name, "--partition", "0", "--repair"];
  const { code, stdout, stderr } = await run("replay", ...argv);
  expect([code, stderr]).toEqual([0, ""]);
  const report = JSON.parse(stdout) as ReplayReport;
  expect(report.partitions.map((p) => [p.made, p.replaced, p.cut])).toEqual([[1, 1, 0]]);
  const verified = await cli(["verify", "--config", config, "--deep", "--across-sinks"]);
  expect([verified.code, verified.stdout]).toEqual([0, expect.any(String)]);
});

test("a topic of another cluster is filled from the files, each record once", async () => {
  const site = { name: "site-b", kind: "kafka", brokers: [bootstrap], topicPrefix: `${name}.b.` };
  const files = { name: "files", kind: "fs", path: "./files" };
  const ceph = JSON.stringify({ ...files, name: "ceph" });
  const extra = `  - ${ceph}\n  - ${JSON.stringify(site)}`;
  const given = { bootstrap, group: name, topics: [name], sinks: [], extra };
  const other = writeConfig(dir, "other.yaml", given);
  const argv = ["reconcile", "--config", other, "--source", "ceph", "--target", "site-b", "--json"];
  const { code, stdout, stderr } = await cli(argv);
  expect([code, stderr]).toEqual([0, ""]);
  const report = JSON.parse(stdout) as ReconcileReport;
  expect(sum(report, "copied")).toBe(batchesOf(join(dir, "files")).length);
  const again = await cli(argv);
  expect(sum(JSON.parse(again.stdout) as ReconcileReport, "copied")).toBe(0);
});
