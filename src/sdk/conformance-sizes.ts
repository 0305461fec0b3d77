import assert from "node:assert/strict";
import { madeBatch, madeManifest } from "./conformance-batches.ts";
import { all, type ConformanceCase, never, onPlace } from "./conformance-case.ts";
import { holdsOf } from "./holds.ts";
import { SinkError } from "./sink-error.ts";

const BIG_BYTES = 16 << 20;
const BIG_RECORDS = 4_000n;
/** A limit above this is not tried: the batch that breaks it would have to be in memory. */
const TRIED_LIMIT_BYTES = 64 << 20;

export const sizeCases: readonly ConformanceCase[] = [
  onPlace(
    "a big batch is the same bytes and records when it is read",
    async ({ sink, open }) => {
      const size = Math.min(BIG_BYTES, sink.capabilities.maxBatchBytes);
      const made = { partition: 0, start: 0n, count: BIG_RECORDS, valueBytes: 500, size };
      const batch = madeBatch(made);
      assert.deepEqual(await sink.publish(batch, never), { outcome: "created" });
      const other = await open();
      assert.equal((await other.stat(batch.description, "bytes", never)).is, "data");
      assert.deepEqual(await other.publish(batch, never), { outcome: "equal" });
      if (holdsOf(sink.capabilities) !== "files") return;
      const read = Buffer.concat(await all(other.read(batch.description, { from: 0 }, never)));
      assert.ok(read.equals(batch.bytes), `${read.length} of ${size} bytes, or others`);
    },
    60_000,
  ),

  onPlace("a batch without a record and without a byte", async ({ sink, open }) => {
    const kind = { format: "segment", codec: "none", encrypted: false } as const;
    const batch = madeBatch({ partition: 0, start: 7n, count: 5n, aborted: 5n, size: 0, kind });
    const manifest = madeManifest(batch.description);
    assert.deepEqual(await sink.publish(batch, never), { outcome: "created" });
    assert.deepEqual(await sink.describe(manifest, never), { outcome: "created" });
    const other = await open();
    assert.deepEqual(await other.publish(batch, never), { outcome: "equal" });
    const state = await other.stat(batch.description, "bytes", never);
    assert.deepEqual(state.is === "whole" && state.manifest, manifest);
  }),

  onPlace("a batch over the limit is refused for good, and nothing of it is there", async (on) => {
    const { maxBatchBytes, accepts } = on.sink.capabilities;
    if (accepts !== "sealed" || maxBatchBytes > TRIED_LIMIT_BYTES) return "not-asked";
    const batch = madeBatch({ partition: 0, start: 0n, size: maxBatchBytes + 1 });
    await assert.rejects(
      on.sink.publish(batch, never),
      (e) => e instanceof SinkError && e.code === "sink-permanent",
    );
    assert.deepEqual(await on.sink.stat(batch.description, "bytes", never), { is: "absent" });
    return "held";
  }),
];
