import assert from "node:assert/strict";
import { encodeManifest } from "../core/manifest.ts";
import type { ArchivedRecord } from "../core/record.ts";
import { IDENTITY, madeBatch, madeManifest, scopeOf } from "./conformance-batches.ts";
import { all, type ConformanceCase, never, onPlace } from "./conformance-case.ts";
import { holdsOf } from "./holds.ts";
import type { Published, SealedBatch, Sink } from "./sink.ts";

const KINDS = (["segment", "ndjson"] as const).flatMap((format) =>
  (["none", "zstd", "gzip"] as const).map((codec) => ({ format, codec, encrypted: false })),
);

const ROUNDS = 5;

export const publishCases: readonly ConformanceCase[] = [
  onPlace("a claim is create-only: the first identity stays", async ({ sink, open }) => {
    const other = { ...IDENTITY, archiveId: "other" };
    assert.deepEqual(await (await open()).claim(other, never), IDENTITY);
    assert.deepEqual(await sink.identity(never), IDENTITY);
  }),

  onPlace("publish, describe, read back the same bytes or records", async ({ sink, open }) => {
    const batch = madeBatch({ partition: 0, start: 0n, size: 3_000_001, valueBytes: 300_000 });
    const manifest = madeManifest(batch.description);
    assert.deepEqual(await sink.publish(batch, never), { outcome: "created" });
    assert.deepEqual(await sink.describe(manifest, never), { outcome: "created" });
    const other = await open();
    const state = await other.stat(batch.description, "bytes", never);
    assert.equal(state.is, "whole");
    assert.deepEqual(state.is === "whole" && state.manifest, manifest);
    if (holdsOf(sink.capabilities) === "files") await readsFile(other, batch);
    if (holdsOf(sink.capabilities) === "records") await readsRecords(other, batch);
    const stored = await other.manifest(batch.description, never);
    assert.equal(Buffer.from(stored ?? []).toString(), encodeManifest(manifest));
  }),

  onPlace("what is confirmed is there for every other instance at once", async (on) => {
    const other = await on.open();
    for (let i = 0; i < ROUNDS; i++) {
      const batch = madeBatch({ partition: 0, start: BigInt(i) * 10n, size: 100_000 });
      await on.sink.publish(batch, never);
      assert.equal((await other.stat(batch.description, "bytes", never)).is, "data", `batch ${i}`);
      await on.sink.describe(madeManifest(batch.description), never);
      const state = await other.stat(batch.description, "bytes", never);
      assert.equal(state.is, "whole", `manifest ${i}`);
    }
  }),

  onPlace(
    "an equal batch again is equal, before and after its manifest",
    async ({ sink, open }) => {
      const batch = madeBatch({ partition: 0, start: 0n });
      const manifest = madeManifest(batch.description);
      await sink.publish(batch, never);
      assert.deepEqual(await sink.publish(batch, never), { outcome: "equal" });
      await sink.describe(manifest, never);
      const other = await open();
      assert.deepEqual(await other.publish(batch, never), { outcome: "equal" });
      assert.deepEqual(await other.describe(manifest, never), { outcome: "equal" });
    },
  ),

  onPlace("a batch that is described by its manifest is the same", async ({ sink, open }) => {
    const batch = madeBatch({ partition: 0, start: 0n });
    const manifest = madeManifest(batch.description);
    const described = { ...batch, description: manifest };
    assert.deepEqual(await sink.publish(described, never), { outcome: "created" });
    assert.deepEqual(await sink.describe(manifest, never), { outcome: "created" });
    const other = await open();
    assert.equal((await other.stat(batch.description, "bytes", never)).is, "whole");
    assert.deepEqual(await other.publish(batch, never), { outcome: "equal" });
  }),

  onPlace(
    "other bytes, another cut, another suffix of one start are different",
    async ({ sink, open }) => {
      const first = madeBatch({ partition: 0, start: 0n });
      await sink.publish(first, never);
      const others = [
        madeBatch({ partition: 0, start: 0n, seed: 2 }),
        madeBatch({ partition: 0, start: 0n, seed: 2, size: 900, count: 4n }),
        madeBatch({
          partition: 0,
          start: 0n,
          kind: { format: "ndjson", codec: "none", encrypted: false },
        }),
      ];
      const other = await open();
      for (const batch of others) saysItIs(first, await other.publish(batch, never));
      await sink.describe(madeManifest(first.description), never);
      for (const batch of others) saysItIs(first, await other.publish(batch, never));
      const state = await other.stat(first.description, "bytes", never);
      assert.equal(state.is, "whole", "what was there stays as it was");
    },
  ),

  onPlace("whatever suffix a start has, no second one is created", async ({ sink, open }) => {
    const other = await open();
    for (const [partition, kind] of KINDS.entries()) {
      const first = madeBatch({ partition, start: 0n, kind });
      await sink.publish(first, never);
      for (const second of KINDS.filter((k) => k !== kind)) {
        const batch = madeBatch({ partition, start: 0n, kind: second });
        saysItIs(first, await other.publish(batch, never));
      }
    }
  }),

  onPlace("the same bytes with another end are different", async ({ sink, open }) => {
    const first = madeBatch({ partition: 0, start: 0n, count: 10n });
    const longer = madeBatch({ partition: 0, start: 0n, count: 12n, aborted: 2n });
    assert.deepEqual(longer.bytes, first.bytes);
    await sink.publish(first, never);
    saysItIs(first, await (await open()).publish(longer, never));
  }),

  onPlace("two partitions may hold the same bytes", async ({ sink, open }) => {
    const batches = [0, 1].map((partition) => madeBatch({ partition, start: 0n }));
    for (const batch of batches) {
      assert.deepEqual(await sink.publish(batch, never), { outcome: "created" });
    }
    const other = await open();
    for (const batch of batches) {
      const state = await other.stat(batch.description, "bytes", never);
      assert.deepEqual(state.is === "data" && state.description, batch.description);
    }
  }),

  onPlace("another manifest of a batch is different and changes nothing", async ({ sink }) => {
    const batch = madeBatch({ partition: 0, start: 0n });
    const manifest = madeManifest(batch.description);
    await sink.publish(batch, never);
    await sink.describe(manifest, never);
    const previous = madeManifest(madeBatch({ partition: 1, start: 0n }).description);
    const answer = await sink.describe(madeManifest(batch.description, previous), never);
    assert.ok(answer.outcome === "different" && answer.state.is === "whole");
    assert.deepEqual(answer.state.manifest, manifest);
  }),

  onPlace("a manifest without its data is refused", async ({ sink }) => {
    const batch = madeBatch({ partition: 0, start: 0n });
    await assert.rejects(sink.describe(madeManifest(batch.description), never));
    assert.deepEqual(await sink.stat(batch.description, "bytes", never), { is: "absent" });
  }),

  onPlace("an aborted signal ends every call and leaves nothing half done", async ({ sink }) => {
    const gone = AbortSignal.abort(new Error("drained"));
    const batch = madeBatch({ partition: 0, start: 0n });
    await assert.rejects(sink.publish(batch, gone), /drained/);
    await assert.rejects(sink.stat(batch.description, "cheap", gone), /drained/);
    await assert.rejects(sink.floor(scopeOf(0), 5n, gone), /drained/);
    await assert.rejects(all(sink.list(scopeOf(0), 0n, gone)), /drained/);
    assert.deepEqual(await sink.stat(batch.description, "bytes", never), { is: "absent" });
  }),

  onPlace("check writes, finds nothing wrong and leaves nothing", async ({ sink, place }) => {
    const before = await place.finalNames();
    const findings = await sink.check(never);
    assert.deepEqual(
      findings.filter((f) => f.level === "error"),
      [],
    );
    assert.ok(findings.some((f) => f.level === "ok"));
    assert.deepEqual(await place.finalNames(), before);
  }),
];

