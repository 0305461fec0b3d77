import type { Dice } from "../core/random.ts";
import type { Happening, Scenario } from "../world/settings.ts";
import { crashesOf, GOES_BACK, KINDS, MISREADS, TAKES, toOperator } from "./operations.ts";
import { hasRecordSinks } from "./record-sinks.ts";

/** Of a sink that keeps documents: what an operator who removed what was wrong has left there. */
const LEFT = ["lose", "lose-manifest"] as const;

/**
 * Repairs where a sink keeps records, or two groups archive. Encrypted, a command writes to a sink of records only with
 * an identity, and a ledger loses nothing that could be put back into it.
 */
export function withRepairsBeside(s: Scenario, dice: Dice): Scenario {
  const does = (what: Happening["do"]): boolean => s.happenings.some((h) => h.do === what);
  const records = hasRecordSinks(s);
  if (!records && !s.secondGroup) return s;
  if (does("operate") || does("restore") || (records && s.settings.encrypted)) return s;
  return dice.chance(0.5) ? beside(s, dice) : s;
}

function beside(s: Scenario, dice: Dice): Scenario {
  const all = [...s.sinks.keys()];
  const harmed = all.filter((i) => s.sinks[i]?.form !== "ledger");
  if (all.length < 2 || harmed.length === 0) return s;
  const target = dice.pick(harmed);
  const files = (but: number): number[] =>
    all.filter((i) => i !== but && s.sinks[i]?.form === "files");
  const kinds = s.sinks[target]?.form === "files" ? KINDS : LEFT;
  const damaging = dice.pick([0, 1, 1, 1, 2]);
  const harms = Array.from({ length: damaging }, (): Happening => ({
    ...{ at: dice.int(s.quietAt >> 1, s.quietAt - 3_000), do: "damage", sink: target },
    ...{ what: dice.pick<(typeof KINDS)[number]>(kinds), share: dice.pick([0.3, 0.7, 1]) },
  }));
  const operating = (at: number, into: number): Happening => {
    const sources = files(into);
    const how = { at, do: "operate", to: [], crashes: crashesOf(dice) } as const;
    if (sources.length === 0 || dice.chance(0.5)) return { ...how, what: "replay" };
    return { ...how, what: "reconcile", between: [dice.pick(sources), into] };
  };
  const repairs = harms.map((h) => operating(h.at + dice.int(100, 3_000), target));
  if (damaging === 0 || dice.chance(0.3))
    repairs.push(operating(dice.int(4_000, s.quietAt), dice.pick(all)));
  const wrong = dice.chance(0.4) ? [toOperator(dice, s)] : [];
  const misread: Happening[] = dice.chance(0.15)
    ? [{ at: dice.int(0, s.quietAt - 10_000), do: "trouble", sink: target, ...MISREADS }]
    : [];
  const replays = repairs.some((r) => r.do === "operate" && r.what === "replay");
  // What only a sink of records has beside it is made again of what Kafka has.
  const remade = damaging > 0 && files(target).length === 0;
  const left = s.happenings.filter((h) => {
    if (h.do === "trouble" && h.what === "garbles") return false;
    // Of a topic that is made again there may be nothing to replay as yet.
    if (h.do === "recreate-topic" && replays) return false;
    return !(damaging > 0 && GOES_BACK.includes(h.do)) && !(remade && TAKES.includes(h.do));
  });
  const sinks = s.sinks.map((x) => ({ ...x, createOnly: "atomic" as const }));
  const happenings = [...left, ...harms, ...repairs, ...misread, ...wrong];
  return { ...s, sinks, happenings: happenings.sort((a, b) => a.at - b.at) };
}
