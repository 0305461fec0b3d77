import { ArchiverError } from "../core/errors.ts";
import type { Scope } from "../core/scope.ts";
import { loadIdentities } from "../seal/keys.ts";
import { type Arguments, RANGE_OPTIONS, SCOPE_OPTIONS } from "./arguments.ts";
import type { Command, WorkPorts } from "./command.ts";
import { EXIT } from "./exit-code.ts";
import { withSinks } from "./open-sinks.ts";
import { Progress } from "./progress.ts";
import { pipelineOf, type RepairContext, type RepairKafka, withRepair } from "./repair/context.ts";
import { eachAtOnce } from "./repair/in-order.ts";
import { claimFresh, intoPrefix, pipelineSinks, sinkInto } from "./repair/into.ts";
import { Remaker } from "./repair/remake.ts";
import { replayRange } from "./repair/replay-range.ts";
import { type ReplayOptions, ScopeReplay } from "./repair/replay-scope.ts";
import type { ReplayedPartition, ReplayReport } from "./repair/report.ts";
import { expiredText, replaySummary } from "./repair/summary.ts";
import type { Named } from "./repair/verified.ts";
import { byScope } from "./verify/scope-filter.ts";

/** Each has one batch in memory, and seals it. */
const PARTITIONS_AT_ONCE = 2;

export const replayCommand: Command = {
  name: "replay",
  summary: "archive a range again: confirm what is there, put back what is missing",
  details:
    "Goes through the batches of the range, whole ones, below the committed offset. A batch that a sink " +
    "has is compared with, or copied to, the others; one that no sink has whole is made again from " +
    "Kafka, with the same boundaries where a manifest says them; offsets that were never archived are " +
    "cut by the rules of the configuration. What differs is reported, and with --repair replaced: the " +
    "partition is paused, and the wrong object goes to quarantine/. The daemon's position is never " +
    "moved. Safe beside a running daemon; after an interruption run it again.",
  options: [
    ...SCOPE_OPTIONS.map((o) => (o.flags.startsWith("--topic <") ? { ...o, required: true } : o)),
    ...RANGE_OPTIONS,
    { flags: "--sink <name>", text: "only this sink and the primary; default: all", repeat: true },
    { flags: "--repair", text: "replace what is damaged or differs, through quarantine/" },
    {
      flags: "--into <prefix>",
      text: "write a fresh archive below this name in the sinks instead",
      parse: intoPrefix,
    },
    { flags: "--identity <file>", text: "age identity, for sinks that take records" },
    { flags: "--dry-run", text: "say what would be done, write nothing" },
  ],
  examples: [
    "bulk-archiver replay --topic logs --partition 0 --from 1000000 --to 2000000",
    "bulk-archiver replay --topic logs --from 2026-01-31T08:00:00Z --to 2026-01-31T09:00:00Z --dry-run",
    "bulk-archiver replay --topic logs --sink ceph --repair --json",
    "bulk-archiver replay --topic logs --from 0 --into again-2026-01",
  ],
  schema: "replay.schema.json",
  run: async (args, context) => {
    const config = await context.config();
    const pipeline = pipelineOf(config, args.text("topic") ?? "");
    pipelineSinks(pipeline, args.texts("sink"));
    const dryRun = args.flag("dryRun");
    const request = { command: "replay", config, pipeline, withKafka: true, dryRun };
    return withRepair(request, context, async (repair) => {
      const report = await replay(repair, args, context);
      const { out } = context;
      await (out.json ? out.document(report) : out.text(replaySummary(report)));
      return report.ok ? EXIT.done : EXIT.different;
    });
  },
};

/** Its work and its report, without printing. @throws ArchiverError usage, nothing-in-scope */
export async function replay(
  repair: RepairContext,
  args: Arguments,
  context: WorkPorts,
): Promise<ReplayReport> {
  const { kafka } = repair;
  if (kafka === null) throw new ArchiverError("assertion-failed", "replay has Kafka");
  const prefix = args.value<string>("into");
  if (prefix === undefined) return replayTo(repair, kafka, args, context, targetsOf(repair, args));
  if (args.flag("repair") || args.flag("dryRun")) {
    throw new ArchiverError("usage", "--into goes with neither --repair nor --dry-run");
  }
  const named = args.texts("sink");
  const chosen =
    named.length === 0 ? [repair.primary.config] : pipelineSinks(repair.pipeline, named);
  const fresh = chosen.map((s) => sinkInto(s, prefix));
  return withSinks(repair.config, fresh, repair, (targets) =>
    replayTo(repair, kafka, args, context, targets),
  );
}

async function replayTo(
  repair: RepairContext,
  kafka: RepairKafka,
  args: Arguments,
  { out, clock, tool }: WorkPorts,
  targets: readonly Named[],
): Promise<ReplayReport> {
  const began = clock.now();
  const prefix = args.value<string>("into") ?? null;
  const fresh = prefix !== null;
  const archiveId = fresh
    ? (await claimFresh(repair, targets)).archiveId
    : repair.identity.archiveId;
  const identity = args.text("identity");
  const progress = new Progress({
    ...{ title: "replay", unit: "offsets", stderr: out.stderr },
    now: () => clock.now(),
  });
  const remaker = new Remaker(repair, kafka, archiveId);
  const options: ReplayOptions = {
    ...{ targets, archiveId, fresh, remaker },
    ...{ repair: args.flag("repair"), dryRun: args.flag("dryRun") },
    identities: identity === undefined ? [] : await loadIdentities(identity),
    onDone: (offsets, bytes) => progress.done(Number(offsets), bytes),
  };
  const partitions: ReplayedPartition[] = [];
  try {
    const work: { readonly scope: Scope; readonly from: bigint; readonly to: bigint }[] = [];
    for (const range of await replayRange(repair, kafka, args)) {
      progress.expect(Number(range.to - range.from));
      work.push(range);
    }
    await eachAtOnce(work, PARTITIONS_AT_ONCE, async ({ scope, ...range }) => {
      partitions.push(await new ScopeReplay(repair, options, scope, range).run());
    });
  } finally {
    progress.stop();
    await remaker.close();
  }
  partitions.sort(byScope);
  refuseExpired(partitions);
  const ok = partitions.every((p) => p.problems.length === 0);
  const sinks = targets.map((t) => t.name);
  const seconds = Math.round(clock.now() - began) / 1000;
  return { ok, tool, dryRun: options.dryRun, sinks, into: prefix, seconds, partitions };
}

/** Nothing of what was asked for can be done: that is no success. @throws ArchiverError nothing-in-scope */
function refuseExpired(partitions: readonly ReplayedPartition[]): void {
  const gone = partitions.filter((p) => {
    const done = p.confirmed + p.made + p.replaced + p.problems.length;
    return p.expiredTo !== null && done === 0;
  });
  if (gone.length < partitions.length) return;
  const texts = gone.map(
    (p) => `${p.topic}/${p.partition}: ${expiredText(p.expired, p.expiredTo ?? 0n)}`,
  );
  throw new ArchiverError("nothing-in-scope", texts.join("; "));
}

/** The primary decides, so it is always among them, and first. */
function targetsOf(repair: RepairContext, args: Arguments): readonly Named[] {
  const names = args.texts("sink");
  if (names.length === 0) return repair.sinks;
  return repair.sinks.filter((s) => s === repair.primary || names.includes(s.name));
}
