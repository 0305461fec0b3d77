import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { IDENTITY, madeBatch, madeManifest } from "../../../src/sdk/conformance-batches.ts";
import { SinkError } from "../../../src/sdk/sink-error.ts";
import type { SealedBatch, Sink } from "../../../src/sdk/sink.ts";
import { FaultProxy } from "../../servers/fault-proxy.ts";
import { HadoopServer } from "../../servers/hadoop.ts";
import { ForeignHdfs } from "./foreign.ts";
import { fsyncsOf } from "./fsyncs.ts";
import { newPath, openHdfs } from "./hdfs-place.ts";

/** Its servers are killed and frozen, so they are this file's own. */
let server: HadoopServer;
let [nameProxy, dataProxy]: (FaultProxy | undefined)[] = [];
let hdfs: ForeignHdfs;
/** Through the proxies, and beside them. */
let sink: Sink;
let direct: Sink;
let path = "";

const never = new AbortController().signal;
const TRIES = 60;
const LARGE = 24 << 20;

const proxyTo = (address: string): Promise<FaultProxy> => {
  const { hostname: host, port } = new URL(`http://${address}`);
  return FaultProxy.open({ host, port: Number(port) });
};

beforeAll(async () => {
  server = await HadoopServer.start();
  nameProxy = await proxyTo(new URL(server.url).host);
  dataProxy = await proxyTo(server.dataNode);
  hdfs = new ForeignHdfs(server.url);
}, 300_000);

afterAll(async () => {
  await sink.close();
  await direct.close();
  await nameProxy?.close();
  await dataProxy?.close();
  await server.stop();
});

beforeEach(async () => {
  await sink?.close();
  await direct?.close();
  path = newPath();
  direct = await openHdfs({ url: server.url, path });
  await direct.claim(IDENTITY, never);
  sink = await openHdfs({
    url: `http://127.0.0.1:${nameProxy?.port}`,
    dataNodes: { [server.dataNode]: `127.0.0.1:${dataProxy?.port}` },
    path,
    idleTimeout: "2s",
  });
});

/** Tries as the daemon does; answers what each try that failed said. */
async function insist(run: () => Promise<{ outcome: string }>): Promise<readonly string[]> {
  const failures: string[] = [];
  for (let i = 0; i < TRIES; i++) {
    try {
      expect((await run()).outcome).not.toBe("different");
      return failures;
    } catch (error) {
      expect(error).toBeInstanceOf(SinkError);
      expect((error as SinkError).code, (error as SinkError).message).toBe("sink-transient");
      failures.push((error as SinkError).message);
      await sleep(250);
    }
  }
  throw new Error(`gave up: ${failures.slice(-3).join("\n")}`);
}

/** Whole by a foreign reader, and the only file of final name below `data/`. */
async function expectWhole(batch: SealedBatch): Promise<void> {
  const { description } = batch;
  await insist(() => sink.describe(madeManifest(description), never));
  expect((await direct.stat(description, "bytes", never)).is).toBe("whole");
  const stored = await hdfs.read(`${path}/${description.seal.path}`);
  expect(Buffer.compare(stored, Buffer.from(batch.bytes))).toBe(0);
}

const finalData = async (): Promise<readonly string[]> =>
  (await hdfs.files(path)).filter((name) => name.startsWith("data/"));

test("the DataNode is killed in the middle of an upload and comes back", async () => {
  const batch = madeBatch({ partition: 0, start: 0n, size: LARGE });
  if (dataProxy !== undefined) dataProxy.faults.latencyMs = 30;
  const publishing = insist(() => sink.publish(batch, never));
  await sleep(150);
  await server.kill("datanode");
  dataProxy?.heal();
  await sleep(1_000);
  expect(await finalData()).toEqual([]);
  await server.restart("datanode");
  expect((await publishing).length).toBeGreaterThan(0);
  await expectWhole(batch);
}, 120_000);

test("the NameNode is killed in the middle of an upload and comes back", async () => {
  const batch = madeBatch({ partition: 0, start: 0n, size: LARGE });
  if (dataProxy !== undefined) dataProxy.faults.latencyMs = 30;
  const publishing = insist(() => sink.publish(batch, never));
  await sleep(150);
  await server.kill("namenode1");
  dataProxy?.heal();
  await sleep(1_000);
  await server.restart("namenode1");
  expect((await publishing).length).toBeGreaterThan(0);
  await expectWhole(batch);
}, 120_000);

