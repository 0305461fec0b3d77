import type { CrashPlan } from "../core/process.ts";
import { Dice } from "../core/random.ts";
import { ADMIN_MS } from "../world/perform.ts";
import type { Happening, Scenario, SinkSettings } from "../world/settings.ts";
import { hasRecordSinks, recordsBesideEncrypted } from "./record-sinks.ts";

/** Those of commands. */
const COMMAND_PORTS = [
  ...[
    "",
    "",
    "",
    "move",
    "copy",
    "remove",
    "create data",
    "create manifests",
    "create quarantine",
    "create pruned",
  ],
  ...["OffsetCommit", "OffsetFetch", "JoinGroup", "Describe", "LeaveGroup", "get", "list", "sleep"],
];
const MOVES = ["move", "copy", "create data"];

/** Operators' commands beside the daemons, some of the time with a process that dies or is frozen. */
export function withOperators(s: Scenario, dice: Dice): Scenario {
  const several = s.sinks.length > 1;
  const apart = s.happenings.some((h) => h.do === "restore");
  const plain = !s.secondGroup && !hasRecordSinks(s);
  if (apart && plain && several && dice.chance(0.2)) return besideRestored(s, dice);
  if (apart && !s.secondGroup && dice.chance(0.12)) return prunedAfter(s, dice);
  if (apart) return plain && dice.chance(0.12) ? rewrappedAround(s, dice) : s;
  if (s.secondGroup) return besideGroup(s, dice);
  if (!plain) return besideRecords(s, dice);
  if (dice.chance(0.08)) return rewrapped(s, dice);
  if (dice.chance(0.06)) return pruned(s, dice);
  return several && dice.chance(0.12) ? repaired(s, dice) : s;
}

const lastRestored = (s: Scenario): number =>
  s.happenings.findLast((h) => h.do === "restore")?.at ?? 0;

/** What has expired in every other sink a restored one would lack for ever: nothing expires before. */
function prunedAfter(s: Scenario, dice: Dice): Scenario {
  const from = lastRestored(s) + ADMIN_MS - 500;
  const later = pruned(s, dice);
  const happenings = later.happenings.map((h) =>
    h.do === "operate" && h.at <= from ? { ...h, at: from + dice.int(1, 6_000) } : h,
  );
  const quietAt = Math.max(s.quietAt, from + 20_000);
  return { ...later, quietAt, happenings: happenings.sort((a, b) => a.at - b.at) };
}

/** Whoever restores a sink to what it was before a rewrap runs that again. */
function rewrappedAround(s: Scenario, dice: Dice): Scenario {
  const from = lastRestored(s) + ADMIN_MS - 500;
  const whole = s.happenings.map((h) => (h.do === "restore" ? { ...h, whole: true } : h));
  const early = rewrapped({ ...s, happenings: whole }, dice);
  const again = { ...rewrapping(dice, s), at: from + dice.int(1, 6_000) };
  const happenings = [...early.happenings, again].sort((a, b) => a.at - b.at);
  return { ...early, quietAt: Math.max(s.quietAt, from + 20_000), happenings };
}

/** A sink of records has nothing that is rewrapped or expires; where all are such, `rewrap` refuses to begin. */
function besideRecords(s: Scenario, dice: Dice): Scenario {
  const files = s.sinks.some((x) => x.form === "files");
  if (files && dice.chance(0.12)) return rewrapped(recordsBesideEncrypted(s), dice);
  return dice.chance(0.1) ? pruned(s, dice) : s;
}

/** Commands are of the first group, and so are their pauses: owners of the other one go on meanwhile. */
function besideGroup(s: Scenario, dice: Dice): Scenario {
  return !hasRecordSinks(s) && dice.chance(0.3) ? rewrapped(s, dice) : s;
}

/**
 * What a sink of files lacks of a topic that is no more, and `rewrap` therefore refuses, only `reconcile` brings: there
 * is none here, and where several sinks keep files no topic is made again.
 */
export function rewrapped(s: Scenario, dice: Dice): Scenario {
  const settings = { ...s.settings, encrypted: true };
  const sinks = removing(s);
  const own = Array.from({ length: dice.pick([1, 1, 2]) }, () => rewrapping(dice, s));
  const wrong = dice.chance(0.4) ? [toOperator(dice, s)] : [];
  const several = sinks.filter((x) => x.form === "files").length > 1;
  const left = s.happenings.filter((h) => !several || h.do !== "recreate-topic");
  const happenings = left.map((h) =>
    h.do === "upgrade" ? { ...h, to: { ...h.to, encrypted: true } } : h,
  );
  const all = [...happenings, ...own, ...wrong].sort((a, b) => a.at - b.at);
  return { ...s, settings, sinks, happenings: all };
}

/** Some stores compare what they are to remove with what was seen, others replace on condition. */
function removing({ seed, sinks }: Scenario): SinkSettings[] {
  const dice = new Dice(seed).fork("removes");
  const removes = (): "seen" | "any" => (dice.chance(0.5) ? "any" : "seen");
  return sinks.map((x) => ({ ...x, createOnly: "atomic", removes: removes() }));
}

/** Whoever has another clock than the rest sees other data as expired: no clock is set here. */
function pruned(s: Scenario, dice: Dice): Scenario {
  const sinks = removing(s);
  const own = Array.from({ length: dice.pick([1, 2, 3]) }, (): Happening => ({
    ...{ at: dice.int(4_000, s.quietAt + 10_000), do: "operate", what: "prune", to: [] },
    crashes: crashesOf(dice),
  }));
  const wrong = dice.chance(0.3) ? [toOperator(dice, s)] : [];
  const others = s.happenings.filter((h) => h.do !== "clock");
  const all = [...others, ...own, ...wrong].sort((a, b) => a.at - b.at);
  return { ...s, sinks, retentionMs: dice.int(3_000, 15_000), happenings: all };
}

