import type { ScopeFilter } from "../choose-scopes.ts";
import { foreignOpener } from "../verify/foreign-opener.ts";
import { EVERY_FILE } from "../verify/sampling.ts";
import { readPublicKeys, readSeeds } from "../verify/inputs.ts";
import { runVerify } from "../verify/run-verify.ts";
import type { RepairContext } from "./context.ts";
import type { ReconcileReport } from "./report.ts";
import type { Named } from "./verified.ts";

const MAX_SHOWN = 100;
const nothing = (): void => undefined;

/** What the auditor, which shares no code with the writer, says of these sinks now. */
export async function proofOf(
  repair: RepairContext,
  sinks: readonly Named[],
  filter: ScopeFilter,
): Promise<NonNullable<ReconcileReport["proof"]>> {
  const { clock, signal, command, expired } = repair;
  const { pipelines } = repair.config;
  const report = await runVerify(
    {
      ...{ tool: command, sinks, filter, across: true, heads: undefined, topics: undefined },
      seeds: await readSeeds(pipelines),
      publicKeys: await readPublicKeys([], pipelines),
      requireSignatures: false,
      open: foreignOpener([]),
      quick: false,
      deep: false,
      sampling: EVERY_FILE,
      expiry: expired,
      clock,
      wall: () => clock.wall(),
      progress: { total: nothing, done: nothing, compared: nothing },
    },
    signal,
  );
  const own = report.sinks.flatMap(({ name, partitions, problems = [] }) => [
    ...problems.map((p) => `${name}: ${p.code}: ${p.text}`),
    ...partitions.flatMap((p) => p.problems.map((q) => `${name}: ${q.code}: ${q.text}`)),
  ]);
  const between = report.across?.problems.map((p) => `${p.code}: ${p.text}`) ?? [];
  const problems = [...own, ...between].slice(0, MAX_SHOWN);
  return { ok: report.ok, batches: report.across?.batches ?? 0, problems };
}
