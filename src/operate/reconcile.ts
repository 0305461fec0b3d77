import { ArchiverError } from "../core/errors.ts";
import type { Scope } from "../core/scope.ts";
import { scopeText } from "../core/scope.ts";
import type { PipelineConfig, Config } from "../config/config.ts";
import { loadIdentities } from "../seal/keys.ts";
import type { Arguments } from "./arguments.ts";
import { SCOPE_OPTIONS } from "./arguments.ts";
import { scopeFilter, scopeWords } from "./choose-scopes.ts";
import type { Command, WorkPorts } from "./command.ts";
import { EXIT } from "./exit-code.ts";
import { sinkNamed } from "./open-sinks.ts";
import { Progress } from "./progress.ts";
import { type RepairContext, withRepair } from "./repair/context.ts";
import { eachAtOnce } from "./repair/in-order.ts";
import { proofOf } from "./repair/proof.ts";
import { type ReconcileOptions, reconcileScope } from "./repair/reconcile-scope.ts";
import { reconcileSummary } from "./repair/summary.ts";
import type { ReconciledPartition, ReconcileReport } from "./repair/report.ts";
import { keepsFiles, type Named } from "./repair/verified.ts";
import { byScope, inFilter } from "./verify/scope-filter.ts";

/** Each holds one batch in memory, and compares a few more. */
const PARTITIONS_AT_ONCE = 4;

export const reconcileCommand: Command = {
  name: "reconcile",
  summary: "copy missing or damaged batches from one sink to another, byte for byte",
  details:
    "Compares both sinks batch by batch, up to the committed offset, and ends with the proof of " +
    "`verify --across-sinks`. What is missing is created; for what is damaged the partition is paused, a " +
    "minute at a time, and the damaged object goes to quarantine/. Batches that are there, valid and different are " +
    "reported, and with --repair replaced, never in the primary. Safe beside a running daemon; after " +
    "an interruption run it again.",
  options: [
    { flags: "--source <name>", text: "sink that is copied from; it keeps files", required: true },
    { flags: "--target <name>", text: "sink that is copied to", required: true },
    ...SCOPE_OPTIONS,
    { flags: "--identity <file>", text: "age identity, for a target that takes records" },
    { flags: "--repair", text: "also replace valid batches that differ from the source's" },
    { flags: "--quick", text: "compare manifests and sizes, not every byte of the target" },
    { flags: "--no-kafka", text: "Kafka is gone: nothing is asked or paused; let no daemon run" },
    { flags: "--no-proof", text: "leave out the comparison of both sinks at the end" },
    { flags: "--dry-run", text: "say what would be copied, write nothing" },
  ],
  examples: [
    "bulk-archiver reconcile --source files --target ceph",
    "bulk-archiver reconcile --source ceph --target wide --topic logs --partition 0 --dry-run",
    "bulk-archiver reconcile --source files --target search --identity ./keys/identity --json",
  ],
  schema: "reconcile.schema.json",
  run: async (args, context) => {
    const config = await context.config();
    const [source, target] = [args.text("source") ?? "", args.text("target") ?? ""];
    const began = context.clock.now();
    const withKafka = args.value<boolean>("kafka") !== false;
    const dryRun = args.flag("dryRun");
    const found = new Map<string, ReconciledPartition>();
    let proof: ReconcileReport["proof"] = null;
    const pipelines = sharedPipelines(config, source, target);
    const identity = args.text("identity");
    const identities = identity === undefined ? [] : await loadIdentities(identity);
    for (const [i, pipeline] of pipelines.entries()) {
      const last = i === pipelines.length - 1;
      const request = { command: "reconcile", config, pipeline, withKafka, dryRun };
      proof = await withRepair(request, context, async (repair) => {
        const names = [source, target] as const;
        const how = { names, identities, done: [...found.keys()] };
        for (const p of await reconcile(repair, args, context, how)) found.set(scopeText(p), p);
        if (found.size === 0 && last) throw nothingIn(source, args);
        const proves = last && !dryRun && args.value<boolean>("proof") !== false;
        return proves ? proofBetween(repair, args, names) : null;
      });
    }
    const partitions = [...found.values()].sort(byScope);
    const ok = partitions.every((p) => p.problems.length === 0) && proof?.ok !== false;
    const seconds = Math.round(context.clock.now() - began) / 1000;
    const { out, tool } = context;
    const report = { ok, tool, source, target, dryRun, seconds, partitions, proof };
    await (out.json ? out.document(report) : out.text(reconcileSummary(report)));
    return report.ok ? EXIT.done : EXIT.different;
  },
};

