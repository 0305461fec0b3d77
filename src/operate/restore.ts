import { TargetCluster } from "../kafka/target/target-cluster.ts";
import type { Config } from "../config/config.ts";
import { ArchiverError } from "../core/errors.ts";
import type { Scope } from "../core/scope.ts";
import { failpointHitter, type HitFailpoint, parseFailpoint } from "../pipeline/failpoint.ts";
import type { RecordCodec } from "../record-batch/header.ts";
import type { ArchiveIdentity, Sink } from "../sdk/sink.ts";
import { loadIdentities } from "../seal/keys.ts";
import type { Arguments } from "./arguments.ts";
import { readBatch } from "./cat.ts";
import { chooseScopes, scopeFilter, scopeWords } from "./choose-scopes.ts";
import type { Command, CommandContext } from "./command.ts";
import { EXIT } from "./exit-code.ts";
import { type Expired, expiredError, expiredText } from "./expired.ts";
import { keptBatches } from "./kept-batches.ts";
import { liveTopic, liveTopicId } from "./live-topic-id.ts";
import { chooseSinks, type CommandSink, withSinks } from "./open-sinks.ts";
import { Progress } from "./progress.ts";
import {
  allSeeds,
  partitionMap,
  RESTORE_OPTIONS,
  targetOptions,
  topicSettings,
} from "./restore/restore-arguments.ts";
import type { RestoreReport } from "./restore/restore-report.ts";
import { type RestoreOptions, type RestoreTask, runRestore } from "./restore/run-restore.ts";
import { summary } from "./restore/summary.ts";
import { refuseLoop, type TargetTopic, targetTopic } from "./restore/target-topic.ts";

const LEDGER_TOPIC = "bulk-archiver.restores";
const TRANSACTION_BYTES = 64 << 20;

export const restoreCommand: Command = {
  name: "restore",
  summary: "write archived records back to Kafka, each once",
  details:
    "Partition, key, value, order of headers and timestamps are as they were; offsets are new. Every " +
    "batch is verified before its transaction is committed, and what was restored is noted in the " +
    "same transaction: a run that was interrupted goes on where it was, a repeated one adds nothing. " +
    "docs/restore.md says more.",
  options: RESTORE_OPTIONS,
  examples: [
    "bulk-archiver restore --topic logs --to-topic logs-restored",
    "bulk-archiver restore --topic logs --to-topic logs --to-brokers kafka-b:9092 --no-lineage",
    "bulk-archiver restore --topic logs --partition 0 --from 2026-01-31T08:00:00Z --to 2026-01-31T09:00:00Z --to-topic incident --map 0:0 --identity ./keys/identity",
  ],
  schema: "restore.schema.json",
  run: async (args, context) => {
    const config = await context.config();
    const name = args.text("sink");
    const chosen = chooseSinks(config, name === undefined ? [] : [name]);
    const target = new TargetCluster(targetOptions(config, args));
    const { out } = context;
    try {
      const report = await withSinks(config, chosen, context, async ([named]) => {
        if (named === undefined) throw new ArchiverError("usage", "the configuration has no sink");
        const { sink, expired } = keptBatches(named.sink, config, context);
        return restore(args, context, { config, named: { ...named, sink }, expired, target });
      });
      await (out.json ? out.document(report) : out.text(summary(report)));
      return EXIT.done;
    } finally {
      await target.close();
    }
  },
};

interface Opened {
  readonly config: Config;
  readonly named: CommandSink;
  readonly expired: Expired;
  readonly target: TargetCluster;
}

