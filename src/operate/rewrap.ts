import { ArchiverError } from "../core/errors.ts";
import { type Scope, scopeText } from "../core/scope.ts";
import { checkRecipients, loadIdentities } from "../seal/keys.ts";
import { type Arguments, SCOPE_OPTIONS } from "./arguments.ts";
import { scopeFilter, scopeWords } from "./choose-scopes.ts";
import type { Command, CommandContext } from "./command.ts";
import { EXIT } from "./exit-code.ts";
import { Progress } from "./progress.ts";
import { type RepairContext, withRepair } from "./repair/context.ts";
import { rewrapScope, type RewrapOptions } from "./repair/rewrap-scope.ts";
import type { RewrappedPartition, RewrapReport } from "./repair/report.ts";
import { rewrapSummary } from "./repair/summary.ts";
import { keepsFiles, type Named } from "./repair/verified.ts";
import { byScope, inFilter } from "./verify/scope-filter.ts";

export const rewrapCommand: Command = {
  name: "rewrap",
  summary: "encrypt existing files to other recipients, by their headers alone",
  details:
    "The recipients are those of the configuration, or with --add and --remove each file's own with " +
    "these changed. Only the header of a file is made anew; what follows it, and the chain, stay as they " +
    "are. An amendment beside the manifest says so, the same in every sink. The partition is paused " +
    "meanwhile, a minute at a time. After an interruption run it again. A batch that a sink lacks is " +
    "rewrapped in the others and refused: reconcile brings it, then run it again. The old files are " +
    "removed: who has copied one can still open it.",
  options: [
    { flags: "--identity <file>", text: "age identity that opens the files now", required: true },
    { flags: "--add <recipient>", text: "to the recipients that a file has", repeat: true },
    { flags: "--remove <recipient>", text: "from the recipients that a file has", repeat: true },
    { flags: "--pipeline <name>", text: "of several pipelines: which one" },
    ...SCOPE_OPTIONS,
    { flags: "--no-kafka", text: "Kafka is gone: nothing is paused; let no daemon run" },
    { flags: "--dry-run", text: "say what would be done, write nothing" },
  ],
  examples: [
    "bulk-archiver rewrap --identity ./keys/identity --dry-run",
    "bulk-archiver rewrap --identity ./keys/identity --add age1… --remove age1…",
    "bulk-archiver rewrap --identity ./keys/identity --topic logs --json",
  ],
  schema: "rewrap.schema.json",
  run: async (args, context) => {
    const config = await context.config();
    const name = args.text("pipeline");
    const found = config.pipelines.filter((p) => name === undefined || p.name === name);
    const [pipeline, second] = found;
    if (pipeline === undefined || second !== undefined) {
      const names = config.pipelines.map((p) => p.name).join(", ");
      throw new ArchiverError("usage", `--pipeline: one of ${names}`);
    }
    const dryRun = args.flag("dryRun");
    const withKafka = args.value<boolean>("kafka") !== false;
    const request = { command: "rewrap", config, pipeline, withKafka, dryRun };
    return withRepair(request, context, async (repair) => {
      const report = await rewrap(repair, args, context);
      const { out } = context;
      await (out.json ? out.document(report) : out.text(rewrapSummary(report)));
      return report.ok ? EXIT.done : EXIT.different;
    });
  },
};

async function rewrap(
  repair: RepairContext,
  args: Arguments,
  { out, clock, tool }: CommandContext,
): Promise<RewrapReport> {
  const began = clock.now();
  const dryRun = args.flag("dryRun");
  const progress = new Progress({
    ...{ title: "rewrap", unit: "batches", stderr: out.stderr },
    now: () => clock.now(),
  });
  const options: RewrapOptions = {
    sinks: fileSinks(repair),
    recipients: recipientsOf(repair, args),
    identities: await loadIdentities(args.text("identity") ?? ""),
    dryRun,
    onDone: (bytes) => progress.done(1, bytes),
  };
  const partitions: RewrappedPartition[] = [];
  try {
    const scopes = await scopesOf(repair, options.sinks, args);
    for (const scope of scopes) progress.expect(await batchesIn(options.sinks[0], scope, repair));
    // One after the other: each pause is a partition that archives nothing.
    for (const scope of scopes) partitions.push(await rewrapScope(repair, options, scope));
  } finally {
    progress.stop();
  }
  const ok = partitions.every((p) => p.problems.length === 0);
  const sinks = options.sinks.map((s) => s.name);
  return { ok, tool, dryRun, sinks, seconds: Math.round(clock.now() - began) / 1000, partitions };
}

/**
 * All that keep files: one that was left out would keep what the old recipients can open.
 * @throws ArchiverError usage
 */
export function fileSinks(repair: Pick<RepairContext, "sinks">): readonly Named[] {
  const sinks = repair.sinks.filter((s) => keepsFiles(s));
  for (const { name, sink } of sinks) {
    if (sink.rewrap !== undefined && sink.amend !== undefined) continue;
    const text = `sink ${name} cannot replace files safely (it keeps versions, or ignores create-only)`;
    throw new ArchiverError("usage", text);
  }
  if (sinks.length > 0) return sinks;
  throw new ArchiverError("usage", "no sink of the pipeline keeps files");
}

function recipientsOf(repair: RepairContext, args: Arguments): RewrapOptions["recipients"] {
  const [add, gone] = [args.texts("add"), args.texts("remove")];
  checkRecipients([...add, ...gone]);
  if (add.length === 0 && gone.length === 0) {
    const { encryption } = repair.pipeline;
    if (encryption === null) {
      throw new ArchiverError("usage", "the pipeline has no recipients: name some with --add");
    }
    return () => encryption.recipients;
  }
  return (now) => {
    const left = now.filter((r) => !gone.includes(r));
    const all = [...left, ...add.filter((r) => !left.includes(r))];
    if (all.length > 0) return all;
    throw new ArchiverError("usage", "--remove would leave a file that nobody can open");
  };
}

/** Of any of the sinks: what the first has lost the old recipients can still open in the others. */
async function scopesOf(
  repair: RepairContext,
  sinks: readonly Named[],
  args: Arguments,
): Promise<readonly Scope[]> {
  const filter = scopeFilter(args);
  const found = new Map<string, Scope>();
  for (const { sink } of sinks) {
    for await (const scope of sink.scopes(repair.signal)) {
      if (inFilter(scope, filter) && repair.mine(scope)) found.set(scopeText(scope), scope);
    }
  }
  if (found.size > 0) return [...found.values()].sort(byScope);
  throw new ArchiverError("nothing-in-scope", `no batch of ${scopeWords(filter)} is archived`);
}

async function batchesIn(
  named: Named | undefined,
  scope: Scope,
  { signal }: RepairContext,
): Promise<number> {
  let count = 0;
  for await (const { manifest } of named?.sink.list(scope, 0n, signal) ?? []) {
    if (manifest !== undefined) count += 1;
  }
  return count;
}