/** The pipelines that write to both, one after the other. @throws ArchiverError usage */
function sharedPipelines(
  config: Config,
  source: string,
  target: string,
): readonly PipelineConfig[] {
  sinkNamed(config, "--source", source);
  sinkNamed(config, "--target", target);
  if (source === target)
    throw new ArchiverError("usage", "--source and --target are the same sink");
  const has = (p: PipelineConfig, name: string): boolean => p.sinks.some((s) => s.name === name);
  const found = config.pipelines.filter((p) => has(p, source) && has(p, target));
  if (found.length > 0) return found;
  throw new ArchiverError("usage", `no pipeline writes to both ${source} and ${target}`);
}

interface ReconcileWork {
  /** The source and the target. */
  readonly names: readonly [string, string];
  /** For a target that takes records of what is encrypted. */
  readonly identities: readonly Uint8Array[];
  /** Scopes that another pipeline has brought. */
  readonly done: readonly string[];
}

/** Of one pipeline, but for those scopes that are done. @throws ArchiverError usage */
export async function reconcile(
  repair: RepairContext,
  args: Arguments,
  { out, clock }: Omit<WorkPorts, "tool">,
  { names, identities, done }: ReconcileWork,
): Promise<readonly ReconciledPartition[]> {
  const [source, target] = names.map((name) => sinkOf(repair, name)) as [Named, Named];
  if (!keepsFiles(source)) {
    throw new ArchiverError("usage", `sink ${source.name} keeps no files to copy`);
  }
  const all = await scopesOf(repair, source, args);
  const scopes = all.filter((scope) => !done.includes(scopeText(scope)));
  const dryRun = args.flag("dryRun");
  const progress = new Progress({
    ...{ title: "reconcile", unit: "batches", stderr: out.stderr },
    now: () => clock.now(),
  });
  const options: ReconcileOptions = {
    ...{ source, target, dryRun, repair: args.flag("repair"), quick: args.flag("quick") },
    identities,
    onDone: (bytes) => progress.done(1, bytes),
  };
  const partitions: ReconciledPartition[] = [];
  try {
    await eachAtOnce(scopes, PARTITIONS_AT_ONCE, async (scope) => {
      progress.expect(await batchesIn(source, scope, repair.signal));
      partitions.push(await reconcileScope(repair, options, scope));
    });
  } finally {
    progress.stop();
  }
  return partitions;
}

/** What `verify --across-sinks` says of both. */
export const proofBetween = (
  repair: RepairContext,
  args: Arguments,
  names: readonly string[],
): Promise<NonNullable<ReconcileReport["proof"]>> =>
  proofOf(
    repair,
    names.map((name) => sinkOf(repair, name)),
    scopeFilter(args),
  );

function sinkOf(repair: RepairContext, name: string): Named {
  const found = repair.sinks.find((s) => s.name === name);
  if (found !== undefined) return found;
  throw new ArchiverError("assertion-failed", `sink ${name} was opened`);
}

/** Every incarnation and branch of the source that is not filtered out, and no other pipeline's. */
async function scopesOf(
  repair: RepairContext,
  source: Named,
  args: Arguments,
): Promise<readonly Scope[]> {
  const filter = scopeFilter(args);
  const found = new Map<string, Scope>();
  for await (const scope of source.sink.scopes(repair.signal)) {
    if (inFilter(scope, filter) && repair.mine(scope)) found.set(scopeText(scope), scope);
  }
  return [...found.values()].sort(byScope);
}

const nothingIn = (source: string, args: Arguments): ArchiverError =>
  new ArchiverError(
    "nothing-in-scope",
    `sink ${source} holds no batch of ${scopeWords(scopeFilter(args))}`,
  );

async function batchesIn(named: Named, scope: Scope, signal: AbortSignal): Promise<number> {
  let count = 0;
  for await (const { manifest } of named.sink.list(scope, 0n, signal)) {
    if (manifest !== undefined) count += 1;
  }
  return count;
}
