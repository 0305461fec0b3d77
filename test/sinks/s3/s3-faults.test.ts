import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { IDENTITY, madeBatch, madeManifest } from "../../../src/sdk/conformance-batches.ts";
import type { SealedBatch, Sink } from "../../../src/sdk/sink.ts";
import { SinkError } from "../../../src/sdk/sink-error.ts";
import { CephServer } from "../../servers/ceph.ts";
import { FaultProxy } from "../../servers/fault-proxy.ts";
import { openWith, settingsOf } from "./s3-place.ts";
import { newBucket, type S3Server } from "./server.ts";

const never = new AbortController().signal;
const BIG = 8 << 20;
let ceph: CephServer;
let server: S3Server;
let proxy: FaultProxy;
let sink: Sink;
let direct: Sink;

beforeAll(async () => {
  ceph = await CephServer.start();
  server = { endpoint: ceph.endpoint, ...ceph.user };
});
afterAll(() => ceph.stop());

beforeEach(async () => {
  const target = { host: "127.0.0.1", port: Number(new URL(server.endpoint).port) };
  proxy = await FaultProxy.open(target);
  const bucket = await newBucket(server);
  const endpoint = `http://127.0.0.1:${proxy.port}`;
  const behind = { endpoint, timeout: "1s", connectTimeout: "1s" };
  sink = await openWith(settingsOf(server, bucket, behind));
  direct = await openWith(settingsOf(server, bucket));
  await sink.claim(IDENTITY, never);
});
afterEach(async () => {
  await sink.close();
  await direct.close();
  await proxy.close();
});

const failure = (call: Promise<unknown>): Promise<unknown> =>
  call.then(
    (value) => value,
    (error: unknown) => error,
  );

/** A connection that is kept alive may be reset while it is used again, which is a fault as well. */
async function forgetConnections(): Promise<void> {
  proxy.resetAll();
  await sleep(100);
}

async function expectTransient(call: Promise<unknown>, text: RegExp): Promise<SinkError> {
  const error = await failure(call);
  expect(error).toBeInstanceOf(SinkError);
  expect(error).toMatchObject({ code: "sink-transient" });
  expect((error as SinkError).message).toMatch(text);
  return error as SinkError;
}

/** Tried again, the batch ends whole, whatever a first try left. */
async function expectMended(batch: SealedBatch, outcomes: readonly string[]): Promise<void> {
  const again = await sink.publish(batch, never);
  expect(outcomes).toContain(again.outcome);
  const manifest = madeManifest(batch.description);
  await sink.describe(manifest, never);
  expect(await direct.stat(batch.description, "bytes", never)).toMatchObject({ is: "whole" });
}

describe("on the way", () => {
  test.each([300, 70_000, BIG / 2, BIG])(
    "a connection cut after %i bytes leaves nothing, or all",
    async (bytes) => {
      const batch = madeBatch({ partition: 0, start: 0n, size: BIG });
      await forgetConnections();
      proxy.faults.cutAfterSent = bytes;
      await expectTransient(sink.publish(batch, never), /ECONNRESET|socket hang up|EPIPE/);
      expect(await direct.stat(batch.description, "bytes", never)).toEqual({ is: "absent" });
      expect(proxy.cuts).toBeGreaterThan(0);
      proxy.heal();
      await expectMended(batch, ["created"]);
    },
  );

  test("a lost answer is looked after: what is there is compared", async () => {
    const batch = madeBatch({ partition: 0, start: 0n, size: 200_000 });
    await sink.publish(madeBatch({ partition: 1, start: 0n }), never);
    proxy.faults.loseAnswerTo = "PUT ";
    expect(await sink.publish(batch, never)).toEqual({ outcome: "equal" });
    expect(proxy.cuts).toBe(1);
    proxy.heal();
    await expectMended(batch, ["equal"]);
  });

  test("slow is not broken, silence is", async () => {
    proxy.faults.latencyMs = 150;
    const slow = madeBatch({ partition: 0, start: 0n, size: 100_000 });
    expect(await sink.publish(slow, never)).toEqual({ outcome: "created" });
    proxy.heal();
    proxy.faults.silent = true;
    const batch = madeBatch({ partition: 1, start: 0n, size: 100_000 });
    await expectTransient(sink.publish(batch, never), /TimeoutError|timed? ?out/i);
    proxy.heal();
    proxy.resetAll();
    await expectMended(batch, ["created"]);
  });

  test("a reset connection and a closed port are transient and name the endpoint", async () => {
    proxy.resetAll();
    proxy.faults.refuse = true;
    const batch = madeBatch({ partition: 0, start: 0n });
    await expectTransient(sink.publish(batch, never), /check `endpoint`/);
    proxy.heal();
    await expectMended(batch, ["created"]);
  });

  test("an abort ends a request that hangs, with the caller's own reason", async () => {
    proxy.faults.silent = true;
    const controller = new AbortController();
    const batch = madeBatch({ partition: 0, start: 0n, size: 100_000 });
    const published = failure(sink.publish(batch, controller.signal));
    await sleep(100);
    const reason = new Error("drained");
    const fromMs = performance.now();
    controller.abort(reason);
    expect(await published).toBe(reason);
    expect(performance.now() - fromMs).toBeLessThan(500);
  });

  test("a reader that stops early frees its connection", async () => {
    const batch = madeBatch({ partition: 0, start: 0n, size: BIG });
    await sink.publish(batch, never);
    for (let i = 0; i < 40; i++) {
      for await (const piece of sink.read(batch.description, { from: 0 }, never)) {
        expect(piece.length).toBeGreaterThan(0);
        break;
      }
    }
    expect((await sink.stat(batch.description, "bytes", never)).is).toBe("data");
  });

  test("a read that breaks off is transient and says where", async () => {
    const batch = madeBatch({ partition: 0, start: 0n, size: BIG });
    await direct.publish(batch, never);
    await forgetConnections();
    proxy.faults.cutAfterAnswered = 1 << 20;
    const read = async (): Promise<number> => {
      let bytes = 0;
      for await (const piece of sink.read(batch.description, { from: 0 }, never)) {
        bytes += piece.length;
      }
      return bytes;
    };
    await expectTransient(read(), /cannot read data|ends at byte/);
  });
});