async function readsFile(sink: Sink, batch: SealedBatch): Promise<void> {
  const read = Buffer.concat(await all(sink.read(batch.description, { from: 0 }, never)));
  assert.ok(read.equals(batch.bytes));
  const range = { from: 1_048_570, to: 1_048_580 };
  const part = await all(sink.read(batch.description, range, never));
  assert.ok(Buffer.concat(part).equals(batch.bytes.subarray(range.from, range.to)));
}

/** Key, value, headers in their order with duplicates and nulls, timestamp and offset. */
async function readsRecords(sink: Sink, batch: SealedBatch): Promise<void> {
  assert.ok(sink.readRecords !== undefined && batch.records !== undefined);
  const read = (await all(sink.readRecords(batch.description, never))).flat();
  const written = (await all(batch.records(never))).flat();
  assert.deepEqual(read.map(plain), written.map(plain));
}

/** Buffers and views of one content are equal as text. */
const plain = (r: ArchivedRecord): unknown => ({
  ...r,
  key: hex(r.key),
  value: hex(r.value),
  headers: r.headers.map((h) => [hex(h.key), hex(h.value)]),
});

const hex = (bytes: Uint8Array | null): string | null =>
  bytes === null ? null : Buffer.from(bytes).toString("hex");

function saysItIs(first: ReturnType<typeof madeBatch>, answer: Published): void {
  assert.ok(answer.outcome === "different", answer.outcome);
  const { state } = answer;
  const found = state.is === "data" ? state.description : state.is === "whole" && state.manifest;
  assert.ok(found, state.is);
  assert.equal(found.seal.path, first.description.seal.path);
  assert.equal(found.seal.digest, first.description.seal.digest);
  assert.equal(found.end, first.description.end);
}
