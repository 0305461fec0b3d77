import assert from "node:assert/strict";
import { madeBatch, madeChain, madeManifest, scopeOf } from "./conformance-batches.ts";
import { all, type ConformanceCase, never, onPlace } from "./conformance-case.ts";
import type { Sink } from "./sink.ts";

const DEFAULT_BATCHES = 10_000;
const AT_ONCE = 16;
/** Offsets of each batch. */
const STEP = 10n;
/** Every so many has a manifest as well, which is what look-ups find. */
const EVERY = 4;
const SIZE = 20;

/** In a folder of their own, the first without a manifest. */
const FAR = [3_000_000_007n, 3_000_000_100n] as const;

export const manyCases: readonly ConformanceCase[] = [
  onPlace(
    "thousands of batches: listed in order from any start, floor finds each manifest",
    async ({ sink, open, target }) => {
      const chain = madeChain(0, target.batches ?? DEFAULT_BATCHES, SIZE);
      await inParallel([...chain.entries()], AT_ONCE, async ([i, { batch, manifest }]) => {
        await sink.publish(batch, never);
        if (i % EVERY === 0) await sink.describe(manifest, never);
      });
      const [far, farther] = FAR.map((start) => madeBatch({ partition: 0, start, size: SIZE }));
      assert.ok(far !== undefined && farther !== undefined);
      await sink.publish(far, never);
      await sink.publish(farther, never);
      await sink.describe(madeManifest(farther.description), never);
      const reader = await open();
      await checkListing(reader, chain.length);
      await checkFloor(reader, chain.length);
    },
    180_000,
  ),
];

async function checkListing(reader: Sink, batches: number): Promise<void> {
  const starts = Array.from({ length: batches }, (_, i) => BigInt(i) * STEP);
  const described = [...starts.filter((_, i) => i % EVERY === 0), FAR[1]];
  const listed = await all(reader.list(scopeOf(0), 0n, never));
  assert.deepEqual(
    listed.map((l) => l.start),
    [...starts, ...FAR],
  );
  assert.ok(listed.every((l) => l.data?.size === SIZE));
  assert.deepEqual(
    listed.filter((l) => l.manifest !== undefined).map((l) => l.start),
    described,
  );
  const from = (BigInt(batches) * STEP) / 2n + 5n;
  const later = await all(reader.list(scopeOf(0), from, never));
  assert.deepEqual(
    later.map((l) => l.start),
    [...starts.filter((s) => s >= from), ...FAR],
  );
}

async function checkFloor(reader: Sink, batches: number): Promise<void> {
  const span = STEP * BigInt(EVERY);
  const last = BigInt(Math.floor((batches - 1) / EVERY)) * span;
  const middle = (last / span / 2n) * span;
  const cases = [
    [0n, 0n],
    [span - 1n, 0n],
    [span, span],
    [middle + STEP, middle],
    [last - 1n, last - span],
    [last, last],
    // In the later folder only data without a manifest, or a later manifest: the folder before it.
    [2_000_000_000n, last],
    [FAR[0], last],
    [FAR[1] - 1n, last],
    [FAR[1], FAR[1]],
    [9_000_000_000n, FAR[1]],
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