const frozen = { timeout: 120_000 };
test.for(["datanode", "namenode1"])(
  "%s is frozen and wakes: nothing hangs",
  frozen,
  async (node) => {
    const batch = madeBatch({ partition: 0, start: 0n, size: 4 << 20 });
    server.signal(node, "SIGSTOP");
    const began = performance.now();
    const first = await insist(async () => {
      const wake = performance.now() - began > 5_000;
      if (wake) server.signal(node, "SIGCONT");
      return sink.publish(batch, never);
    });
    expect(
      first.some((text) => /no answer within 2000 ms/.test(text)),
      first.join("\n"),
    ).toBe(true);
    await server.ready();
    await expectWhole(batch);
  },
);

test("killed and restarted, both still have every acknowledged batch", async () => {
  const batches = Array.from({ length: 10 }, (_, partition) =>
    madeBatch({ partition, start: 0n, seed: partition + 1, size: 50_000 }),
  );
  for (const batch of batches) {
    await insist(() => sink.publish(batch, never));
    await insist(() => sink.describe(madeManifest(batch.description), never));
  }
  await Promise.all([server.kill("namenode1"), server.kill("datanode")]);
  const both = server.restart("namenode1");
  await server.restart("datanode");
  await both;
  for (const batch of batches) await expectWhole(batch);
}, 120_000);

test("what is acknowledged was fsynced by the DataNode: the block, its checksums, the folders", async () => {
  const quick = await openHdfs({ url: server.url, path, fsync: false });
  const calls = async (to: Sink, partition: number): Promise<readonly string[]> =>
    fsyncsOf(server.pid("datanode"), async () => {
      await to.publish(madeBatch({ partition, start: 0n, size: 100_000 }), never);
    });
  expect(await calls(quick, 0)).toEqual([]);
  const synced = await calls(direct, 1);
  expect(synced.filter((file) => /\/rbw\/blk_\d+$/.test(file))).toHaveLength(1);
  expect(synced.filter((file) => /\/rbw\/blk_\d+_\d+\.meta$/.test(file))).toHaveLength(1);
  expect(synced.some((file) => file.endsWith("/finalized/subdir0/subdir0"))).toBe(true);
  await quick.close();
});

test("connections to the DataNode cut after n bytes: retried, never partial", async () => {
  const sizes = [0, 1, 400, 5_000, 100_000, 999_000];
  for (const [partition, bytes] of sizes.entries()) {
    const batch = madeBatch({ partition, start: 0n, seed: partition + 1, size: 1_000_000 });
    if (dataProxy !== undefined) dataProxy.faults.cutAfterSent = bytes;
    await expect(sink.publish(batch, never)).rejects.toMatchObject({ code: "sink-transient" });
    expect(await finalData()).toHaveLength(partition);
    dataProxy?.heal();
    expect(await sink.publish(batch, never)).toEqual({ outcome: "created" });
    await expectWhole(batch);
  }
});

test("answers of the NameNode lost: every outcome is found by looking", async () => {
  for (let partition = 0; partition < 12; partition++) {
    const batch = madeBatch({ partition, start: 0n, seed: partition + 1, size: 20_000 });
    if (nameProxy !== undefined) nameProxy.faults.cutAfterAnswered = 300 + 700 * partition;
    const publishing = insist(() => sink.publish(batch, never));
    await sleep(400);
    nameProxy?.heal();
    await publishing;
    await expectWhole(batch);
  }
  expect(await finalData()).toHaveLength(12);
  expect(nameProxy?.cuts).toBeGreaterThan(8);
}, 120_000);

test("latency, resets and refused connections are only slow", async () => {
  const batch = madeBatch({ partition: 0, start: 0n, size: 300_000 });
  for (const proxy of [nameProxy, dataProxy]) if (proxy !== undefined) proxy.faults.latencyMs = 20;
  const publishing = insist(() => sink.publish(batch, never));
  for (let i = 0; i < 5; i++) {
    await sleep(60);
    nameProxy?.resetAll();
    dataProxy?.resetAll();
  }
  for (const proxy of [nameProxy, dataProxy]) if (proxy !== undefined) proxy.faults.refuse = true;
  await sleep(500);
  for (const proxy of [nameProxy, dataProxy]) proxy?.heal();
  await publishing;
  await expectWhole(batch);
});

test("an abort ends an upload and a read that are stuck", async () => {
  const batch = madeBatch({ partition: 0, start: 0n, size: LARGE });
  if (dataProxy !== undefined) dataProxy.faults.silent = true;
  for (const run of [
    (signal: AbortSignal) => sink.publish(batch, signal),
    (signal: AbortSignal) => sink.check(signal),
  ]) {
    const drain = new AbortController();
    setTimeout(() => drain.abort(new Error("drained")), 300);
    const began = performance.now();
    await expect(run(drain.signal)).rejects.toThrow("drained");
    expect(performance.now() - began).toBeLessThan(1_500);
  }
  dataProxy?.heal();
  expect(await sink.publish(batch, never)).toEqual({ outcome: "created" });
});
