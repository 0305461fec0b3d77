import type { Config, PipelineConfig } from "../config/config.ts";
import { ArchiverError } from "../core/errors.ts";
import { describeGroup } from "../kafka/requests/describe-groups.ts";
import { openLog, redactorOf } from "../observe/log.ts";
import { RANGE_OPTIONS } from "./arguments.ts";
import type { Command, CommandContext } from "./command.ts";
import { EXIT } from "./exit-code.ts";
import { type ImportedRange, importPlan } from "./import/import-plan.ts";
import type { ImportReport } from "./import/import-report.ts";
import { commitBeginnings, importClientId, runImport } from "./import/run-import.ts";
import { KafkaView, type PipelineView } from "./kafka-view.ts";
import { withSinks } from "./open-sinks.ts";
import { Progress } from "./progress.ts";

const GRACE_MS = 5_000;
const POLL_MS = 500;

export const importCommand: Command = {
  name: "import",
  summary: "archive a range of Kafka once, without a daemon",
  details:
    "The daemon's own work, to its sinks and under its group, which ends when everything up to --to (or " +
    "up to what Kafka has now) is archived and committed: a daemon that is started later goes on from " +
    "there. Refused while the group has members, and where the archive and the committed offsets do not " +
    "fit. A run that was interrupted goes on where it was; a repeated one makes what is new. Whole " +
    "record batches are taken: the one that --to lies in, too.",
  options: [
    {
      flags: "--topic <name>",
      text: "only this topic; default: all of the pipeline",
      repeat: true,
    },
    { flags: "--pipeline <name>", text: "which pipeline, where there are several" },
    ...RANGE_OPTIONS,
    { flags: "--dry-run", text: "say what would be archived" },
  ],
  examples: [
    "bulk-archiver import --topic logs",
    "bulk-archiver import --topic logs --from 2026-01-01T00:00:00Z --to 2026-02-01T00:00:00Z",
  ],
  schema: "import.schema.json",
  run: async (args, context) => {
    const config = await context.config();
    const { out, signal, clock, tool } = context;
    const began = clock.now();
    const pipeline = pipelineOf(config, args.text("pipeline"));
    const topics = args.texts("topic");
    const narrow = topics.length === 0 ? pipeline : { ...pipeline, topics };
    const kafka = await KafkaView.open(config, context);
    try {
      await refuseMembers(kafka, config, pipeline.group, context);
      const view = await kafka.pipeline(narrow);
      const bounds = args.range();
      const ranges = await withSinks(config, pipeline.sinks, context, (sinks) =>
        importPlan({ view, sinks, ...bounds }, signal),
      );
      const dryRun = args.flag("dryRun");
      const made = dryRun
        ? { batches: 0, records: 0 }
        : await importAll(context, { config, pipeline, kafka, view, ranges });
      const report: ImportReport = {
        ...{ ok: true, tool, dryRun, pipeline: pipeline.name, group: pipeline.group },
        partitions: ranges.map(({ fresh: _fresh, ...range }) => range),
        ...made,
        seconds: Math.round(clock.now() - began) / 1000,
      };
      await (out.json ? out.document(report) : out.text(summary(report)));
      return EXIT.done;
    } finally {
      await kafka.close();
    }
  },
};

interface Job {
  readonly config: Config;
  readonly pipeline: PipelineConfig;
  readonly kafka: KafkaView;
  readonly view: PipelineView;
  readonly ranges: readonly ImportedRange[];
}

async function importAll(
  { out, signal, clock, tool, version, env }: CommandContext,
  { config, pipeline, kafka, view, ranges }: Job,
): Promise<Pick<ImportReport, "batches" | "records">> {
  if (ranges.every((r) => r.from >= r.to)) return { batches: 0, records: 0 };
  await commitBeginnings(kafka.client, pipeline.group, ranges, signal);
  const now = (): number => clock.now();
  const progress = new Progress({ title: "import", unit: "offsets", stderr: out.stderr, now });
  for (const { from, to } of ranges) progress.expect(Number(to > from ? to - from : 0n));
  const log = openLog({ level: "warn", to: out.stderr, secrets: config.secrets, version });
  const made = { batches: 0, records: 0 };
  const confirmed = (records: bigint, bytes: number): void => {
    made.batches += 1;
    made.records += Number(records);
    progress.done(Number(records), bytes);
  };
  const topics = view.topics.map((t) => t.topic);
  const redact = redactorOf(config.secrets);
  const host = { tool, version, env, log, redact };
  const run = { config, pipeline, topics, ranges, view, clock, host, confirmed };
  try {
    await runImport(run, signal);
  } finally {
    progress.stop();
  }
  return made;
}

function pipelineOf({ pipelines }: Config, name: string | undefined): PipelineConfig {
  const [only, ...others] = pipelines;
  if (name === undefined && only !== undefined && others.length === 0) return only;
  const names = pipelines.map((p) => p.name).join(", ");
  const found = pipelines.find((p) => p.name === name);
  if (found !== undefined) return found;
  throw new ArchiverError("usage", `--pipeline is to be one of ${names}`);
}

/**
 * A daemon archives by itself, and shares the partitions with whoever joins its group. An import that was
 * killed is still a member until its session is over: that is waited for.
 */
async function refuseMembers(
  kafka: KafkaView,
  config: Config,
  group: string,
  { clock, signal, out }: CommandContext,
): Promise<void> {
  const until = clock.now() + config.kafka.sessionTimeoutMs + GRACE_MS;
  for (let said = false; ; said = true) {
    const { members } = await kafka.patiently(() =>
      kafka.client.sendToCoordinator(group, describeGroup(group), signal),
    );
    if (members.length === 0) return;
    const imports = members.every((m) => m.clientId === importClientId(config));
    if (!imports || clock.now() >= until) {
      const who = members.map((m) => `${m.clientId}${m.clientHost}`).join(", ");
      const why = imports ? "another import is at work" : "a daemon archives by itself";
      throw new ArchiverError("usage", `group ${group} has members (${who}): ${why}`);
    }
    if (!said) out.note(`bulk-archiver: waiting for the session of another import to end`);
    await clock.sleep(POLL_MS, signal);
  }
}

function summary(r: ImportReport): string[] {
  const lines = r.partitions.map((p) => {
    const nothing = p.from >= p.to ? "  nothing new" : "";
    return `${p.topic}/${p.partition} [${p.from}, ${p.to})${nothing}`;
  });
  const verb = r.dryRun ? "a dry run: nothing was archived" : "archived and committed";
  const sum = `${r.records} records in ${r.batches} batches in ${r.seconds.toFixed(1)} s`;
  return [...lines, "", r.dryRun ? verb : `${sum}, ${verb} under group ${r.group}`];
}
