import type { Mutant } from "./mutant.ts";

const WANTED = "src/pipeline/wanted.ts";
const APPLY = "src/pipeline/apply.ts";
const WALK = "src/pipeline/walk.ts";

/** What a partition may do in a state, and what becomes of it. */
export const STATE_TABLE: readonly Mutant[] = [
  {
    name: "written before it is planned",
    file: WANTED,
    find: "if (!slot.ready || !(slot.planned || slot.mend)) return;",
    put: "if (!slot.ready) return;",
    by: { seed: 4 },
  },
  {
    name: "committed when the primary has it",
    file: WANTED,
    find: "if (slot === undefined || slot.mend || !slot.planned || !isConfirmed(t, slot)) break;",
    put: 'if (slot === undefined || slot.mend || slot.steps[0] !== "whole") break;',
    by: { seed: 1 },
  },
  {
    name: "no order within a sink",
    file: WANTED,
    find: 'if (before !== undefined && before.steps[sink] !== "whole") return;',
    put: "",
    by: { seed: 22 },
  },
  {
    name: "the others do not wait for the primary's data",
    file: WANTED,
    find: 'if (sink === 0 || primary !== "none") effects.push(',
    put: "effects.push(",
    by: { seed: 21 },
  },
  {
    name: "the others do not wait for the primary's manifest",
    file: WANTED,
    find: '} else if (sink === 0 || primary === "whole") {',
    put: "} else {",
    by: { seed: 33 },
  },
  {
    name: "the end offset is one too great",
    file: WANTED,
    find: "{ offset: planOf(last).end, plans: plansFrom(t, confirmed) }",
    put: "{ offset: planOf(last).end + 1n, plans: plansFrom(t, confirmed) }",
    by: { seed: 21 },
  },
  {
    name: "a plan's commit goes back over markers",
    file: WANTED,
    find: "value: { offset: start > committed ? start : committed, plans },",
    put: "value: { offset: start, plans },",
    by: { seed: 35 },
  },
  {
    name: "a tail is committed over an empty archive",
    file: WANTED,
    find: "t.archived && tail?.from === t.position &&",
    put: "tail?.from === t.position &&",
    by: { test: "test/model/table-running.test.ts" },
  },
  {
    name: "the primary's other batch counts as the own one",
    file: APPLY,
    find: "return adopt(t, e.slot, e.end, e.mark);",
    put: 'return step(t, e.slot, e.sink, "data");',
    by: { seed: 120 },
  },
  {
    name: "the primary may be detached",
    file: APPLY,
    find: "if (sink === 0 || !isAttached(t, sink)) return t;",
    put: "if (!isAttached(t, sink)) return t;",
    by: { test: "test/model/table-away.test.ts" },
  },
  {
    name: "a mark says more than the sink has",
    file: APPLY,
    find: "(lacking?.start ?? t.position);",
    put: "(t.slots.at(-1)?.start ?? t.position) + 1n;",
    by: { seed: 13 },
  },
  {
    name: "a batch built otherwise counts as planned",
    file: APPLY,
    find: "planned: asPlanned && slot.planned,",
    put: "planned: slot.planned,",
    by: { seed: 89 },
  },
  {
    name: "the heads of the sinks do not count",
    file: WALK,
    find: "const start = c !== null && c < lowest ? c : lowest;",
    put: "const start = c ?? lowest;",
    by: { seed: 28 },
  },
  {
    name: "data counts as a whole batch",
    file: WALK,
    find: 'l !== "nothing" && l.step === "whole" && l.link === look.link && l.start === look.start;',
    put: 'l !== "nothing" && l.start === look.start;',
    by: { seed: 20 },
  },
  {
    name: "only the primary is looked at",
    file: WALK,
    find: 'const source = t.looks.findIndex((l, sink) => isAttached(t, sink) && l !== "nothing");',
    put: 'const source = t.looks[0] === "nothing" ? -1 : 0;',
    by: { seed: 16 },
  },
  {
    name: "a renewal goes on without reading",
    file: APPLY,
    find: "  return restart(kept);\n}",
    put: "  return kept;\n}",
    by: { test: "test/model/table-running.test.ts" },
  },
  {
    name: "the mark of a sink that was filled stays",
    file: APPLY,
    find: "return { ...t, behind, outdated: true };",
    put: "return { ...t, behind };",
    by: { case: "a sink that was filled is marked as behind" },
  },
  {
    name: "markers behind the archive's end hold up the sinks",
    file: WALK,
    find: "if (t.position >= t.limit || t.position === t.archivedTo)",
    put: "if (t.position >= t.limit)",
    by: { case: "nothing but markers to wait for" },
  },
];
