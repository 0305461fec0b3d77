import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, expect, test } from "vitest";
import { IDENTITY, madeChain, madeBatch, scopeOf } from "../../../src/sdk/conformance-batches.ts";
import { all } from "../../../src/sdk/conformance-case.ts";
import { SinkError } from "../../../src/sdk/sink-error.ts";
import { HadoopServer } from "../../servers/hadoop.ts";
import { newPath, openHdfs } from "./hdfs-place.ts";

/** Two NameNodes over one edit log; the tests run in this order, the first is active at first. */
let server: HadoopServer;
const never = new AbortController().signal;
const BATCHES = 12;

beforeAll(async () => {
  server = await HadoopServer.start({ standby: true });
}, 300_000);

afterAll(() => server.stop());

test("a NameNode on standby is passed over; alone it is waited for", async () => {
  const path = newPath();
  const alone = await openHdfs({ url: server.standbyUrl, path });
  const standby = { code: "sink-transient", message: expect.stringMatching(/standby/) as string };
  await expect(alone.claim(IDENTITY, never)).rejects.toMatchObject(standby);
  await alone.close();
  const sink = await openHdfs({ url: [server.standbyUrl, server.url], path });
  await sink.claim(IDENTITY, never);
  const batch = madeBatch({ partition: 0, start: 0n, size: 100_000 });
  expect(await sink.publish(batch, never)).toEqual({ outcome: "created" });
  await sink.close();
});

test("the active NameNode is killed while batches are written, the other takes over", async () => {
  const path = newPath();
  const url = [server.url, server.standbyUrl];
  const sink = await openHdfs({ url, path, idleTimeout: "2s" });
  await sink.claim(IDENTITY, never);
  const chain = madeChain(0, BATCHES, 50_000);
  const failures: string[] = [];
  const insist = async (run: () => Promise<{ outcome: string }>): Promise<void> => {
    for (let i = 0; i < 300; i++) {
      try {
        expect((await run()).outcome).not.toBe("different");
        return;
      } catch (error) {
        expect((error as SinkError).code, String(error)).toBe("sink-transient");
        failures.push((error as SinkError).message);
        await sleep(100);
      }
    }
    throw new Error(`gave up: ${failures.slice(-3).join("\n")}`);
  };
  let written = 0;
  const killed = Promise.withResolvers<void>();
  const writing = (async () => {
    for (const { batch, manifest } of chain) {
      // A fast writer leaves something for afterwards.
      if (written === BATCHES - 2) await killed.promise;
      await insist(() => sink.publish(batch, never));
      await insist(() => sink.describe(manifest, never));
      written += 1;
    }
  })();
  while (written < BATCHES / 3) await sleep(10);
  await server.kill("namenode1");
  killed.resolve();
  await server.activate("nn2");
  await writing;
  expect(failures.length).toBeGreaterThan(0);
  const listed = await all(sink.list(scopeOf(0), 0n, never));
  expect(listed).toHaveLength(BATCHES);
  for (const { batch } of chain) {
    expect((await sink.stat(batch.description, "bytes", never)).is).toBe("whole");
  }
  await sink.close();
}, 120_000);

test("a frozen NameNode is left after the time-out, for one that answers", async () => {
  await server.restart("namenode1");
  server.signal("namenode1", "SIGSTOP");
  const url = [server.url, server.standbyUrl];
  const sink = await openHdfs({ url, path: newPath(), idleTimeout: "1s" });
  const began = performance.now();
  expect(await sink.identity(never)).toBeUndefined();
  expect(performance.now() - began).toBeGreaterThan(900);
  // Remembered: the next question goes to the one that answered.
  const again = performance.now();
  expect(await sink.identity(never)).toBeUndefined();
  expect(performance.now() - again).toBeLessThan(900);
  server.signal("namenode1", "SIGCONT");
  await sink.close();
}, 120_000);
