import { expect, test } from "vitest";
import { decorate } from "../../src/deliver/decorate.ts";
import { madeBatch, scopeOf } from "../../src/sdk/conformance-batches.ts";
import { SinkError } from "../../src/sdk/sink-error.ts";
import type { Listed, Published, Sink } from "../../src/sdk/sink.ts";
import { always, realClock, scriptedSink } from "./scripted-sink.ts";

const never = new AbortController().signal;
const batch = madeBatch({ partition: 0, start: 0n });
const created: Published = { outcome: "created" };
const ports = { clock: realClock, random: always(0) };
const retry = { firstMs: 5, maxMs: 10, parkedMs: 20 };
const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

function scripted(log: string[], name: string, publish: () => Promise<Published>): Sink {
  const close = (): Promise<void> => {
    log.push(`${name} closed`);
    return Promise.resolve();
  };
  return scriptedSink({
    close,
    publish: () => {
      log.push(name);
      return publish();
    },
  });
}

test("calls under way end with the old sink, then it is closed, then the new one is asked", async () => {
  const log: string[] = [];
  const { promise, resolve } = Promise.withResolvers<Published>();
  const old = scripted(log, "old", () => promise);
  const sink = decorate(old, { name: "s", retry }, ports);
  const first = sink.sink.publish(batch, never);
  await settle();
  const replaced = sink.replace(
    scripted(log, "new", () => Promise.resolve(created)),
    {},
  );
  const second = sink.sink.publish(batch, never);
  await settle();
  expect(log).toEqual(["old"]);
  resolve(created);
  await Promise.all([first, replaced, second]);
  expect(log).toEqual(["old", "old closed", "new"]);
});

test("a call that waits between tries goes on with the new sink: credentials that were refused", async () => {
  const log: string[] = [];
  const refused = (): Promise<Published> =>
    Promise.reject(new SinkError("sink-unauthorized", "403"));
  const sink = decorate(scripted(log, "old", refused), { name: "s", retry }, ports);
  const waiting = sink.sink.publish(batch, never);
  await settle();
  await sink.replace(
    scripted(log, "new", () => Promise.resolve(created)),
    {},
  );
  expect(await waiting).toEqual(created);
  expect(log.at(-1)).toBe("new");
  expect(sink.health.view().state).toBe("ok");
});

test("a hung call holds the new sink back no longer than one try may take", async () => {
  const log: string[] = [];
  const hung = scripted(log, "old", () => new Promise<Published>(() => undefined));
  const sink = decorate(hung, { name: "s", retry, tryTimeoutMs: 50 }, ports);
  const waiting = sink.sink.publish(batch, never);
  await settle();
  await sink.replace(
    scripted(log, "new", () => Promise.resolve(created)),
    { tryTimeoutMs: 50 },
  );
  expect(await waiting).toEqual(created);
});

test("a listing that was begun goes on in the new sink behind what it gave", async () => {
  const listing = (starts: readonly bigint[]): Sink =>
    scriptedSink({
      close: () => Promise.resolve(),
      // oxlint-disable-next-line require-await -- a stream of what is at hand
      list: async function* (_scope, from): AsyncGenerator<Listed> {
        for (const start of starts) if (start >= from) yield { start };
      },
    });
  const sink = decorate(listing([1n, 2n, 3n]), { name: "s", retry }, ports);
  const found: bigint[] = [];
  for await (const { start } of sink.sink.list(scopeOf(0), 0n, never)) {
    found.push(start);
    if (start === 2n) await sink.replace(listing([1n, 2n, 3n, 4n]), {});
  }
  expect(found).toEqual([1n, 2n, 3n, 4n]);
});
