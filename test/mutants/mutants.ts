/** One line of the product, deliberately wrong. */
export interface Mutant {
  readonly name: string;
  readonly file: string;
  /** Has to stand in the file exactly once; text that is no longer found is an error. */
  readonly find: string;
  readonly put: string;
  /**
   * What has to notice: the simulation, which plays this seed first and then those after it; a case of it by
   * its name; or a test.
   */
  readonly by: { readonly seed: number } | { readonly case: string } | { readonly test: string };
}

const WANTED = "src/pipeline/wanted.ts";
const APPLY = "src/pipeline/apply.ts";
const WALK = "src/pipeline/walk.ts";
const BLOB = "sinks/blob/blob-sink.ts";

export const MUTANTS: readonly Mutant[] = [
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
    name: "existing is success in every sink",
    file: "src/pipeline/deliver-batch.ts",
    find: 'if (published.outcome !== "different") {',
    put: "if (published.outcome) {",
    by: { seed: 120 },
  },
  {
    name: "a commit carries no plans",
    file: "src/pipeline/task.ts",
    find: "const metadata = encodePlans({ plans, chain,",
    put: "const metadata = encodePlans({ plans: [], chain,",
    by: { seed: 21 },
  },
  {
    name: "a commit does not say who is behind",
    file: "src/pipeline/away.ts",
    find: "return offset === null || sink === undefined ? []",
    put: "return offset !== null || sink === undefined ? []",
    by: { seed: 1 },
  },
  {
    name: "a sink is attached before it is filled",
    file: "src/pipeline/catch-up.ts",
    find: 'if (state.phase === "running" && (at ?? due) === due) {',
    put: 'if (state.phase === "running") {',
    by: { case: "a sink that was filled is marked as behind" },
  },
  {
    name: "every batch begins a chain",
    file: "src/pipeline/links.ts",
    find: "if (found === undefined) return genesisLink(archiveId, scope);",
    put: "if (found !== null) return genesisLink(archiveId, scope);",
    by: { seed: 22 },
  },
  {
    name: "bytes that were read are taken as they are",
    file: "src/pipeline/take.ts",
    find: "return at === bytes.length && blake3Hex(bytes) === description.seal.digest ? bytes : null;",
    put: "return at === bytes.length ? bytes : null;",
    by: { test: "test/pipeline/take.test.ts" },
  },
  {
    name: "a commit that was refused counts",
    file: "src/kafka/offset-commits.ts",
    find: "if (error === null) w.resolve();",
    put: "if (error !== undefined) w.resolve();",
    by: { case: "a sink is filled while a commit is unanswered" },
  },
  {
    name: "a commit carries no lease",
    file: "src/kafka/requests/offsets.ts",
    find: ".int32(o.generation)\n      .string(o.memberId)",
    put: '.int32(-1)\n      .string("")',
    by: { case: "retention takes markers" },
  },
  {
    name: "a place is lost when nobody waits for it",
    file: "src/core/places.ts",
    find: "if (next === undefined) this.#free += 1;",
    put: "if (next === undefined) this.#free += 0;",
    by: { case: "retention takes markers" },
  },
  {
    name: "an error of the store is not repeated",
    file: "src/deliver/retry.ts",
    find: "return isTransient(error) && (tries === undefined || this.#failures < tries);",
    put: "return false;",
    by: { seed: 1 },
  },
  {
    name: "a read that is continued begins anew",
    file: "src/deliver/around.ts",
    find: "      at += piece.length;\n",
    put: "",
    by: { test: "test/deliver/retry.test.ts" },
  },
  {
    name: "a name that exists is not compared",
    file: BLOB,
    find: 'return (await this.#compare(batch, stored, signal)) ?? { outcome: "equal" };',
    put: 'return { outcome: "equal" };',
    by: { seed: 1 },
  },
  {
    name: "data without a manifest is not seen",
    file: "sinks/blob/look.ts",
    find: "if (described !== undefined) return lookByAbout(store, data, described, evidence, signal);",
    put: 'if (described !== undefined) return { is: "absent" };',
    by: { case: "a batch comes late under the name" },
  },
  {
    name: "records of aborted transactions are archived",
    file: "src/batch/feed.ts",
    find: 'if (verdict === "keep") batch.keep(header, bytes, now);',
    put: 'if (verdict !== "control") batch.keep(header, bytes, now);',
    by: { case: "retention takes markers" },
  },
  {
    name: "a batch is made though it is there under another name",
    file: BLOB,
    find: "    if (found !== undefined) {\n      const answer",
    put: "    if (found === null) {\n      const answer",
    by: { case: "a batch comes late under the name" },
  },
  {
    name: "a renewal goes on without reading",
    file: APPLY,
    find: "  return restart(kept);\n}",
    put: "  return kept;\n}",
    by: { test: "test/model/table-running.test.ts" },
  },
  {
    name: "the wall clock says how long a sink is away",
    file: "src/deliver/health.ts",
    find: "this.#clock.now() - this.#failingSinceMs",
    put: "this.#clock.wall() - this.#sinceMs",
    by: { case: "the clock on the wall is stepped" },
  },
  {
    name: "the mark of a sink that was filled stays",
    file: APPLY,
    find: "return { ...t, behind, outdated: true };",
    put: "return { ...t, behind };",
    by: { case: "a sink that was filled is marked as behind" },
  },
  {
    name: "an offset that was set back stays so",
    file: "src/pipeline/recheck.ts",
    find: 'return (await isSetBack(ports, state, signal)) ? "set-back" : null;',
    put: "return null;",
    by: { case: "a commit arrives long after" },
  },
  {
    name: "a sink counts in a branch without the one before",
    file: "src/pipeline/ask-head.ts",
    find: "} else if (sink > 0) await fillLowerBranches(",
    put: "} else if (sink < 0) await fillLowerBranches(",
    by: { case: "an owner comes along a branch that ended" },
  },
  {
    name: "a sink that was gone on without is filled in the newest branch only",
    file: "src/pipeline/catch-up.ts",
    find: "if (!lowerFilled) await",
    put: "if (lowerFilled) await",
    by: { case: "while a sink is gone on without" },
  },
  {
    name: "markers behind the archive's end hold up the sinks",
    file: WALK,
    find: "if (t.position >= t.limit || t.position === t.archivedTo)",
    put: "if (t.position >= t.limit)",
    by: { case: "nothing but markers to wait for" },
  },
  {
    name: "what was committed for a topic that is no more counts for the next",
    file: "src/pipeline/task.ts",
    find: "if (await isOfAnotherTopic(this.#ports, this.#chain, signal)) {",
    put: "if (this.#links === null) {",
    by: { case: "a topic is made again while a batch" },
  },
  {
    name: "a log that was cut short is read to judge what was archived before",
    file: "src/daemon/judge.ts",
    find: "  await refuseCutShort(o, d, signal);\n",
    put: "",
    by: { case: "an owner comes along a branch that ended" },
  },
  {
    name: "no offset means a new partition, whatever became of its topic",
    file: "src/pipeline/locate.ts",
    find: "if (stored.offset === null && !(await ports.log.isStill(signal))) {",
    put: "if (stored.offset === undefined) {",
    by: { case: "a partition begins anew while its topic" },
  },
  {
    name: "a stopped partition sends its commit again",
    file: "src/pipeline/task.ts",
    find: 'const over = signal.aborted || this.#task.phase === "stopped";',
    put: "const over = signal.aborted;",
    by: { case: "a commit that the coordinator refused" },
  },
];
