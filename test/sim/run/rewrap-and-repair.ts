import type { Dice } from "../core/random.ts";
import type { Happening, Scenario } from "../world/settings.ts";
import { crashesOf, GOES_BACK, KINDS, rewrapped } from "./operations.ts";
import { hasRecordSinks } from "./record-sinks.ts";

/**
 * An archive is rewrapped, and what is damaged in one of its sinks is repaired, before, after or at once. What a repair
 * sets aside is moved only in stores that compare it with what was seen.
 */
export function withRewrapAndRepair(s: Scenario, dice: Dice): Scenario {
  const does = (what: Happening["do"]): boolean => s.happenings.some((h) => h.do === what);
  if (s.secondGroup || hasRecordSinks(s) || s.sinks.length < 2) return s;
  if (does("operate") || does("restore") || !dice.chance(0.1)) return s;
  const r = rewrapped(s, dice);
  const target = dice.int(0, s.sinks.length - 1);
  const source = (target + dice.int(1, s.sinks.length - 1)) % s.sinks.length;
  const at = dice.int(s.quietAt >> 1, s.quietAt - 3_000);
  const harm: Happening = {
    ...{ at, do: "damage", sink: target },
    ...{ what: dice.pick(KINDS), share: dice.pick([0.3, 0.7, 1]) },
  };
  const repair: Happening = {
    ...{ at: at + dice.int(100, 3_000), do: "operate", to: [], between: [source, target] },
    ...{ what: dice.pick(["reconcile", "replay"]), crashes: crashesOf(dice) },
  };
  const left = r.happenings.filter(
    (h) => !(h.do === "trouble" && h.what === "garbles") && !GOES_BACK.includes(h.do),
  );
  const sinks = r.sinks.map((x) => ({ ...x, removes: "seen" as const }));
  return { ...r, sinks, happenings: [...left, harm, repair].sort((a, b) => a.at - b.at) };
}
