import { expect, test } from "vitest";
import { ArchiverError } from "../../src/core/errors.ts";
import { SinkHealth } from "../../src/deliver/health.ts";
import { retry, type RetryOptions } from "../../src/deliver/retry.ts";
import { madeBatch, scopeOf } from "../../src/sdk/conformance-batches.ts";
import { SinkError } from "../../src/sdk/sink-error.ts";
import type { Listed, Published, Sink } from "../../src/sdk/sink.ts";
import { always, scriptedSink, StepClock } from "./scripted-sink.ts";

const never = new AbortController().signal;
const batch = madeBatch({ partition: 0, start: 0n });
const created: Published = { outcome: "created" };

/** A publish that raises these one after the other and then succeeds. */
function failing(errors: readonly unknown[]): Pick<Sink, "publish"> {
  const left = [...errors];
  return {
    publish: () => (left.length === 0 ? Promise.resolve(created) : Promise.reject(left.shift())),
  };
}

function retrying(methods: Partial<Sink>, options: RetryOptions = {}, unit = 0.999_999) {
  const clock = new StepClock();
  const states: string[] = [];
  const health = new SinkHealth(clock, (view) => states.push(view.state));
  const sink = retry(scriptedSink(methods), options, { clock, random: always(unit), health });
  return { sink, clock, health, states };
}

const transient = (retryAfterMs?: number): SinkError =>
  new SinkError("sink-transient", "busy", retryAfterMs === undefined ? {} : { retryAfterMs });

test("pauses double up to the longest, and the state is seen and ends", async () => {
  const { sink, clock, health, states } = retrying(failing(Array(12).fill(transient())));
  expect(await sink.publish(batch, never)).toEqual(created);
  const expected = [
    200, 400, 800, 1600, 3200, 6400, 12_800, 25_600, 30_000, 30_000, 30_000, 30_000,
  ];
  expect(clock.slept.map(Math.round)).toEqual(expected);
  expect(states).toEqual(["retrying", "ok"]);
  expect(health.view()).toMatchObject({
    state: "ok",
    lastError: { code: "sink-transient", text: "busy" },
  });
  expect(health.view().nextMs).toBeUndefined();
});

test("full jitter: a pause may be anything down to nothing", async () => {
  const { sink, clock } = retrying(failing([transient(), transient()]), {}, 0);
  await sink.publish(batch, never);
  expect(clock.slept).toEqual([0, 0]);
});

test("what the store asked for is waited for, within reason", async () => {
  const { sink, clock } = retrying(failing([transient(5000), transient(9e12)]), {}, 0);
  await sink.publish(batch, never);
  expect(clock.slept).toEqual([5000, 60_000]);
});

test("a refused credential parks: one long pause each, seen as parked", async () => {
  const refused = new SinkError("sink-unauthorized", "403");
  const { sink, clock, states } = retrying(failing([refused, refused]), {}, 0.5);
  await sink.publish(batch, never);
  expect(clock.slept).toEqual([60_000, 60_000]);
  expect(states).toEqual(["parked", "ok"]);
});

test("a command gives up after its tries, and at once on a refused credential", async () => {
  const error = transient();
  const { sink, clock, health } = retrying(failing(Array(9).fill(error)), { tries: 3 });
  await expect(sink.publish(batch, never)).rejects.toBe(error);
  expect(clock.slept.length).toBe(2);
  expect(health.view().state).toBe("ok");
  const refused = retrying(failing([new SinkError("sink-unauthorized", "403")]), { tries: 3 });
  await expect(refused.sink.publish(batch, never)).rejects.toThrow("403");
  expect(refused.clock.slept).toEqual([]);
});

test("what no retry mends is raised at once", async () => {
  const errors = [
    new SinkError("sink-permanent", "no"),
    new ArchiverError("manifest-invalid", "no"),
    new ArchiverError("fenced", "no"),
    new TypeError("no"),
  ];
  for (const error of errors) {
    const { sink, clock } = retrying(failing([error]));
    await expect(sink.publish(batch, never)).rejects.toBe(error);
    expect(clock.slept).toEqual([]);
  }
});

test("an abort ends the pause and the endless tries", async () => {
  const drain = new AbortController();
  let tries = 0;
  const { sink, health } = retrying({
    publish: () => {
      tries += 1;
      if (tries === 5) drain.abort(new Error("drained"));
      return Promise.reject(transient());
    },
  });
  await expect(sink.publish(batch, drain.signal)).rejects.toThrow("drained");
  expect(tries).toBe(5);
  expect(health.view().state).toBe("ok");
});

test("operator changes are tried once", async () => {
  const error = transient();
  const { sink, clock } = retrying({ remove: () => Promise.reject(error) });
  await expect(sink.remove?.(batch.description, "tag", never)).rejects.toBe(error);
  expect(clock.slept).toEqual([]);
  expect("setAside" in sink).toBe(false);
});

test("a listing goes on where it stopped, also among entries of one start", async () => {
  const all: readonly Listed[] = [
    { start: 0n },
    { start: 5n, data: { path: "a", size: 1 } },
    { start: 5n, data: { path: "b", size: 1 } },
    { start: 9n },
  ];
  let until = 1;
  const { sink, clock } = retrying({
    list: async function* (_scope, from) {
      let yielded = 0;
      for (const listed of all.filter((l) => l.start >= from)) {
        if (yielded++ === until) {
          until += 1;
          throw transient();
        }
        yield await Promise.resolve(listed);
      }
    },
  });
  const found: Listed[] = [];
  for await (const listed of sink.list(scopeOf(0), 0n, never)) found.push(listed);
  expect(found).toEqual(all);
  expect(clock.slept.length).toBeGreaterThan(0);
});

test("a file goes on at the byte where it stopped", async () => {
  const asked: number[] = [];
  const { sink } = retrying({
    read: async function* (_description, { from, to = 0 }) {
      asked.push(from);
      for (let at = from; at < to; at += 3) {
        if (asked.length < 4 && at > from) throw transient();
        yield await Promise.resolve(batch.bytes.slice(at, Math.min(at + 3, to)));
      }
    },
  });
  const pieces: Uint8Array[] = [];
  for await (const piece of sink.read(batch.description, { from: 1, to: 20 }, never)) {
    pieces.push(piece);
  }
  expect(asked).toEqual([1, 4, 7, 10]);
  expect(Buffer.concat(pieces).equals(batch.bytes.slice(1, 20))).toBe(true);
});

test("a reader that stops early, or throws, ends the stream without a retry", async () => {
  let closed = 0;
  const { sink, clock } = retrying({
    scopes: async function* () {
      try {
        for (let partition = 0; ; partition++) yield await Promise.resolve(scopeOf(partition));
      } finally {
        closed += 1;
      }
    },
  });
  for await (const scope of sink.scopes(never)) if (scope.partition === 3) break;
  const reading = async (): Promise<void> => {
    for await (const scope of sink.scopes(never)) if (scope.partition === 3) throw transient();
  };
  await expect(reading()).rejects.toThrow("busy");
  expect(closed).toBe(2);
  expect(clock.slept).toEqual([]);
});