async function restore(
  args: Arguments,
  context: CommandContext,
  { config, named, expired, target }: Opened,
): Promise<RestoreReport> {
  const { out, signal, clock, tool } = context;
  const { sink } = named;
  const began = clock.now();
  const identity = await archiveOf(named, signal);
  const filter = scopeFilter(args);
  const scopes = await chooseScopes(sink, filter, liveTopicId(config, context), signal);
  const toTopic = args.text("toTopic") ?? "";
  const clusterId = await target.clusterId(signal);
  if (!args.flag("allowLoop")) refuseLoop(config, identity, { topic: toTopic, clusterId });
  const map = partitionMap(args);
  const tasks = scopes.map((scope) => ({
    scope,
    to: { topic: toTopic, partition: map(scope.partition) },
  }));
  const partitionsOf = sourcePartitions(context, config, scopes);
  const source = { ...(await sourceOf(args, sink)), expired };
  const topic = await openTarget(args, target, tasks, partitionsOf, signal);
  for (const warning of topic.warnings) out.note(`bulk-archiver: ${warning}`);
  const now = (): number => clock.now();
  const progress = new Progress({ title: "restore", unit: "offsets", stderr: out.stderr, now });
  const hit = failpointOf(context);
  const options = await optionsOf(args, config, { ...source, identity, topic, progress });
  try {
    const { partitions, gone } = await runRestore(options, tasks, { target, clock, hit }, signal);
    if (partitions.length === 0) {
      if (gone[0] !== undefined) throw expiredError(gone[0].scope, gone[0].range);
      const text = `no batch of ${scopeWords(filter)} is in that range`;
      throw new ArchiverError("nothing-in-scope", text);
    }
    const left = gone.map(({ scope, range }) => expiredText(scope, range));
    for (const text of left) out.note(`bulk-archiver: ${text}`);
    const sum = (of: "batches" | "records" | "bytes"): number =>
      partitions.reduce((n, p) => n + p[of], 0);
    return {
      ok: true,
      tool,
      dryRun: options.dryRun,
      sink: named.name,
      topic: scopes[0]?.topic ?? "",
      topicId: scopes[0]?.topicId ?? "_",
      to: {
        topic: topic.topic,
        topicId: topic.topicId,
        clusterId,
        partitions: topic.partitions,
        created: topic.created,
        ledger: options.ledgerTopic,
      },
      lineage: options.lineage,
      partitions: [...partitions],
      batches: sum("batches"),
      records: sum("records"),
      bytes: sum("bytes"),
      seconds: Math.round(clock.now() - began) / 1000,
      warnings: [...topic.warnings, ...left],
    };
  } finally {
    progress.stop();
  }
}

function failpointOf({ env, out }: CommandContext): HitFailpoint {
  const text = env["BULK_ARCHIVER_FAILPOINT"] ?? "";
  if (text !== "") out.note(`bulk-archiver: will kill itself at failpoint ${text}`);
  return failpointHitter(text === "" ? null : parseFailpoint(text));
}

async function archiveOf(
  { name, sink }: CommandSink,
  signal: AbortSignal,
): Promise<ArchiveIdentity> {
  const identity = await sink.identity(signal);
  if (identity !== undefined) return identity;
  throw new ArchiverError("nothing-in-scope", `sink ${name} holds no archive`);
}

/** How the source is read, before anything is made in the target. @throws ArchiverError usage */
async function sourceOf(
  args: Arguments,
  sink: Sink,
): Promise<Pick<RestoreOptions, "sink" | "identities" | "read">> {
  const file = args.text("identity");
  const identities = file === undefined ? [] : await loadIdentities(file);
  return { sink, identities, read: readBatch(sink, identities) };
}

async function optionsOf(
  args: Arguments,
  config: Config,
  found: Pick<RestoreOptions, "sink" | "expired" | "identities" | "read" | "identity" | "topic"> & {
    readonly progress: Progress;
  },
): Promise<RestoreOptions> {
  const { progress, ...source } = found;
  return {
    ...source,
    run: args.text("run") ?? "default",
    seeds: await allSeeds(config),
    ...args.range(),
    ledgerTopic: LEDGER_TOPIC,
    replicationFactor: replicationFactorOf(args),
    lineage: args.flag("lineage"),
    codec: args.value<RecordCodec>("compression"),
    skipUndecodable: args.flag("skipUndecodable"),
    outOfOrder: args.flag("outOfOrder"),
    transactionBytes: args.number("transaction") ?? TRANSACTION_BYTES,
    dryRun: args.flag("dryRun"),
    memoryBytes: config.memoryBytes,
    expect: (offsets) => progress.expect(offsets),
    done: (offsets, bytes) => progress.done(offsets, bytes),
  };
}

const replicationFactorOf = (args: Arguments): number => args.number("replicationFactor") ?? -1;

function openTarget(
  args: Arguments,
  target: TargetCluster,
  tasks: readonly RestoreTask[],
  sourcePartitions: () => Promise<number>,
  signal: AbortSignal,
): Promise<TargetTopic> {
  const options = {
    topic: args.text("toTopic") ?? "",
    partitions: Math.max(...tasks.map(({ to }) => to.partition + 1)),
    newPartitions: sourcePartitions,
    create: args.flag("create"),
    dryRun: args.flag("dryRun"),
    replicationFactor: replicationFactorOf(args),
    settings: topicSettings(args),
  };
  return targetTopic(target, options, signal);
}

/** As Kafka says it while it has that topic; else as many as the archive has. */
const sourcePartitions =
  (context: CommandContext, config: Config, scopes: readonly Scope[]) =>
  async (): Promise<number> => {
    const archived = Math.max(...scopes.map((s) => s.partition + 1));
    const [first] = scopes;
    if (first === undefined) return archived;
    const live = await liveTopic(config, context, first.topic);
    const same = live?.topicId === first.topicId;
    return same ? Math.max(archived, live.partitions.length) : archived;
  };
