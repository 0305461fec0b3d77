import { Writable } from "node:stream";
import { z } from "zod";
import type { Config, PipelineConfig, SinkConfig } from "../../../src/config/config.ts";
import type { KafkaClient } from "../../../src/kafka/client/kafka-client.ts";
import { Arguments } from "../../../src/operate/arguments.ts";
import { KafkaView } from "../../../src/operate/kafka-view.ts";
import { prunePipeline } from "../../../src/operate/prune.ts";
import { proofBetween, reconcile as reconcilePipeline } from "../../../src/operate/reconcile.ts";
import { replay as replayTopic } from "../../../src/operate/replay.ts";
import { type RepairContext, repairOver } from "../../../src/operate/repair/context.ts";
import { fileSinks } from "../../../src/operate/rewrap.ts";
import { rewrapScope } from "../../../src/operate/repair/rewrap-scope.ts";
import type { WorkPorts } from "../../../src/operate/command.ts";
import type { ReconciledPartition, ReplayedPartition } from "../../../src/operate/repair/report.ts";
import { byScope } from "../../../src/operate/verify/scope-filter.ts";
import { scopeText, type Scope } from "../../../src/core/scope.ts";
import type { Sink, SinkPlugin } from "../../../src/sdk/sink.ts";
import type { SimProcess } from "../core/process.ts";
import type { SimClient } from "../kafka/client.ts";
import { KEYS, SEEDS } from "./keys.ts";
import { sealerOf } from "./sealer.ts";
import { type DaemonSettings, TOPIC } from "./settings.ts";

export interface CommandPorts {
  readonly process: SimProcess;
  readonly client: SimClient;
  readonly sinks: readonly { readonly name: string; readonly sink: Sink }[];
  readonly group: string;
  readonly retentionMs: number | null;
  readonly batchBytes: number;
  readonly settings: DaemonSettings;
  readonly trace: (line: string) => void;
}

const TRY_MS = 15_000;
/** Of one pause: some batches, so that there are several. */
const PAUSE_MS = 1_500;

/** What `rewrap` does with its options and files read; the answer is what it would report. */
export function rewrap(p: CommandPorts, recipients: readonly string[]): Promise<readonly string[]> {
  return withSinks(p, "rewrap", async (repair) => {
    const scopes = new Map<string, Scope>();
    const sinks = fileSinks(repair);
    for (const { sink } of sinks)
      for await (const scope of sink.scopes(repair.signal)) scopes.set(scopeText(scope), scope);
    const options = {
      ...{ sinks, recipients: () => recipients, dryRun: false },
      identities: KEYS.map((k) => k.secret),
      onDone: () => undefined,
    };
    const problems: string[] = [];
    for (const scope of [...scopes.values()].sort(byScope)) {
      const done = await rewrapScope(repair, options, scope);
      p.trace(`${p.process.name} ${JSON.stringify({ ...done, problems: done.problems.length })}`);
      problems.push(...done.problems.map((x) => `${x.code} ${x.start ?? ""} ${x.text}`));
    }
    return problems;
  });
}

/** What `prune` does with its options read; the answer is what it would report. */
export function prune(p: CommandPorts): Promise<readonly string[]> {
  return withSinks(p, "prune", async (repair) => {
    const all = new Arguments({ maxDeletePercent: 100 });
    const done = await prunePipeline(repair, all, workPorts(repair));
    const partitions = done.sinks.flatMap(({ name, partitions: own }) =>
      own.map((x) => ({ name, ...x })),
    );
    for (const { name, topic: _topic, ...x } of partitions) told(p, name, x);
    const damaged = partitions.filter((x) => x.damaged > 0);
    return damaged.map((x) => `${x.name} ${x.partition}/${x.branch}: ${x.damaged} damaged`);
  });
}

