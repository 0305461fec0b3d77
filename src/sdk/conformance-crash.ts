import assert from "node:assert/strict";
import { CHAIN_BYTES, madeBatch, madeManifest, scopeOf } from "./conformance-batches.ts";
import { all, type ConformanceCase, never, onPlace } from "./conformance-case.ts";
import { startWriter } from "./conformance-process.ts";
import type { ConformancePlace, ConformanceTarget } from "./conformance-target.ts";
import type { Sink } from "./sink.ts";

const DEFAULT_KILLS = 100;
const AT_ONCE = 3;
const MAX_FRUITLESS = 40;
/** A kill comes this long after the writer is ready, at most, on a machine that is fast enough. */
const LIFE_MS = 60;

export const crashCases: readonly ConformanceCase[] = [
  onPlace(
    "writers killed at random: nothing partial, everything acknowledged is whole",
    async ({ place, open, target }) => {
      let left = target.kills ?? DEFAULT_KILLS;
      const acknowledged: bigint[] = [];
      const lane = async (partition: number): Promise<void> => {
        let last = -1n;
        let fruitless = 0;
        // Few kills must not be too few for anything to be written before one.
        while (left-- > 0 || (last <= 0n && fruitless < MAX_FRUITLESS)) {
          // A slow machine needs longer to acknowledge anything: lives grow until something is.
          const lifeMs = LIFE_MS * (1 + fruitless);
          const reached = await killOne(target, place, partition, lifeMs);
          fruitless = reached > last ? 0 : fruitless + 1;
          last = maxOf(last, reached);
        }
        acknowledged[partition] = last;
      };
      await Promise.all(Array.from({ length: AT_ONCE }, (_, partition) => lane(partition)));
      const sink = await open();
      for (const [partition, last] of acknowledged.entries()) {
        assert.ok(last > 0n, "writers got somewhere before they were killed");
        await checkPartition(sink, partition, last);
      }
      for (const name of await place.finalNames()) {
        assert.match(name, /^(?:data\/.+\.log\.zst|manifests\/.+\.json|archive\.json)$/);
      }
    },
    180_000,
  ),
];

const maxOf = (a: bigint, b: bigint): bigint => (a > b ? a : b);

/** Resolves to the last start it acknowledged, -1 for none. */
async function killOne(
  target: ConformanceTarget,
  place: ConformancePlace,
  partition: number,
  lifeMs: number,
): Promise<bigint> {
  const writer = startWriter(target.module, place.address, "chain", partition);
  let last = -1n;
  if ((await writer.line()) === "ready") {
    setTimeout(() => writer.kill(), Math.random() * lifeMs);
    for (let line = await writer.line(); line !== undefined; line = await writer.line()) {
      last = BigInt(line);
    }
  }
  assert.equal(await writer.ended, "", "a writer failed before it was killed");
  return last;
}

async function checkPartition(sink: Sink, partition: number, last: bigint): Promise<void> {
  const listed = await all(sink.list(scopeOf(partition), 0n, never));
  let previous;
  for (const [i, { start }] of listed.entries()) {
    assert.equal(start, BigInt(i) * 10n, "no gap");
    const seed = Number(start) + 1;
    const { description } = madeBatch({ partition, start, seed, size: CHAIN_BYTES });
    const state = await sink.stat(description, "bytes", never);
    if (state.is === "data") {
      assert.ok(start > last && i === listed.length - 1, "data without manifest only at the tip");
      assert.deepEqual(state.description, description);
      continue;
    }
    assert.ok(state.is === "whole", `${start}: ${JSON.stringify(state.is)}`);
    previous = madeManifest(description, previous);
    assert.deepEqual(state.manifest, previous);
  }
  assert.ok(BigInt(listed.length) * 10n > last, "everything acknowledged is there");
}
