import type { Dice } from "../core/random.ts";
import type { Happening, Scenario } from "../world/settings.ts";
import { MISREADS } from "./operations.ts";

/** A sink of records answers wrong now and then for a while; what stops at it, an operator starts again afterwards. */
export function withMisreads(s: Scenario, dice: Dice): Scenario {
  const sink = s.sinks.findIndex((x) => x.form !== "files");
  if (sink < 0 || s.quietAt < 12_000 || !dice.chance(0.2)) return s;
  const at = dice.int(0, s.quietAt - 11_000);
  const misread: Happening = { at, do: "trouble", sink, ...MISREADS };
  return { ...s, happenings: [...s.happenings, misread].sort((a, b) => a.at - b.at) };
}
