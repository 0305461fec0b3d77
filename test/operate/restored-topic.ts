import { expect } from "vitest";
import { type Compared, restoredPairs } from "./restored-pairs.ts";

/** Every wanted record once, in order, in the same partition, as librdkafka reads it; answers how many. */
export async function expectRestored(o: Compared): Promise<number> {
  let count = 0;
  for (const { wanted, mine } of await restoredPairs(o)) {
    expect(mine).toEqual(wanted);
    count += wanted.length;
  }
  return count;
}