function rewrapping(dice: Dice, s: Scenario): Happening {
  const to = dice.pick([[1], [0, 1], [1, 0], [0]]);
  // A store that replaces moves nothing.
  const replaces = new Dice(s.seed).fork("replaces");
  const crashes = crashesOf(dice).map((c) =>
    MOVES.includes(c.at) && replaces.chance(0.6) ? { ...c, at: "replace" } : c,
  );
  return { at: dice.int(1_000, s.quietAt), do: "operate", what: "rewrap", to, crashes };
}

export const crashesOf = (dice: Dice): CrashPlan[] =>
  Array.from({ length: dice.pick([0, 1, 1, 2, 3]) }, () => ({
    at: dice.pick(COMMAND_PORTS),
    nth: dice.chance(0.6) ? dice.int(1, 6) : dice.int(1, 60),
    side: dice.pick(["before", "after"] as const),
  }));

/** What is wrong between the operator's process and the rest; it comes behind the daemons. */
export function toOperator(dice: Dice, s: Scenario): Happening {
  const [daemon, at] = [s.daemons, dice.int(1_000, s.quietAt)];
  const ms = dice.int(200, dice.chance(0.5) ? 3_000 : 40_000);
  if (dice.chance(0.4)) return { at, do: "freeze", daemon, ms };
  const target = dice.pick(["kafka", "coordinator", "*", ...s.sinks.map((x) => x.name)]);
  const what = dice.pick(["cut", "lost-requests", "lost-answers", "late", "slow"] as const);
  return { at, do: "weather", daemon, target, ms, what };
}

export const KINDS = ["lose", "lose-data", "lose-manifest", "flip", "swap-manifest"] as const;
/** What takes from Kafka what only a replay can take from there, or makes other batches of it. */
export const TAKES = ["compact", "retain", "upgrade"];
export const MISREADS = { ms: 10_000, what: "misreads" } as const;
/** What a daemon goes back for, to where something is damaged; what is read wrong is taken for damage. */
export const GOES_BACK = ["commits", "truncate", "recreate-topic"];

/** A sink that was restored is filled by daemons and by commands that begin after it; never the primary. */
function besideRestored(s: Scenario, dice: Dice): Scenario {
  const sinks = s.sinks.map((x) => ({ ...x, createOnly: "atomic" as const }));
  const back = s.happenings.findLast((h) => h.do === "restore");
  const other = s.happenings.some((h) => h.do === "restore" && h.sink === 0);
  if (back?.do !== "restore" || other) return s;
  const repairs = Array.from({ length: dice.pick([1, 1, 2]) }, (): Happening => ({
    ...{ at: back.at + dice.int(ADMIN_MS, ADMIN_MS + 6_000), do: "operate", to: [] },
    ...{ what: dice.pick(["reconcile", "replay"]), between: [0, back.sink] },
    crashes: crashesOf(dice),
  }));
  const wrong = dice.chance(0.4) ? [toOperator(dice, s)] : [];
  const left = s.happenings.filter((h) => h.do !== "trouble" || h.what !== "garbles");
  const all = [...left, ...repairs, ...wrong].sort((a, b) => a.at - b.at);
  return { ...s, sinks, quietAt: Math.max(s.quietAt, back.at + 20_000), happenings: all };
}

/** Something is damaged in one sink, or in all of them and Kafka has it still; or nothing is, and they look. */
function repaired(s: Scenario, dice: Dice): Scenario {
  const sinks = removing(s);
  const target = dice.int(0, sinks.length - 1);
  const source = (target + dice.int(1, sinks.length - 1)) % sinks.length;
  const inAll = !s.settings.encrypted && dice.chance(0.3);
  const damaging = dice.pick([0, 1, 1, 1, 2]);
  const harms = Array.from({ length: damaging }, (): Happening => ({
    ...{ at: dice.int(s.quietAt >> 1, s.quietAt - 3_000), do: "damage" },
    sink: inAll ? null : target,
    ...{ what: dice.pick(KINDS), share: dice.pick([0.3, 0.7, 1]) },
  }));
  const operating = (at: number, what: "reconcile" | "replay"): Happening => ({
    ...{ at, do: "operate", what, to: [], between: [source, target], crashes: crashesOf(dice) },
  });
  const remakes = inAll || dice.chance(0.3);
  const repairs = harms.map((h) =>
    operating(h.at + dice.int(100, 3_000), remakes ? "replay" : "reconcile"),
  );
  if (damaging === 0 || dice.chance(0.3))
    repairs.push(operating(dice.int(4_000, s.quietAt), dice.pick(["reconcile", "replay"])));
  const wrong = dice.chance(0.4) ? [toOperator(dice, s)] : [];
  const misreadSink = new Dice(s.seed).fork("misread").pick([source, target]);
  const misread: Happening[] = dice.chance(0.15)
    ? [{ at: dice.int(0, s.quietAt - 10_000), do: "trouble", sink: misreadSink, ...MISREADS }]
    : [];
  const left = s.happenings.filter((h) => {
    if (h.do === "trouble" && h.what === "garbles") return false;
    // Of a topic that is made again there may be nothing to replay as yet.
    if (h.do === "recreate-topic" && repairs.some((r) => "what" in r && r.what === "replay"))
      return false;
    return !(damaging > 0 && GOES_BACK.includes(h.do)) && !(inAll && TAKES.includes(h.do));
  });
  const all = [...left, ...harms, ...repairs, ...misread, ...wrong].sort((a, b) => a.at - b.at);
  return { ...s, sinks, happenings: all };
}