/** What `reconcile` does with its options read; the answer is what it would report, its proof too. */
export function reconcile(
  p: CommandPorts,
  [source, target]: readonly [string, string],
): Promise<readonly string[]> {
  return withSinks(p, "reconcile", async (repair) => {
    const names = [source, target] as const;
    const args = new Arguments({ source, target });
    const work = { names, identities: KEYS.map((k) => k.secret), done: [] };
    const done = await reconcilePipeline(repair, args, workPorts(repair), work);
    if (done.length === 0) return [`${source} holds nothing`];
    for (const { topic: _topic, ...x } of done) told(p, `${source} to ${target}`, x);
    const proof = await proofBetween(repair, args, names);
    return [...done.flatMap(problemsOf), ...proof.problems, ...(proof.ok ? [] : ["no proof"])];
  });
}

/** What `replay --repair` does with its options read, in all sinks; the answer is what it would report. */
export function replay(p: CommandPorts): Promise<readonly string[]> {
  return withSinks(p, "replay", async (repair) => {
    const args = new Arguments({ topic: TOPIC, repair: true });
    const { partitions } = await replayTopic(repair, args, workPorts(repair));
    for (const { topic: _topic, ...x } of partitions) told(p, "replay", x);
    return partitions.flatMap(problemsOf);
  });
}

const problemsOf = (x: ReconciledPartition | ReplayedPartition): readonly string[] =>
  x.problems.map(
    (q) => `${q.code} ${q.sink ?? ""} ${x.partition}/${x.branch}/${q.start}: ${q.text}`,
  );

function told(p: CommandPorts, where: string, x: object): void {
  const shown = (_: string, v: unknown): unknown => (typeof v === "bigint" ? Number(v) : v);
  p.trace(`${p.process.name} ${where} ${JSON.stringify(x, shown)}`);
}

const workPorts = ({ clock }: RepairContext): WorkPorts => ({
  ...{ clock, tool: "simulation" },
  out: { stderr: new Writable({ write: (_chunk, _encoding, done) => done() }) },
});

/** The product's own way from a configuration to what a command works with, but for the seed's file. */
function withSinks<T>(
  p: CommandPorts,
  command: string,
  work: (repair: RepairContext) => Promise<T>,
): Promise<T> {
  const { clock, random } = p.process;
  const { signal } = new AbortController();
  const ports = { clock, random, signal };
  const note = (text: string): void => p.trace(`${p.process.name}: ${text}`);
  const sinks = p.sinks.map(({ name, sink }) => sinkConfig(name, sink));
  const { format, codec, level, encrypted } = p.settings;
  const pipeline = {
    ...{ name: "main", group: p.group, topics: [TOPIC], retentionMs: p.retentionMs, sinks },
    ...{ encryption: null, signing: null, format, onPoison: "keep" },
    ...{ batch: { bytes: p.batchBytes }, compression: { codec, level, recompress: "auto" } },
  } as unknown as PipelineConfig;
  const config = {
    ...{ baseDir: "/", sinks, pipelines: [pipeline], secrets: [] },
  } as unknown as Config;
  const view = KafkaView.over(p.client as unknown as KafkaClient, ports);
  const request = { command, config, pipeline, dryRun: false };
  const sealer: RepairContext["sealer"] = (seeds) => sealerOf(p.process, seeds);
  const own = { seeds: encrypted ? SEEDS : [], sealer, pauseMs: PAUSE_MS };
  return repairOver(view, request, { ...ports, note }, (r) => work({ ...r, ...own }));
}

const sinkConfig = (name: string, sink: Sink): SinkConfig => ({
  ...{ name, kind: "simulated", plugin: pluginOf(sink), config: {} },
  ...{ limits: { tryTimeoutMs: TRY_MS, limit: { concurrency: 8 } }, whenAway: { detachMs: null } },
  ...{ backfill: "wait", plaintext: "refuse" },
});

export const pluginOf = (sink: Sink): SinkPlugin => ({
  ...{ kind: "simulated", sdk: 1, schema: z.unknown() },
  open: () => Promise.resolve(sink),
});
