import assert from "node:assert/strict";
import { madeBatch, madeManifest } from "./conformance-batches.ts";
import { type ConformanceCase, never, onFaultyPlace, onPlace } from "./conformance-case.ts";
import { tried } from "./conformance-faults.ts";
import type { Sink } from "./sink.ts";
import { SinkError } from "./sink-error.ts";

const sure = (): void => undefined;

export const mendCases: readonly ConformanceCase[] = [
  onPlace(
    "a damaged file gives way to the right one and is kept, and what is right stays",
    async ({ sink, place }) => {
      if (sink.mend === undefined) return "not-asked";
      const batch = madeBatch({ partition: 0, start: 0n });
      const manifest = madeManifest(batch.description);
      await sink.publish(batch, never);
      await sink.describe(manifest, never);
      const before = await place.finalNames();
      assert.equal(await sink.mend(batch, manifest, sure, never), "equal");
      assert.deepEqual(await place.finalNames(), before);
      await place.damage(batch);
      const over = new Error("the pause is over");
      const unsure = (): never => {
        throw over;
      };
      await assert.rejects(sink.mend(batch, manifest, unsure, never), over);
      assert.equal((await sink.stat(manifest, "bytes", never)).is, "damaged");
      const mended = await sink.mend(batch, manifest, sure, never);
      if (mended === "unable") return "not-asked";
      assert.equal(mended, "mended");
      await assertWhole(sink, manifest);
      assert.equal(
        (await place.finalNames()).length,
        before.length + 1,
        "the damaged file is kept",
      );
      assert.equal(await sink.mend(batch, manifest, sure, never), "equal");
      assert.deepEqual(await sink.publish(batch, never), { outcome: "equal" });
      return "held";
    },
  ),

  onPlace("the manifest of another batch gives way, and its file as well", async ({ sink }) => {
    if (sink.mend === undefined) return "not-asked";
    const batch = madeBatch({ partition: 0, start: 0n });
    const other = madeBatch({ partition: 0, start: 0n, count: 5n, seed: 2 });
    await sink.publish(other, never);
    await sink.describe(madeManifest(other.description), never);
    const manifest = madeManifest(batch.description);
    if ((await sink.mend(batch, manifest, sure, never)) === "unable") return "not-asked";
    await assertWhole(sink, manifest);
    assert.deepEqual(await sink.publish(batch, never), { outcome: "equal" });
    return "held";
  }),

  onFaultyPlace(
    "a mend whose answers were lost is found done",
    ["answer-lost"],
    async ({ faulty, sink, place }) => {
      if (sink.mend === undefined) return "not-asked";
      const batch = madeBatch({ partition: 0, start: 0n });
      const manifest = madeManifest(batch.description);
      await sink.publish(batch, never);
      await sink.describe(manifest, never);
      await place.damage(batch);
      faulty.fault("answer-lost");
      const [lost] = await Promise.allSettled([faulty.sink.mend?.(batch, manifest, sure, never)]);
      if (lost.status === "rejected") assertTransient(lost.reason);
      faulty.fault(null);
      const mended = await tried(async () => faulty.sink.mend?.(batch, manifest, sure, never));
      if (mended === "unable") return "not-asked";
      await assertWhole(sink, manifest);
      return "held";
    },
  ),
];

async function assertWhole(sink: Sink, m: ReturnType<typeof madeManifest>): Promise<void> {
  const state = await sink.stat(m, "bytes", never);
  assert.ok(state.is === "whole", state.is);
  assert.equal(state.manifest.link, m.link);
}

function assertTransient(error: unknown): void {
  assert.ok(error instanceof SinkError, `mend raises no SinkError: ${String(error)}`);
  assert.equal(error.code, "sink-transient", error.message);
}
