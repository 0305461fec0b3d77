import type { Config, PipelineConfig } from "../config/config.ts";
import { ArchiverError } from "../core/errors.ts";
import type { Scope } from "../core/scope.ts";
import { manifestMacKey } from "../seal/keys.ts";
import { type Arguments, SCOPE_OPTIONS } from "./arguments.ts";
import { scopeFilter, scopeWords } from "./choose-scopes.ts";
import type { Command, WorkPorts } from "./command.ts";
import { EXIT } from "./exit-code.ts";
import { chooseSinks, type CommandSink } from "./open-sinks.ts";
import { Progress } from "./progress.ts";
import { findOld, type OldBatches } from "./prune/find-old.ts";
import type { PrunedPipeline, PrunedSink, PruneReport } from "./prune/prune-report.ts";
import { guard, pruneScope } from "./prune/prune-sink.ts";
import { pruneSummary } from "./prune/summary.ts";
import { type RepairContext, withRepair } from "./repair/context.ts";
import { readPublicKeys, readSeeds, selects } from "./verify/inputs.ts";
import { type PrunedOptions, prunedEnd } from "./verify/pruned-record.ts";
import { byScope, inFilter } from "./verify/scope-filter.ts";

const DEFAULT_PERCENT = 10;
const END_OF_TIME = (1n << 63n) - 1n;

export const pruneCommand: Command = {
  name: "prune",
  summary: "remove data that is older than the retention; manifests stay",
  details:
    "Of pipelines with `retention`, on sinks of files: data whose newest record is older, that is " +
    "committed, that no sink lacks, and that is not the newest batch of its partition. Says " +
    "in the sink what goes before it goes, signed where signing is on. What object lock keeps stays. Safe " +
    "beside a running daemon; after an interruption run it again.",
  options: [
    { flags: "--sink <name>", text: "only this sink; default: all", repeat: true },
    ...SCOPE_OPTIONS,
    {
      flags: "--max-delete-percent <number>",
      text: `refuse when more of a sink's batches or bytes would go; default: ${DEFAULT_PERCENT}`,
      parse: percentOf,
    },
    { flags: "--dry-run", text: "say what would go, remove nothing" },
  ],
  examples: [
    "bulk-archiver prune --dry-run",
    "bulk-archiver prune --max-delete-percent 25",
    "bulk-archiver prune --sink files --topic logs --json",
  ],
  schema: "prune.schema.json",
  run: async (args, context) => {
    const config = await context.config();
    const pipelines = retaining(config, args.texts("sink"));
    const dryRun = args.flag("dryRun");
    const done: PrunedPipeline[] = [];
    for (const pipeline of pipelines) {
      const request = { command: "prune", config, pipeline, withKafka: true, dryRun };
      const prune = (repair: RepairContext): Promise<PrunedPipeline> =>
        prunePipeline(repair, args, context);
      done.push(await withRepair(request, context, prune));
    }
    const sinks = done.flatMap((p) => p.sinks);
    const partitions = sinks.flatMap((s) => s.partitions);
    const named = Object.values(scopeFilter(args)).some((value) => value !== undefined);
    if (named && partitions.length === 0 && sinks.some((s) => s.able)) {
      const text = `no batch of ${scopeWords(scopeFilter(args))} is in these sinks under a retention`;
      throw new ArchiverError("nothing-in-scope", text);
    }
    const ok = partitions.every((p) => p.damaged === 0);
    const report: PruneReport = { ok, tool: context.tool, dryRun, pipelines: done };
    await (context.out.json
      ? context.out.document(report)
      : context.out.text(pruneSummary(report)));
    return ok ? EXIT.done : EXIT.different;
  },
};

/** The pipelines with a retention that write to a sink of these. @throws ArchiverError usage */
function retaining(config: Config, names: readonly string[]): readonly PipelineConfig[] {
  const kept = config.pipelines.filter((p) => p.retentionMs !== null);
  if (kept.length === 0) {
    throw new ArchiverError("usage", "no pipeline has a `retention`: nothing is ever old enough");
  }
  if (names.length === 0) return kept;
  chooseSinks(config, names);
  const found = kept.filter((p) => p.sinks.some((s) => names.includes(s.name)));
  if (found.length > 0) return found;
  const text = `--sink ${names.join(", ")}: no pipeline with a \`retention\` writes there`;
  throw new ArchiverError("usage", text);
}

function percentOf(text: string): number {
  const value = /^\d{1,3}(\.\d+)?%?$/.test(text) ? Number.parseFloat(text) : Number.NaN;
  if (value >= 0 && value <= 100) return value;
  throw new ArchiverError("usage", `${JSON.stringify(text)} is no percentage from 0 to 100`);
}

