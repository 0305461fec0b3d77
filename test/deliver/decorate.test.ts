import { mkdtemp, rename, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { fsPlugin } from "../../sinks/fs/fs-plugin.ts";
import { deadline } from "../../src/deliver/deadline.ts";
import { decorate } from "../../src/deliver/decorate.ts";
import type { SinkEvent } from "../../src/deliver/instrument.ts";
import { limit } from "../../src/deliver/limit.ts";
import { IDENTITY, madeBatch, madeManifest, scopeOf } from "../../src/sdk/conformance-batches.ts";
import type { Published, Sink } from "../../src/sdk/sink.ts";
import { always, realClock, scriptedSink, StepClock } from "./scripted-sink.ts";

const never = new AbortController().signal;
const batch = madeBatch({ partition: 0, start: 0n });
const created: Published = { outcome: "created" };

/** A sink whose publishes stay open until they are let go. */
function holding(): { sink: Sink; open: (() => void)[]; most: () => number } {
  const open: (() => void)[] = [];
  let [running, most] = [0, 0];
  const publish = async (): Promise<Published> => {
    running += 1;
    most = Math.max(most, running);
    await new Promise<void>((resolve) => open.push(resolve));
    running -= 1;
    return created;
  };
  return { sink: scriptedSink({ publish }), open, most: () => most };
}

const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

test("no more calls at once than allowed, and all of them in the end", async () => {
  const held = holding();
  const sink = limit(held.sink, { concurrency: 3 }, realClock);
  const calls = Array.from({ length: 10 }, () => sink.publish(batch, never));
  for (let i = 0; i < 10; i++) {
    await settle();
    expect(held.open.length).toBe(Math.min(1, 10 - i) + Math.min(2, 9 - i));
    held.open.shift()?.();
  }
  expect(await Promise.all(calls)).toEqual(Array(10).fill(created));
  expect(held.most()).toBe(3);
});

test("who gives up waiting leaves the queue, and takes no place with it", async () => {
  const held = holding();
  const sink = limit(held.sink, { concurrency: 1 }, realClock);
  const drain = new AbortController();
  const first = sink.publish(batch, never);
  const second = sink.publish(batch, drain.signal);
  const third = sink.publish(batch, never);
  drain.abort(new Error("drained"));
  await expect(second).rejects.toThrow("drained");
  held.open.shift()?.();
  await first;
  await settle();
  held.open.shift()?.();
  expect(await third).toEqual(created);
});

test("readers that use the same sink meanwhile do not lock each other out", async () => {
  const plain = scriptedSink({
    scopes: async function* () {
      for (const partition of [0, 1, 2]) yield await Promise.resolve(scopeOf(partition));
    },
    stat: () => Promise.resolve({ is: "absent" }),
  });
  const sink = limit(plain, { concurrency: 1 }, realClock);
  const reader = async (): Promise<number> => {
    let seen = 0;
    for await (const scope of sink.scopes(never)) {
      await sink.stat({ ...scope, start: 0n }, "cheap", never);
      seen += 1;
    }
    return seen;
  };
  expect(await Promise.all([reader(), reader(), reader()])).toEqual([3, 3, 3]);
});

test("a rate spreads bytes over time", async () => {
  const clock = new StepClock();
  const plain = scriptedSink({ publish: () => Promise.resolve(created) });
  const sink = limit(plain, { bytesPerSecond: 1000 }, clock);
  for (let i = 0; i < 4; i++) await sink.publish(batch, never);
  expect(clock.now()).toBe(6000);
});

test("a call that hangs is left behind at the deadline, and its signal aborted", async () => {
  let seen: AbortSignal | undefined;
  const plain = scriptedSink({
    publish: (_batch, signal) => {
      seen = signal;
      return new Promise(() => undefined);
    },
    scopes: async function* () {
      yield scopeOf(0);
      await new Promise(() => undefined);
    },
  });
  const sink = deadline(plain, 30, realClock);
  await expect(sink.publish(batch, never)).rejects.toMatchObject({ code: "sink-transient" });
  expect(seen?.aborted).toBe(true);
  const found: unknown[] = [];
  const reading = async (): Promise<void> => {
    for await (const scope of sink.scopes(never)) found.push(scope);
  };
  await expect(reading()).rejects.toThrow(/scopes: no answer within 30 ms/);
  expect(found).toEqual([scopeOf(0)]);
});

test("an abort does not wait for a call that hangs", async () => {
  const drain = new AbortController();
  const plain = scriptedSink({ publish: () => new Promise(() => undefined) });
  const call = deadline(plain, 60_000, realClock).publish(batch, drain.signal);
  drain.abort(new Error("drained"));
  await expect(call).rejects.toThrow("drained");
});

test("an archive that is away is retried until it is back, and every try is told", async () => {
  const folder = await mkdtemp(join(tmpdir(), "bulk-archiver-deliver-"));
  const config = fsPlugin.schema.parse({ path: "archive" });
  const plain = await fsPlugin.open(config, { name: "files", baseDir: folder }, never);
  const events: SinkEvent[] = [];
  const states: string[] = [];
  const { sink, health } = decorate(
    plain,
    { name: "files", retry: { firstMs: 5, maxMs: 5 } },
    {
      clock: realClock,
      random: always(0.5),
      onEvent: (event) => events.push(event),
      onHealth: (name, view) => states.push(`${name} ${view.state}`),
    },
  );
  await sink.claim(IDENTITY, never);
  const [base, away] = [join(folder, "archive"), join(folder, "away")];
  await rename(base, away);
  const published = sink.publish(batch, never);
  while (events.filter((e) => e.outcome === "sink-transient").length < 3) await settle();
  expect(health.view()).toMatchObject({ state: "retrying", lastError: { code: "sink-transient" } });
  await rename(away, base);
  expect(await published).toEqual(created);
  expect(await sink.describe(madeManifest(batch.description), never)).toEqual(created);
  expect(states).toEqual(["files retrying", "files ok"]);
  const last = events.filter((e) => e.op === "publish").at(-1);
  expect(last).toMatchObject({ sink: "files", outcome: "created", bytes: batch.bytes.length });
  const pieces: Uint8Array[] = [];
  for await (const piece of sink.read(batch.description, { from: 0 }, never)) pieces.push(piece);
  expect(Buffer.concat(pieces).equals(batch.bytes)).toBe(true);
  expect(events.at(-1)).toMatchObject({ op: "read", outcome: "ok", bytes: batch.bytes.length });
  await sink.close();
  await rm(folder, { recursive: true });
});
