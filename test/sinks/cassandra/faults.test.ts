import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, expect, test } from "vitest";
import { nodeClock, nodeRandom } from "../../../src/daemon/node-ports.ts";
import { decorate } from "../../../src/deliver/decorate.ts";
import type { SinkEvent } from "../../../src/deliver/instrument.ts";
import { IDENTITY, madeBatch, madeChain, scopeOf } from "../../../src/sdk/conformance-batches.ts";
import { all, never } from "../../../src/sdk/conformance-case.ts";
import type { Sink } from "../../../src/sdk/sink.ts";
import { CassandraServer } from "../../servers/cassandra.ts";
import { FaultyLink } from "./faulty-link.ts";
import { freshKeyspace, openWith, settings } from "./place.ts";

const MIB = 1 << 20;
let server: CassandraServer;
let link: FaultyLink;
const opened: Sink[] = [];

beforeAll(async () => {
  server = await CassandraServer.start();
  link = await FaultyLink.open(server.address.contactPoint);
}, 300_000);
afterAll(async () => {
  for (const sink of opened) await sink.close();
  await link.close();
  await server.stop();
});

/** As the daemon has it: with retries around it. */
async function retried(
  keyspace: string,
  more: Parameters<typeof settings>[2] = {},
): Promise<{ sink: Sink; plain: Sink; events: SinkEvent[] }> {
  const plain = await openWith(settings(server.address, keyspace, more));
  opened.push(plain);
  const events: SinkEvent[] = [];
  const { sink } = decorate(
    plain,
    { name: "wide", retry: { firstMs: 50, maxMs: 500 } },
    { clock: nodeClock, random: nodeRandom, onEvent: (event) => events.push(event) },
  );
  return { sink, plain, events };
}

/** Archives batch after batch while `during` happens to the server; all are whole afterwards. */
async function survives(
  during: (reached: () => number) => Promise<void>,
  more: Parameters<typeof settings>[2] = {},
): Promise<readonly SinkEvent[]> {
  const keyspace = freshKeyspace();
  const { sink, events } = await retried(keyspace, more);
  await sink.claim(IDENTITY, never);
  const chain = madeChain(0, 12, 2 * MIB);
  let reached = 0;
  const archiving = (async () => {
    for (const { batch, manifest } of chain) {
      expect((await sink.publish(batch, never)).outcome).toMatch(/created|equal/);
      expect((await sink.describe(manifest, never)).outcome).toMatch(/created|equal/);
      reached += 1;
    }
  })();
  await Promise.all([archiving, during(() => reached)]);
  const reader = (await retried(keyspace)).sink;
  const starts = (await all(reader.list(scopeOf(0), 0n, never))).map((l) => l.start);
  expect(starts).toEqual(chain.map((c) => c.batch.description.start));
  for (const { batch, manifest } of chain) {
    const state = await reader.stat(batch.description, "bytes", never);
    expect(state.is === "whole" && state.manifest).toEqual(manifest);
  }
  return events.filter((e) => e.outcome === "sink-transient");
}

const until = async (held: () => boolean): Promise<void> => {
  while (!held()) await sleep(5);
};

test("the node is killed in the middle of batches and started again, three times", async () => {
  const failed = await survives(async (reached) => {
    for (const at of [2, 5, 8]) {
      await until(() => reached() >= at);
      await sleep(15);
      await server.kill();
      await server.restart();
    }
  });
  expect(failed.length).toBeGreaterThan(0);
}, 240_000);

test("the node is frozen for longer than a request may take, and wakes with the old requests", async () => {
  const failed = await survives(
    async (reached) => {
      await until(() => reached() >= 3);
      server.freeze();
      await sleep(8000);
      server.thaw();
    },
    { requestTimeout: "2s" },
  );
  expect(failed.length).toBeGreaterThan(0);
}, 120_000);

test("connections break inside frames, again and again", async () => {
  const failed = await survives(
    async (reached) => {
      for (const [i, bytes] of [1, 300_000, 700_001, 1_500_000].entries()) {
        await until(() => reached() >= 2 * i + 1);
        const { faults } = link;
        link.cutAfter(bytes);
        await until(() => link.faults > faults);
      }
    },
    { contactPoints: [link.contactPoint] },
  );
  expect(failed.length).toBeGreaterThan(0);
}, 120_000);

test("the answer to the row that publishes is lost: what is there says that it was published", async () => {
  const keyspace = freshKeyspace();
  const { plain } = await retried(keyspace, {
    contactPoints: [link.contactPoint],
    requestTimeout: "1500ms",
  });
  await plain.claim(IDENTITY, never);
  const [first, second] = madeChain(0, 2);
  if (first === undefined || second === undefined) throw new Error("a chain of two");
  await plain.publish(first.batch, never);
  await plain.describe(first.manifest, never);
  // A statement is prepared once, so from here on what has this text is the conditional write.
  const { faults } = link;
  link.loseAnswerTo(`"batchId":"${second.batch.description.batchId}"`);
  expect(await plain.publish(second.batch, never)).toEqual({ outcome: "created" });
  expect(link.faults).toBe(faults + 1);
  link.loseAnswerTo(`"link":"${second.manifest.link}"`);
  expect((await plain.describe(second.manifest, never)).outcome).toMatch(/created|equal/);
  expect(link.faults).toBe(faults + 2);
  const state = await plain.stat(second.batch.description, "bytes", never);
  expect(state.is === "whole" && state.manifest).toEqual(second.manifest);
}, 60_000);

test("who stops waiting is let go at once, also of a node that says nothing", async () => {
  const keyspace = freshKeyspace();
  const { plain } = await retried(keyspace);
  await plain.claim(IDENTITY, never);
  server.freeze();
  try {
    const stop = new AbortController();
    const put = plain.publish(madeBatch({ partition: 0, start: 0n, size: 20 * MIB }), stop.signal);
    const listed = all(plain.list(scopeOf(0), 0n, stop.signal));
    await sleep(200);
    const fromMs = performance.now();
    stop.abort(new Error("drained"));
    await expect(put).rejects.toThrow("drained");
    await expect(listed).rejects.toThrow("drained");
    expect(performance.now() - fromMs).toBeLessThan(500);
  } finally {
    server.thaw();
  }
}, 60_000);

test("a node that is down when the sink is opened is waited for", async () => {
  const keyspace = freshKeyspace();
  await server.kill();
  const { sink, events } = await retried(keyspace);
  const claimed = sink.claim(IDENTITY, never);
  await until(() => events.some((e) => e.outcome === "sink-transient"));
  await server.restart();
  expect(await claimed).toEqual(IDENTITY);
}, 120_000);