describe("in the store", () => {
  test("a frozen gateway is a time-out; what it does when it wakes harms nothing", async () => {
    const batch = madeBatch({ partition: 0, start: 0n, size: 300_000 });
    const rival = madeBatch({ partition: 0, start: 0n, size: 300_000, seed: 2, count: 5n });
    ceph.signal("gateway", "SIGSTOP");
    await expectTransient(sink.publish(batch, never), /TimeoutError|timed? ?out/i);
    ceph.signal("gateway", "SIGCONT");
    const answer = await direct.publish(rival, never);
    const state = await sink.stat(batch.description, "bytes", never);
    expect(state.is).toBe("data");
    const winner = answer.outcome === "different" ? batch : rival;
    expect(state.is === "data" && state.description).toEqual(winner.description);
  });

  test("a frozen OSD holds a put up, and nothing is lost", async () => {
    const batch = madeBatch({ partition: 0, start: 0n, size: 300_000 });
    ceph.signal("osd", "SIGSTOP");
    await expectTransient(sink.publish(batch, never), /TimeoutError|timed? ?out/i);
    ceph.signal("osd", "SIGCONT");
    await expectMended(batch, ["created", "equal"]);
  });

  // The last: for half a minute Ceph waits for the dead one whenever a bucket is made.
  test("the gateway is killed in the middle of puts and comes back", async () => {
    const batches = Array.from({ length: 6 }, (_, partition) =>
      madeBatch({ partition, start: 0n, size: BIG, seed: partition + 1 }),
    );
    proxy.faults.latencyMs = 20;
    const answers = batches.map((batch) => failure(sink.publish(batch, never)));
    await sleep(60);
    await ceph.kill("gateway");
    const results = await Promise.all(answers);
    proxy.heal();
    expect(results.filter((r) => r instanceof SinkError).length).toBeGreaterThan(0);
    for (const result of results.filter((r) => r instanceof SinkError)) {
      expect(result.code).toBe("sink-transient");
    }
    await ceph.restart();
    for (const batch of batches) await expectMended(batch, ["created", "equal"]);
  });
});

test("a whole cluster that is killed in mid-put keeps what it acknowledged", async () => {
  const disk = await CephServer.start({ store: "disk" });
  try {
    const own = { endpoint: disk.endpoint, ...disk.user };
    const bucket = await newBucket(own);
    const stored = await openWith(settingsOf(own, bucket, { timeout: "5s" }));
    await stored.claim(IDENTITY, never);
    const batches = Array.from({ length: 40 }, (_, partition) =>
      madeBatch({ partition, start: 0n, size: 1 << 20, seed: partition + 1 }),
    );
    const answers = batches.map((batch) => failure(stored.publish(batch, never)));
    await Promise.race(answers);
    await disk.kill("gateway", "osd", "mon");
    const results = await Promise.all(answers);
    await disk.restart();
    let acknowledged = 0;
    for (const [i, batch] of batches.entries()) {
      const result = results[i] as { outcome?: string } | undefined;
      const state = await stored.stat(batch.description, "bytes", never);
      if (result?.outcome === "created") acknowledged += 1;
      expect(result?.outcome === "created" ? ["data"] : ["data", "absent"]).toContain(state.is);
      expect(["created", "equal"]).toContain((await stored.publish(batch, never)).outcome);
    }
    expect(acknowledged).toBeGreaterThan(0);
    await stored.close();
  } finally {
    await disk.stop();
  }
}, 180_000);
