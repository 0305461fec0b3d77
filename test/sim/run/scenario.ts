import { Dice } from "../core/random.ts";
import { RECREATED_MS } from "../world/perform.ts";
import type { DaemonSettings, Happening, Scenario, SinkSettings } from "../world/settings.ts";
import { withMisreads } from "./misreads.ts";
import { withOperators } from "./operations.ts";
import { withRecordSinks } from "./record-sinks.ts";
import { withRepairsBeside } from "./repairs-beside.ts";
import { withRewrapAndRepair } from "./rewrap-and-repair.ts";

/** Ports that a crash waits for; the empty one is any. */
const PORTS = [
  ...["", "", "", "create data", "create manifests", "describe data", "head", "get", "list"],
  ...["OffsetCommit", "OffsetFetch", "Fetch", "JoinGroup", "SyncGroup", "names", "greatest"],
  ...["about", "folders", "holds", "sleep", "ListOffsets", "metadata"],
];
const NAMES = ["files", "ceph", "lake"];

/** A run from its seed alone. What came later to scenarios has dice of its own: the others stay as they were. */
export function scenarioOf(seed: number): Scenario {
  const plain = plainScenario(seed);
  const mixed = withRecordSinks(plain, new Dice(seed).fork("record sinks"));
  const operated = withOperators(mixed, new Dice(seed).fork("operators"));
  const both = withRewrapAndRepair(operated, new Dice(seed).fork("rewrap and repair"));
  const repaired = withRepairsBeside(both, new Dice(seed).fork("repairs beside"));
  return withMisreads(repaired, new Dice(seed).fork("misreads"));
}

function plainScenario(seed: number): Scenario {
  const dice = new Dice(seed).fork("scenario");
  const sinks = sinksOf(dice);
  const daemons = dice.pick([1, 1, 2, 2, 2, 3]);
  const partitions = dice.pick([1, 1, 1, 2, 2]);
  const busyMs = dice.int(12, 35) * 1_000;
  const shape = { seed, daemons, partitions, sinks, busyMs };
  // Some runs idle for so long that the daemons look after what they archived.
  const idles = dice.chance(0.03);
  const secondGroup = daemons > 1 && dice.chance(0.08);
  const settings = settingsOf(dice);
  const { encrypted } = settings;
  const wrong = faults(dice, { ...shape, secondGroup, encrypted });
  const happenings = [...production(dice, shape), ...without(wrong, sinks)];
  return {
    ...shape,
    secondGroup,
    quietAt: idles ? 640_000 : busyMs + afterwards(wrong),
    staticIds: dice.chance(0.4),
    settings,
    retentionMs: null,
    batchBytes: dice.int(200, 1_500),
    ageMs: dice.int(300, 2_500),
    memoryMiB: dice.pick([2, 4, 8]),
    happenings: [...happenings, ...(idles ? [{ ...LATER, at: 635_000 }] : [])].sort(
      (a, b) => a.at - b.at,
    ),
  };
}

function settingsOf(dice: Dice): DaemonSettings {
  return {
    format: dice.chance(0.7) ? "segment" : "ndjson",
    codec: dice.pick(["none", "none", "none", "gzip", "zstd"]),
    level: dice.int(1, 3),
    encrypted: dice.chance(0.04),
  };
}

function sinksOf(dice: Dice): SinkSettings[] {
  return NAMES.slice(0, dice.pick([1, 2, 2, 2, 3])).map((name, i) => ({
    name,
    form: "files",
    about: dice.chance(0.5) ? "side" : "metadata",
    createOnly: i > 0 && dice.chance(0.15) ? "head-then-put" : "atomic",
    startingWith: dice.chance(0.5),
    greatest: dice.chance(0.5),
    hashes: dice.chance(0.4),
    removes: "seen",
    concurrency: dice.pick([1, 2, 4, 8]),
    bytesPerSecond: dice.chance(0.1) ? dice.int(1_000, 20_000) : null,
    detachMs: i > 0 && dice.chance(0.4) ? dice.int(2, 8) * 1_000 : null,
  }));
}

const LATER: Happening = { at: 0, do: "produce", p: 0, n: 3, gzip: false };

interface Troubled extends Shape {
  readonly secondGroup: boolean;
  /** A daemon without the seed cannot judge what was sealed with it. */
  readonly encrypted: boolean;
}

interface Shape extends Pick<Scenario, "daemons" | "partitions" | "sinks"> {
  /** How long records are produced and things go wrong. */
  readonly busyMs: number;
}

function production(dice: Dice, s: Shape): Happening[] {
  const made: Happening[] = [];
  const transactions = dice.chance(0.4);
  for (let i = dice.int(6, 22); i > 0; i -= 1) {
    const at = dice.chance(0.3) ? dice.int(0, 500) : dice.int(0, s.busyMs);
    const p = dice.int(0, s.partitions - 1);
    const n = dice.int(1, 5);
    if (transactions && dice.chance(0.5)) {
      const producer = dice.int(1, 3);
      made.push({ at, do: "transaction", p, n, producer });
      if (dice.chance(0.8)) {
        const aborted = dice.chance(0.4);
        made.push({ at: at + dice.int(1, 4_000), do: "finish", producer, aborted });
      }
    } else made.push({ at, do: "produce", p, n, gzip: dice.chance(0.3) });
  }
  return made;
}

