import assert from "node:assert/strict";
import { madeBatch, madeManifest, scopeOf } from "./conformance-batches.ts";
import { all, type ConformanceCase, never, onPlace } from "./conformance-case.ts";

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
      if (place.loseDescription === undefined) return "not-asked";
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
      return "held";
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

  onPlace("scopes are found, by number and not by digits, orphans too", async ({ sink }) => {
    for (const partition of [10, 2, 0]) {
      const batch = madeBatch({ partition, start: 0n });
      await sink.publish(batch, never);
      if (partition !== 2) await sink.describe(madeManifest(batch.description), never);
    }
    const found = await all(sink.scopes(never));
    assert.deepEqual(found, [0, 2, 10].map(scopeOf));
  }),

  ...(["setAside", "remove"] as const).map((act) =>
    onPlace(`${act} acts only on what was seen, and then it is gone`, async ({ sink }) => {
      if (sink[act] === undefined) return "not-asked";
      const batch = madeBatch({ partition: 0, start: 0n });
      await sink.publish(batch, never);
      await sink.describe(madeManifest(batch.description), never);
      await assert.rejects(sink[act](batch.description, "another tag", never));
      const state = await sink.stat(batch.description, "bytes", never);
      assert.ok(state.is === "whole");
      await sink[act](batch.description, state.tag, never);
      assert.deepEqual(await sink.stat(batch.description, "bytes", never), { is: "absent" });
      assert.deepEqual(await all(sink.list(scopeOf(0), 0n, never)), []);
      assert.deepEqual(await sink.publish(batch, never), { outcome: "created" });
      const again = await sink.stat(batch.description, "bytes", never);
      assert.ok(again.is === "data");
      await sink[act](batch.description, again.tag, never);
      assert.deepEqual(await all(sink.list(scopeOf(0), 0n, never)), []);
      return "held";
    }),
  ),
];
