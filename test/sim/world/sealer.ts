import type { Seed } from "../../../src/seal/keys.ts";
import { type CutSealer, inlineSealer } from "../../../src/seal/pool.ts";
import type { SimProcess } from "../core/process.ts";

/** Sealing inline; it takes a while, and the process may die meanwhile. */
export function sealerOf(process: SimProcess, seeds: readonly Seed[]): CutSealer {
  const inline = inlineSealer(seeds);
  return {
    ...inline,
    seal: async (cut, recipe, signal) => {
      const sealed = await inline.seal(cut, recipe, signal);
      await process.work("seal", signal);
      return sealed;
    },
  };
}
