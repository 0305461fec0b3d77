import assert from "node:assert/strict";
import type { ConformanceCase } from "./conformance.ts";
import { madeBatch, madeChain, madeManifest, scopeOf } from "./conformance-batches.ts";
import { all, never, onPlace } from "./conformance-case.ts";
import type { Sink } from "./sink.ts";

const MANY = 2000;

export const lookCases: readonly ConformanceCase[] = [
  onPlace("nothing there is absent, empty and undefined", async ({ sink }) => {
    const key = { ...scopeOf(9), start: 5n };
    assert.deepEqual(await sink.stat(key, "bytes", never), { is: "absent" });
    assert.equal(await sink.floor(scopeOf(9), 1000n, never), undefined);
    assert.equal(await sink.manifest(key, never), undefined);
    assert.deepEqual(await all(sink.list(scopeOf(9), 0n, never)), []);
    assert.deepEqual(await all(sink.scopes(never)), []);
  }),

  onPlace(
    "a crash between data and manifest: the next owner finds data and finishes it",
    async ({ sink, open }) => {
      const batch = madeBatch({ partition: 0, start: 70n, count: 8n, aborted: 3n });
      await sink.publish(batch, never);
      const next = await open();
      const state = await next.stat(batch.description, "cheap", never);
      assert.ok(state.is === "data", state.is);
      assert.deepEqual(state.description, batch.description);
      assert.equal(await next.floor(scopeOf(0), 100n, never), undefined);
      const [orphan] = await all(next.list(scopeOf(0), 0n, never));
      assert.deepEqual(orphan, {
        start: 70n,
        data: { path: batch.description.seal.path, size: batch.bytes.length },
      });
      assert.deepEqual(await next.describe(madeManifest(state.description), never), {
        outcome: "created",
      });
      assert.equal((await sink.stat(batch.description, "bytes", never)).is, "whole");
    },
  ),

  onPlace(
    "data that lost its description is damaged, never taken for something else",
    async ({ sink, open, place }) => {
      if (place.loseDescription === undefined) return;
      const batch = madeBatch({ partition: 0, start: 0n });
      await sink.publish(batch, never);
      await place.loseDescription(batch);
      const next = await open();
      const state = await next.stat(batch.description, "bytes", never);
      assert.equal(state.is, "damaged");
      const other = await next.publish(madeBatch({ partition: 0, start: 0n, seed: 2 }), never);
      assert.ok(other.outcome === "different" && other.state.is === "damaged");
      // Whoever has the same bytes brings the description back.
      assert.deepEqual(await next.publish(batch, never), { outcome: "equal" });
      assert.equal((await next.stat(batch.description, "bytes", never)).is, "data");
    },
  ),

  onPlace("a changed byte is damage, with and without a manifest", async ({ sink, place }) => {
    const [bare, full] = [0, 1].map((partition) => madeBatch({ partition, start: 0n }));
    assert.ok(bare !== undefined && full !== undefined);
    await sink.publish(bare, never);
    await sink.publish(full, never);
    await sink.describe(madeManifest(full.description), never);
    for (const batch of [bare, full]) {
      await place.damage(batch);
      assert.equal((await sink.stat(batch.description, "bytes", never)).is, "damaged");
      const answer = await sink.publish(batch, never);
      assert.ok(answer.outcome === "different" && answer.state.is === "damaged");
    }
  }),

  onPlace(
    `${MANY} batches: listed in order from any start, floor finds each`,
    async ({ sink, open }) => {
      const chain = madeChain(0, MANY, 20);
      await inParallel(chain, 16, async ({ batch, manifest }) => {
        await sink.publish(batch, never);
        await sink.describe(manifest, never);
      });
      const far = madeBatch({ partition: 0, start: 3_000_000_007n, size: 20 });
      await sink.publish(far, never);
      const farther = madeBatch({ partition: 0, start: 3_000_000_100n, size: 20 });
      await sink.publish(farther, never);
      await sink.describe(madeManifest(farther.description), never);
      const reader = await open();
      await checkListing(
        reader,
        chain.map((c) => c.batch.description.start),
      );
      await checkFloor(reader);
    },
    120_000,
  ),

  onPlace("scopes are found, by number and not by digits, orphans too", async ({ sink }) => {
    for (const partition of [10, 2, 0]) {
      const batch = madeBatch({ partition, start: 0n });
      await sink.publish(batch, never);
      if (partition !== 2) await sink.describe(madeManifest(batch.description), never);
    }
    const found = await all(sink.scopes(never));
    assert.deepEqual(found, [0, 2, 10].map(scopeOf));
  }),

  onPlace("set aside and remove act only on what was seen", async ({ sink }) => {
    if (sink.setAside === undefined || sink.remove === undefined) return;
    const batch = madeBatch({ partition: 0, start: 0n });
    await sink.publish(batch, never);
    await sink.describe(madeManifest(batch.description), never);
    await assert.rejects(sink.setAside(batch.description, "another tag", never));
    await assert.rejects(sink.remove(batch.description, "another tag", never));
    const state = await sink.stat(batch.description, "bytes", never);
    assert.ok(state.is === "whole");
    await sink.setAside(batch.description, state.tag, never);
    assert.deepEqual(await sink.stat(batch.description, "bytes", never), { is: "absent" });
    assert.deepEqual(await sink.publish(batch, never), { outcome: "created" });
    const again = await sink.stat(batch.description, "bytes", never);
    assert.ok(again.is === "data");
    await sink.remove(batch.description, again.tag, never);
    assert.deepEqual(await all(sink.list(scopeOf(0), 0n, never)), []);
  }),
];

async function checkListing(reader: Sink, starts: readonly bigint[]): Promise<void> {
  const far = [3_000_000_007n, 3_000_000_100n];
  const listed = await all(reader.list(scopeOf(0), 0n, never));
  assert.deepEqual(
    listed.map((l) => l.start),
    [...starts, ...far],
  );
  assert.ok(listed.every((l) => l.data?.size === 20));
  const orphans = listed.filter((l) => l.manifest === undefined);
  assert.deepEqual(
    orphans.map((l) => l.start),
    [3_000_000_007n],
  );
  const later = await all(reader.list(scopeOf(0), 15_005n, never));
  assert.deepEqual(
    later.map((l) => l.start),
    [...starts.filter((s) => s >= 15_005n), ...far],
  );
}

async function checkFloor(reader: Sink): Promise<void> {
  const last = BigInt(MANY - 1) * 10n;
  const cases = [
    [0n, 0n],
    [9n, 0n],
    [10n, 10n],
    [12_345n, 12_340n],
    [last, last],
    // In the later folder only data without a manifest, or a later manifest: the folder before it.
    [2_000_000_000n, last],
    [3_000_000_007n, last],
    [3_000_000_099n, last],
    [3_000_000_100n, 3_000_000_100n],
    [9_000_000_000n, 3_000_000_100n],
  ] as const;
  for (const [offset, start] of cases) {
    assert.equal((await reader.floor(scopeOf(0), offset, never))?.start, start, `floor ${offset}`);
  }
  assert.equal(await reader.floor(scopeOf(1), 5n, never), undefined);
}

async function inParallel<T>(
  items: readonly T[],
  limit: number,
  work: (item: T) => Promise<void>,
): Promise<void> {
  const rest = items.values();
  const worker = async (): Promise<void> => {
    for (const item of rest) await work(item);
  };
  await Promise.all(Array.from({ length: limit }, worker));
}
