import type { Mutant } from "./mutant.ts";

const DAMAGED = { case: "files that are damaged in the primary" };
const SCOPE = "src/operate/repair/reconcile-scope.ts";
const MEND = "sinks/blob/mend.ts";
const PLACING = "src/operate/repair/placing.ts";

/** What `reconcile` and `replay --repair` do. */
export const REPAIRS: readonly Mutant[] = [
  {
    name: "reconcile compares sizes and no bytes",
    file: SCOPE,
    find: 'const state = await target.sink.stat(manifest, quick ? "cheap" : "bytes", signal);',
    put: 'const state = await target.sink.stat(manifest, "cheap", signal);',
    by: DAMAGED,
  },
  {
    name: "what is damaged is set aside while its partition is archived",
    file: SCOPE,
    find: "at = await repair.paused(scope, (held, signal) => run.from(stopped, held, signal));",
    put: "at = await run.from(stopped, { check: () => undefined }, repair.signal);",
    by: DAMAGED,
  },
  {
    name: "a repair goes on when its pause is over",
    file: "src/operate/repair/operator.ts",
    find: "return await work({ check }, during);",
    put: "return await work({ check: () => undefined }, signal);",
    by: { case: "a pause ends under a repair that is frozen" },
  },
  {
    name: "a misread is taken for damage",
    file: "src/operate/repair/certain.ts",
    find: "if (seen === last) return value;",
    put: "return value;",
    by: { case: "a good file is misread again and again" },
  },
  {
    name: "what is damaged gives way and is not kept",
    file: MEND,
    find: "await keep(m, `${asidePath(right.path, wrong.tag)}.kept`, wrong.bytes);",
    put: "",
    by: { case: "files that are damaged give way" },
  },
  {
    name: "what is damaged gives way when the pause is over",
    file: MEND,
    find: "  sure();\n  if (store.replace",
    put: "  if (store.replace",
    by: { test: "test/sinks/fs-conformance.test.ts" },
  },
  {
    name: "a misread is taken for what gives way",
    file: MEND,
    find: "if (await readsAs(store, path, bytes, signal)) return",
    put: "return",
    by: { case: "a good file is misread where files give way" },
  },
  {
    name: "data is set aside before its manifest",
    file: "sinks/blob/set-aside.ts",
    find: "for (const file of [...manifest, ...data]) {\n    if (store.move === undefined)",
    put: "for (const file of [...data, ...manifest]) {\n    if (store.move === undefined)",
    by: DAMAGED,
  },
  {
    name: "a manifest is copied before its data",
    file: PLACING,
    find: "const data = await named.sink.publish(batch, signal);",
    put: "await named.sink.describe(whole.manifest, signal);\n  const data = await named.sink.publish(batch, signal);",
    by: { case: "what a sink lost is copied back" },
  },
  {
    name: "what no sink has comes into another one before the primary",
    file: "src/operate/repair/replay-scope.ts",
    find: "const [first, ...others] = targets;",
    put: "const [first, ...others] = targets.toReversed();",
    by: { case: "what no sink has any more" },
  },
  {
    name: "what is lacking of a topic that is no more is left to the daemon",
    file: SCOPE,
    find: 'settled === "not-live" ? null : settled, tally);',
    put: 'settled === "not-live" ? 0n : settled, tally);',
    by: { case: "a topic is made again while a sink is away" },
  },
  {
    name: "a tail of markers that Kafka no longer has is a hole",
    file: "src/operate/repair/replay-steps.ts",
    find: "const isTail = next === null && this",
    put: "const isTail = next !== null && this",
    by: { case: "a tail of markers that Kafka" },
  },
];
