import { begin, type Task } from "../../src/pipeline/state.ts";
import { mutation, type Mutation } from "./mutation.ts";
import { type Setting, TABLE } from "./world.ts";

const AWAY: Partial<Setting> = { faults: { detach: 1, crash: 1 } };
const STEPS: Partial<Setting> = {
  ...{ offsets: 3, depth: 2, cuts: true },
  ...{ commits: "steps", faults: { detach: 1 } },
};

const without = (t: Task, sink: number, from: bigint | null): Task => ({
  ...t,
  behind: t.behind.map((b, i) => (i === sink ? from : b)),
});

/** Rule 12 broken. */
export const AWAY_MUTATIONS: readonly Mutation[] = [
  mutation(
    "Γ",
    "rule 12",
    "the primary is detached",
    "NoLoss",
    { ...AWAY, sinks: 1 },
    {
      apply: (t, e) =>
        e.of === "detach" && t.behind[e.sink] === null
          ? without(t, e.sink, t.position)
          : TABLE.apply(t, e),
    },
  ),
  mutation("Δ", "rule 12", "a commit does not say who is behind", "NoLoss", AWAY, {
    world: { noMarks: true },
  }),
  mutation("Θ", "rule 12", "the mark is cleared before the sink is filled", "NoLoss", AWAY, {
    apply: (t, e) => {
      const next = TABLE.apply(t, e);
      const filling = e.of === "commit" && t.phase === "running" && next.phase === "running";
      return filling ? { ...next, behind: begin(t.sinkCount, t.depth).behind } : next;
    },
  }),
  mutation("Λ", "rule 12", "attached while a commit is unanswered", "NoLoss", STEPS, {
    apply: (t, e) =>
      e.of === "attach" && t.phase === "running" && e.head === (t.slots[0]?.start ?? t.position)
        ? TABLE.apply(without(t, e.sink, null), { of: "read-committed", ...STALE })
        : TABLE.apply(t, e),
  }),
  mutation("Ξ", "rule 12", "the sink is filled from the newest batch on", "Gap", AWAY, {
    world: { fillNewest: true },
  }),
  mutation(
    "Σ",
    "rule 12",
    "what the primary lost is made again without asking who is away",
    "SameBatches",
    {
      ...{ offsets: 3, chains: true, alarms: ["archive-emptied"] },
      faults: { detach: 1, restore: 1 },
    },
    {
      apply: (t, e) => TABLE.apply(t, e.of === "recalled" ? { ...e, sinks: [] } : e),
    },
  ),
  mutation("Π", "rule 12", "the mark says more than the sink has", "NoLoss", AWAY, {
    apply: (t, e) => {
      const next = TABLE.apply(t, e);
      const detached = e.of === "detach" && t.behind[e.sink] === null;
      return detached && next.behind[e.sink] !== null ? without(next, e.sink, 99n) : next;
    },
  }),
];

/** Of a round that is over: changes nothing, but lets the table go on from the state it got. */
const STALE = { round: -1, committed: { offset: null, plans: [] } };
