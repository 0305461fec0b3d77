import type { Setting } from "./world.ts";

const BASE: Omit<Setting, "letter" | "title"> = {
  offsets: 2,
  sinks: 2,
  depth: 1,
  control: [],
  produced: 2,
  groups: 1,
  knows: null,
  committed: 0,
  faults: { rebalance: 2, crash: 1 },
  commits: "atomic",
  slowReads: false,
  cuts: false,
  salts: 1,
  upgraded: "content",
  weak: false,
  idleRestore: false,
  heads: "newest",
  restored: "any",
  retains: "anything",
  chains: false,
  alarms: [],
  weight: 1,
};

export const variant = (letter: string, title: string, change: Partial<Setting>): Setting => ({
  ...BASE,
  ...change,
  ...(change.offsets !== undefined && change.produced === undefined
    ? { produced: change.offsets }
    : {}),
  letter,
  title,
});

const TWO = { offsets: 3, depth: 2, cuts: true };
const ROLLING = [
  [0, 1],
  [0, 1, 2],
];

/** Every fault alone, then pairs of faults that have something to do with each other. */
export const VARIANTS: readonly Setting[] = [
  variant("a", "crash, zombie, renewal", { weight: 2 }),
  variant("b", "plan wiped", { faults: { rebalance: 1, crash: 1, wipe: 1 }, weight: 4 }),
  variant("c", "foreign plan", { faults: { rebalance: 1, crash: 1, foreign: 1 }, weight: 6 }),
  variant("d", "rewind", { faults: { rebalance: 1, crash: 1, rewind: 1 }, weight: 4 }),
  variant("e", "committed offset lost", { committed: null, faults: { rebalance: 1, lose: 1 } }),
  variant("f", "commits in steps, answers lost", { commits: "steps", faults: { rebalance: 2 } }),
  variant("g", "commits accepted, visible late", { commits: "late", faults: { rebalance: 2 } }),
  variant("h", "upgrade, other content of the same records", {
    faults: { rebalance: 1, crash: 1, upgrade: 1 },
  }),
  variant("i", "upgrade, other bytes of the same content", {
    upgraded: "bytes",
    faults: { rebalance: 1, crash: 1, upgrade: 1 },
  }),
  variant("j", "records vanish", { faults: { rebalance: 1, crash: 1, vanish: 1 } }),
  variant("k", "two in flight, plan wiped", {
    ...TWO,
    faults: { rebalance: 1, wipe: 1 },
    weight: 40,
  }),
  variant("l", "two in flight, upgrade", {
    ...TWO,
    offsets: 2,
    faults: { rebalance: 1, crash: 1, upgrade: 1 },
    weight: 20,
  }),
  variant("m", "sink restored", { faults: { rebalance: 1, restore: 1 } }),
  variant("n", "sink restored, two in flight", { ...TWO, faults: { crash: 1, restore: 1 } }),
  variant("o", "sink restored while the daemon idles, noticed before the next batch", {
    offsets: 4,
    control: [1, 2],
    produced: 0,
    commits: "steps",
    idleRestore: true,
    faults: { restore: 1, crash: 1, rebalance: 1 },
  }),
  variant("p", "two groups, one primary", { groups: 2, faults: { crash: 1 } }),
  variant("q", "a sink that only one worker knows", {
    offsets: 3,
    sinks: 3,
    knows: ROLLING,
    faults: { rebalance: 1 },
  }),
  variant("r", "primary ignores create-only", { weak: true, faults: { rebalance: 2 } }),
  variant("s", "markers at the end, rewind", {
    control: [1],
    produced: 0,
    faults: { rebalance: 1, crash: 1, rewind: 1 },
    weight: 2,
  }),
  variant("t", "markers between records, plan wiped", {
    offsets: 3,
    control: [1],
    produced: 0,
    faults: { rebalance: 1, wipe: 1 },
    weight: 2,
  }),
  variant("u", "retention takes what is not archived", {
    faults: { rebalance: 1, crash: 1, retention: 1 },
    alarms: ["offset-out-of-range"],
    weight: 2,
  }),
  variant("v", "drain, two in flight", {
    ...TWO,
    faults: { drain: 1, rebalance: 1 },
    weight: 4,
  }),
  variant("w", "salts: two cuts of one range differ", {
    salts: 2,
    faults: { rebalance: 1, crash: 1 },
  }),
  variant("x", "a put arrives late", {
    faults: { rebalance: 1, crash: 1, "late-request": 1 },
    weight: 3,
  }),
  variant("y", "reads answered late", { slowReads: true, faults: { rebalance: 2 } }),
  variant("z", "three sinks, plan wiped, upgrade", { sinks: 3, faults: { wipe: 1, upgrade: 1 } }),
  variant("0", "retention takes what the primary has", {
    retains: "archived",
    faults: { rebalance: 1, crash: 1, retention: 1 },
  }),
  variant("1", "sink restored, records vanish", {
    offsets: 3,
    faults: { restore: 1, vanish: 1, crash: 1 },
  }),
  variant("2", "sink restored, rewind", { offsets: 3, faults: { restore: 1, rewind: 1 } }),
  variant("3", "two groups, plan wiped, upgrade", {
    groups: 2,
    faults: { wipe: 1, upgrade: 1 },
    weight: 3,
  }),
  variant("4", "two in flight, commits in steps, plan wiped", {
    ...TWO,
    offsets: 2,
    commits: "steps",
    faults: { rebalance: 1, wipe: 1 },
    weight: 10,
  }),
  variant("5", "two in flight, markers between records", {
    ...TWO,
    control: [1],
    produced: 0,
    faults: { rebalance: 1, crash: 1 },
    weight: 4,
  }),
  variant("6", "drain, sink restored", { offsets: 3, faults: { drain: 1, restore: 1, crash: 1 } }),
  variant("7", "a put arrives late, rewind", {
    faults: { "late-request": 1, rewind: 1, rebalance: 1 },
    weight: 3,
  }),
  variant("8", "three rebalances", { faults: { rebalance: 3 } }),
  variant("9", "forward", { offsets: 3, faults: { forward: 1, rebalance: 1 }, weight: 3 }),
  variant("α", "a sink goes away", { faults: { detach: 1, crash: 1, rebalance: 1 }, weight: 20 }),
  variant("β", "two of three sinks go away, one after the other", {
    sinks: 3,
    faults: { detach: 2, crash: 1 },
    weight: 3,
  }),
  variant("γ", "a sink goes away, plan and mark wiped", {
    faults: { detach: 1, wipe: 1, crash: 1 },
  }),
  variant("δ", "a sink goes away, commits in steps, answers lost", {
    commits: "steps",
    faults: { detach: 1, rebalance: 1 },
  }),
  variant("ε", "a sink goes away, two in flight", { ...TWO, faults: { detach: 1, crash: 1 } }),
  variant("ζ", "a sink goes away, and it or the primary is restored", {
    offsets: 3,
    chains: true,
    faults: { detach: 1, restore: 1 },
    alarms: ["archive-emptied"],
  }),
  variant("κ", "two of three sinks go away, and one is restored", {
    sinks: 3,
    chains: true,
    faults: { detach: 2, restore: 1 },
    alarms: ["archive-emptied"],
  }),
  variant("η", "a sink goes away, a put arrives late", {
    faults: { detach: 1, "late-request": 1, crash: 1 },
    weight: 3,
  }),
  variant("θ", "a sink goes away, rewind", { faults: { detach: 1, rewind: 1, crash: 1 } }),
  variant("ι", "a sink goes away, markers between records, drain", {
    offsets: 3,
    control: [1],
    produced: 0,
    faults: { detach: 1, drain: 1 },
  }),
];
