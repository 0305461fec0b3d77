import type { Happening, Scenario } from "../world/settings.ts";

/** A fault of the product that the simulation found once. `shows`: what its trace has to have. */
export type Case = readonly [name: string, scenario: Scenario, shows?: string];

export const produce = (at: number, n = 3): Happening => ({
  ...{ at, do: "produce", p: 0, n, gzip: false },
});
export const stop = (at: number, ms: number): Happening => ({ at, do: "stop", daemon: 0, ms });