function faults(dice: Dice, s: Troubled): Happening[] {
  const made: Happening[] = [];
  const used = { once: 0 };
  for (let i = dice.pick([0, 1, 2, 3, 3, 4, 5, 7, 9]); i > 0; i -= 1) {
    made.push(fault(dice, s, used));
  }
  for (let i = dice.pick([0, 1, 1, 2, 3]); i > 0; i -= 1) made.push(crash(dice, s));
  return made;
}

function crash(dice: Dice, s: Shape): Happening {
  return {
    at: dice.int(0, s.busyMs),
    do: "crash",
    daemon: dice.int(0, s.daemons - 1),
    port: dice.pick(PORTS),
    nth: dice.chance(0.6) ? dice.int(1, 6) : dice.int(1, 60),
    side: dice.chance(0.5) ? "before" : "after",
  };
}

function fault(dice: Dice, s: Troubled, used: { once: number }): Happening {
  const at = dice.int(0, s.busyMs);
  const daemon = dice.int(0, s.daemons - 1);
  const sink = dice.int(0, s.sinks.length - 1);
  const p = dice.int(0, s.partitions - 1);
  const ms = dice.int(200, dice.chance(0.5) ? 3_000 : 15_000);
  const which = dice.int(0, 99);
  if (which < 12) return { at, do: "freeze", daemon, ms };
  if (which < 18) return { at, do: "stop", daemon, ms };
  if (which < 45) {
    const targets = ["kafka", "coordinator", "*", ...s.sinks.map((x) => x.name)];
    const what = dice.pick(["cut", "lost-requests", "lost-answers", "late", "slow"] as const);
    const whose = dice.chance(0.3) ? null : daemon;
    return { at, do: "weather", daemon: whose, target: dice.pick(targets), ms, what };
  }
  if (which < 53) {
    const long = dice.chance(0.5);
    return { at: long ? dice.pick([0, at]) : at, do: "outage", sink, ms: long ? ms + 9_000 : ms };
  }
  if (which < 59) {
    const what = dice.pick(["refuses-user", "forgets", "throttled", "garbles"] as const);
    return { at, do: "trouble", sink, ms, what };
  }
  if (which < 66) return { at, do: "move-coordinator", loadMs: dice.int(0, 3_000) };
  if (which < 70) return { at, do: "elect", p };
  if (which < 75) return { at, do: "retain", p };
  if (which < 80) return { at, do: "compact", p, share: dice.unit() };
  if (which < 83) return { at, do: "upgrade", to: { ...settingsOf(dice), encrypted: s.encrypted } };
  if (which < 86) return { at, do: "clock", daemon, ms: dice.int(-86_400_000, 86_400_000) };
  // What follows is a catastrophe each; two of them at once may lose what both had.
  used.once += 1;
  if (used.once > 1) return { at, do: "stop", daemon, ms };
  if (which < 88) return { at, do: "more-partitions" };
  if (which < 91 && s.sinks.length > 1) return restored(dice, s, at);
  if (which < 94 && !s.secondGroup)
    return { at, do: "commits", p, what: dice.pick(["wipe", "foreign", "rewind", "lose"]) };
  if (which < 97) return { at, do: "truncate", p, back: dice.int(0, 12) };
  if (which < 98) return { at, do: "recreate-topic" };
  return s.sinks.length > 1 ? restored(dice, s, at) : { at, do: "elect", p };
}

/** An operator acts some time after a topic was made again. */
const afterwards = (wrong: readonly Happening[]): number =>
  wrong.some((h) => h.do === "recreate-topic") ? 2 * RECREATED_MS : 0;

/** Not the primary where a group that has committed nothing yet would begin anew beside a sink that is away. */
const restored = (dice: Dice, { sinks, secondGroup }: Troubled, at: number): Happening => ({
  ...{ at, do: "restore", back: dice.unit() },
  sink: dice.int(secondGroup && mayBeAway(sinks) ? 1 : 0, sinks.length - 1),
});

const mayBeAway = (sinks: readonly SinkSettings[]): boolean =>
  sinks.some((s) => s.detachMs !== null);

/** A batch that a restored primary and a sink that is away had, and no commit yet, is to be made as it was. */
const without = (wrong: readonly Happening[], sinks: readonly SinkSettings[]): Happening[] =>
  wrong.filter((h) => h.do !== "compact" || !mayBeAway(sinks) || !losesPrimary(wrong));

export const losesPrimary = (happenings: readonly Happening[]): boolean =>
  happenings.some((h) => h.do === "restore" && h.sink === 0);