/** What is old enough, in every sink that the options name. @throws ArchiverError usage */
export async function prunePipeline(
  repair: RepairContext,
  args: Arguments,
  { out, clock }: Omit<WorkPorts, "tool">,
): Promise<PrunedPipeline> {
  const { pipeline, seeds, signer, identity, signal } = repair;
  const retentionMs = pipeline.retentionMs ?? 0;
  const now = BigInt(Math.floor(clock.wall()));
  const before = now - BigInt(retentionMs);
  const by = {
    archiveId: identity.archiveId,
    seeds: await readSeeds([pipeline]),
    publicKeys: await readPublicKeys([], [pipeline]),
  };
  const names = args.texts("sink");
  const chosen = repair.sinks.filter(({ name }) => names.length === 0 || names.includes(name));
  const progress = new Progress({
    ...{ title: "prune", unit: "batches", stderr: out.stderr },
    now: () => clock.now(),
  });
  const dryRun = args.flag("dryRun");
  const macKey = seeds[0] === undefined ? null : manifestMacKey(seeds[0].secret);
  const keys = { signer, macKey };
  const sinks: PrunedSink[] = [];
  try {
    const looked = [];
    for (const named of chosen) {
      const found = await oldOf(repair, named, args, { before, now, by });
      const judged = { ...named, ...share(found), found };
      if (!dryRun)
        guard(named.name, judged.percent, args.number("maxDeletePercent") ?? DEFAULT_PERCENT);
      looked.push(judged);
    }
    for (const { name, sink, found, percent, keptBatches, keptBytes } of looked) {
      const able = sink.expire !== undefined;
      progress.expect(found.reduce((sum, { old }) => sum + old.length, 0));
      const o = { name, sink, identity, keys, retentionMs, dryRun: dryRun || !able, progress };
      const partitions = [];
      for (const one of found) partitions.push(await pruneScope(o, one, signal));
      sinks.push({ name, able, keptBatches, keptBytes, percent, partitions });
    }
  } finally {
    progress.stop();
  }
  return {
    name: pipeline.name,
    retentionMs,
    before: new Date(Number(before)).toISOString(),
    sinks,
  };
}

/**
 * Of each scope up to the committed offset; a topic that Kafka no longer has is settled for good. A topic
 * that another pipeline archives as well is kept for as long as the longer of the two says, and one that
 * no pipeline archives has no retention at all: so `verify` sees it too.
 */
async function oldOf(
  repair: RepairContext,
  { sink }: CommandSink,
  args: Arguments,
  how: {
    readonly before: bigint;
    readonly now: bigint;
    readonly by: Pick<PrunedOptions, "archiveId" | "seeds" | "publicKeys">;
  },
): Promise<readonly OldBatches[]> {
  const { kafka, signal, pipeline, config } = repair;
  const { before, now, by } = how;
  const longer = config.pipelines.filter(
    (p) => p.retentionMs === null || p.retentionMs > (pipeline.retentionMs ?? 0),
  );
  const due = ({ topic }: Scope): boolean =>
    selects(pipeline, topic) && !longer.some((p) => selects(p, topic));
  const filter = scopeFilter(args);
  const scopes: Scope[] = [];
  if (sink.expire !== undefined)
    for await (const scope of sink.scopes(signal)) {
      if (inFilter(scope, filter) && due(scope)) scopes.push(scope);
    }
  const found: OldBatches[] = [];
  for (const scope of scopes.sort(byScope)) {
    const settled = kafka?.settled(scope) ?? null;
    // A sink that was away is filled from what the primary has, so that stays until it is.
    const behind = kafka?.behind(scope) ?? null;
    const ended = behind === null ? END_OF_TIME : 0n;
    const all = settled === "not-live" ? ended : (settled ?? 0n);
    const every = await everywhere(repair, scope, settled !== "not-live");
    const upTo = [behind ?? END_OF_TIME, every].reduce((to, x) => (x < to ? x : to), all);
    const said = await prunedEnd({ sink, scope, ...by }, signal);
    found.push(await findOld({ sink, scope, upTo, before, now, said }, signal));
  }
  return found;
}

/**
 * Where the first of the sinks ends: one that was restored to an earlier state is filled from what the others have, and
 * no commit says that it lacks it. Of a topic that is archived now each is to have something.
 */
async function everywhere(
  { sinks, signal }: RepairContext,
  scope: Scope,
  live: boolean,
): Promise<bigint> {
  let least = END_OF_TIME;
  for (const { sink } of sinks) {
    const last = await sink.floor(scope, END_OF_TIME, signal);
    const end = last?.end ?? (live ? 0n : END_OF_TIME);
    if (end < least) least = end;
  }
  return least;
}

/** Of batches or of bytes, whichever is more. */
function share(
  found: readonly OldBatches[],
): Pick<PrunedSink, "keptBatches" | "keptBytes" | "percent"> {
  const sum = (of: (o: OldBatches) => number): number => found.reduce((n, o) => n + of(o), 0);
  const [keptBatches, keptBytes] = [sum((o) => o.keptBatches), sum((o) => o.keptBytes)];
  const batches = sum(({ old }) => old.length);
  const bytes = sum(({ old }) => old.reduce((n, m) => n + m.seal.size, 0));
  const part = (of: number, all: number): number => (all === 0 ? 0 : (100 * of) / all);
  return {
    keptBatches,
    keptBytes,
    percent: Math.max(part(batches, keptBatches), part(bytes, keptBytes)),
  };
}
