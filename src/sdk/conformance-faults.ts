import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";
import { type ErrorCode, isTransient } from "../core/errors.ts";
import { madeBatch, madeManifest, scopeOf } from "./conformance-batches.ts";
import { all, type ConformanceCase, never, onFaultyPlace } from "./conformance-case.ts";
import type { Fault } from "./conformance-target.ts";
import type { Published, SealedBatch, Sink } from "./sink.ts";
import { SinkError } from "./sink-error.ts";

const LARGE = 3_000_001;
/** Long enough for a call to be under way. */
const BEGUN_MS = 200;
/** A call that was told to end does so by then, on a busy machine too. */
const PROMPT_MS = 5_000;
/** Broken connections may show it at their next use only, and drivers wait before they open others. */
const TRIES = 40;
const TRY_AGAIN_MS = 250;

const PASSING: readonly Fault[] = ["busy", "unavailable"];
const REFUSING: readonly Fault[] = ["unauthorized", "forbidden"];

export const faultCases: readonly ConformanceCase[] = [
  onFaultyPlace(
    "an answer that was lost: the next try finds what arrived",
    ["answer-lost"],
    async (on) => {
      const { faulty, sink, open } = on;
      // What a sink does once, before its first write, is not what this is about.
      await published(faulty.sink, 1);
      const batch = madeBatch({ partition: 0, start: 0n });
      const manifest = madeManifest(batch.description);
      faulty.fault("answer-lost");
      await mayFail(faulty.sink.publish(batch, never));
      faulty.fault(null);
      const arrived = (await sink.stat(batch.description, "bytes", never)).is === "data";
      const outcome = arrived ? "equal" : "created";
      assert.deepEqual(await tried(() => faulty.sink.publish(batch, never)), { outcome });
      faulty.fault("answer-lost");
      await mayFail(faulty.sink.describe(manifest, never));
      faulty.fault(null);
      await tried(() => faulty.sink.describe(manifest, never));
      const equal = { outcome: "equal" };
      assert.deepEqual(await tried(() => faulty.sink.publish(batch, never)), equal);
      assert.deepEqual(await tried(() => faulty.sink.describe(manifest, never)), equal);
      assert.equal((await (await open()).stat(batch.description, "bytes", never)).is, "whole");
    },
  ),

  onFaultyPlace("a write cut in its middle leaves nothing that is seen", ["torn"], async (on) => {
    const { faulty, place, sink } = on;
    await published(faulty.sink, 1);
    const before = await place.finalNames();
    const batch = madeBatch({ partition: 0, start: 0n, size: LARGE });
    faulty.fault("torn");
    await failsWith("sink-transient", faulty.sink.publish(batch, never));
    faulty.fault(null);
    assert.deepEqual(await sink.stat(batch.description, "bytes", never), { is: "absent" });
    assert.deepEqual(await place.finalNames(), before);
    assert.deepEqual(await tried(() => faulty.sink.publish(batch, never)), { outcome: "created" });
    assert.equal((await sink.stat(batch.description, "bytes", never)).is, "data");
  }),

  onFaultyPlace("slow answers are waited for", ["slow"], async ({ faulty }) => {
    const batch = madeBatch({ partition: 0, start: 0n });
    const manifest = madeManifest(batch.description);
    faulty.fault("slow");
    assert.deepEqual(await faulty.sink.publish(batch, never), { outcome: "created" });
    assert.deepEqual(await faulty.sink.describe(manifest, never), { outcome: "created" });
    assert.equal((await faulty.sink.stat(batch.description, "cheap", never)).is, "whole");
  }),

  onFaultyPlace(
    "429 and 503 pass: every call says so, none takes it for empty",
    PASSING,
    async (on) => {
      const batch = await published(on.sink);
      for (const fault of PASSING) {
        on.faulty.fault(fault);
        for (const [call, answer] of calls(on.faulty.sink, batch)) {
          const error = await failsWith("sink-transient", answer(), `${call}, ${fault}`);
          // What the store asked for, and at most what the next try adds.
          if (fault === "busy" && call === "publish") assert.equal(error.retryAfterMs, 2_000);
        }
      }
      on.faulty.fault(null);
      const again = await tried(() => on.faulty.sink.publish(batch, never));
      assert.deepEqual(again, { outcome: "equal" });
    },
  ),

  onFaultyPlace("401 and 403 are refused credentials: every call says so", REFUSING, async (on) => {
    const batch = await published(on.sink);
    for (const fault of REFUSING) {
      on.faulty.fault(fault);
      for (const [call, answer] of calls(on.faulty.sink, batch)) {
        await failsWith("sink-unauthorized", answer(), `${call}, ${fault}`);
      }
    }
    on.faulty.fault(null);
    const again = await tried(() => on.faulty.sink.publish(batch, never));
    assert.deepEqual(again, { outcome: "equal" });
  }),

  onFaultyPlace("a call that is cancelled in its middle ends at once", ["stuck"], async (on) => {
    const batch = await published(on.sink);
    for (const call of calls(on.faulty.sink, batch).keys()) {
      on.faulty.fault("stuck");
      const begin = (signal: AbortSignal) => calls(on.faulty.sink, batch, signal).get(call)?.();
      await endsWhenToldTo(begin, call);
      on.faulty.fault(null);
    }
  }),

  onFaultyPlace(
    "a write that arrives after it was given up replaces nothing",
    ["late"],
    async (on) => {
      const { faulty, sink, open } = on;
      const [late, batch] = [1, 2].map((seed) => madeBatch({ partition: 0, start: 0n, seed }));
      assert.ok(late !== undefined && batch !== undefined);
      faulty.fault("late");
      await endsWhenToldTo((signal) => faulty.sink.publish(late, signal), "publish");
      assert.deepEqual(await sink.publish(batch, never), { outcome: "created" });
      faulty.fault(null);
      await sleep(2 * BEGUN_MS);
      const state = await (await open()).stat(batch.description, "bytes", never);
      assert.ok(state.is === "data", state.is);
      assert.equal(state.description.seal.digest, batch.description.seal.digest);
    },
  ),
];

/** Begins a call that gets no answer, cancels it, and sees it end for that reason. */
export async function endsWhenToldTo(
  begin: (signal: AbortSignal) => Promise<unknown> | undefined,
  what: string,
): Promise<void> {
  const stop = new AbortController();
  const reason = new Error("drained");
  const ended = Promise.allSettled([begin(stop.signal)]);
  await sleep(BEGUN_MS);
  stop.abort(reason);
  const late = sleep(PROMPT_MS, null, { ref: false });
  const first = await Promise.race([ended, late]);
  assert.ok(first !== null, `${what} goes on ${PROMPT_MS} ms after it was cancelled`);
  assert.ok(first[0].status === "rejected", `${what} has an answer that nobody gave`);
  assert.match(String(first[0].reason), /drained/, `${what} ends for another reason`);
}

/** A batch that is there, whole. A connection that was kept may be closed just as it is used again. */
async function published(sink: Sink, partition = 0): Promise<SealedBatch> {
  const batch = madeBatch({ partition, start: 0n });
  await tried(() => sink.publish(batch, never));
  await tried(() => sink.describe(madeManifest(batch.description), never));
  return batch;
}

/** As the daemon does: what failed for now is tried again, a few times. */
export async function tried<T>(call: () => Promise<T>): Promise<T> {
  for (let i = 1; ; i++) {
    try {
      return await call();
    } catch (error) {
      if (!isTransient(error) || i === TRIES) throw error;
      await sleep(TRY_AGAIN_MS);
    }
  }
}

/** What a daemon and its commands ask of a sink all the time. */
function calls(
  sink: Sink,
  batch: SealedBatch,
  signal: AbortSignal = never,
): ReadonlyMap<string, () => Promise<unknown>> {
  const { description } = batch;
  const scope = scopeOf(0);
  return new Map<string, () => Promise<unknown>>([
    ["publish", () => sink.publish(batch, signal)],
    ["describe", () => sink.describe(madeManifest(description), signal)],
    ["stat", () => sink.stat(description, "cheap", signal)],
    ["floor", () => sink.floor(scope, 5n, signal)],
    ["list", () => all(sink.list(scope, 0n, signal))],
    ["scopes", () => all(sink.scopes(signal))],
    ["manifest", () => sink.manifest(description, signal)],
    ["identity", () => sink.identity(signal)],
  ]);
}

async function failsWith(
  code: ErrorCode,
  answer: Promise<unknown>,
  what = "publish",
): Promise<SinkError> {
  let error: unknown;
  try {
    const value = await answer;
    assert.fail(`${what} answers ${typeof value} instead of failing as ${code}`);
  } catch (thrown) {
    error = thrown;
  }
  if (error instanceof assert.AssertionError) throw error;
  assert.ok(error instanceof SinkError, `${what} raises no SinkError: ${String(error)}`);
  assert.equal(error.code, code, `${what}: ${error.message}`);
  return error;
}

/** It may have found out by itself what became of it, or say that it does not know. */
async function mayFail(answer: Promise<Published>): Promise<void> {
  const [settled] = await Promise.allSettled([answer]);
  if (settled.status === "fulfilled") assert.notEqual(settled.value.outcome, "different");
  else await failsWith("sink-transient", Promise.reject(settled.reason));
}
