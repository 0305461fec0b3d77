import { Writable } from "node:stream";
import { z } from "zod";
import type { Config, PipelineConfig, SinkConfig } from "../../../src/config/config.ts";
import type { KafkaClient } from "../../../src/kafka/client/kafka-client.ts";
import { Arguments } from "../../../src/operate/arguments.ts";
import { KafkaView } from "../../../src/operate/kafka-view.ts";
import { prunePipeline } from "../../../src/operate/prune.ts";
import { type RepairContext, repairOver } from "../../../src/operate/repair/context.ts";
import { rewrapScope } from "../../../src/operate/repair/rewrap-scope.ts";
import { byScope } from "../../../src/operate/verify/scope-filter.ts";
import type { Scope } from "../../../src/core/scope.ts";
import type { Sink, SinkPlugin } from "../../../src/sdk/sink.ts";
import type { SimProcess } from "../core/process.ts";
import type { SimClient } from "../kafka/client.ts";
import { KEYS, SEEDS } from "./keys.ts";
import { TOPIC } from "./settings.ts";

export interface CommandPorts {
  readonly process: SimProcess;
  readonly client: SimClient;
  readonly sinks: readonly { readonly name: string; readonly sink: Sink }[];
  readonly group: string;
  readonly retentionMs: number | null;
  readonly trace: (line: string) => void;
}

const TRY_MS = 15_000;
/** Of one pause: some batches, so that there are several. */
const PAUSE_MS = 1_500;

/** What `rewrap` does with its options and files read; the answer is what it would report. */
export function rewrap(p: CommandPorts, recipients: readonly string[]): Promise<readonly string[]> {
  return withSinks(p, "rewrap", async (repair) => {
    const scopes: Scope[] = [];
    for await (const scope of repair.primary.sink.scopes(repair.signal)) scopes.push(scope);
    const options = {
      ...{ sinks: repair.sinks, recipients: () => recipients, dryRun: false, pauseMs: PAUSE_MS },
      identities: KEYS.map((k) => k.secret),
      onDone: () => undefined,
    };
    const problems: string[] = [];
    for (const scope of scopes.sort(byScope)) {
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
    const { clock } = repair;
    const stderr = new Writable({ write: (_chunk, _encoding, done) => done() });
    const all = new Arguments({ maxDeletePercent: 100 });
    const done = await prunePipeline(repair, all, { clock, out: { stderr } });
    const partitions = done.sinks.flatMap(({ name, partitions: own }) =>
      own.map((x) => ({ name, ...x })),
    );
    for (const { name, topic: _topic, ...x } of partitions)
      p.trace(
        `${p.process.name} ${name} ${JSON.stringify(x, (_, v: unknown) => (typeof v === "bigint" ? Number(v) : v))}`,
      );
    const damaged = partitions.filter((x) => x.damaged > 0);
    return damaged.map((x) => `${x.name} ${x.partition}/${x.branch}: ${x.damaged} damaged`);
  });
}

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
  const pipeline = {
    ...{ name: "main", group: p.group, topics: [TOPIC], retentionMs: p.retentionMs, sinks },
    ...{ encryption: null, signing: null },
  } as unknown as PipelineConfig;
  const config = {
    ...{ baseDir: "/", sinks, pipelines: [pipeline], secrets: [] },
  } as unknown as Config;
  const view = KafkaView.over(p.client as unknown as KafkaClient, ports);
  const request = { command, config, pipeline, dryRun: false };
  return repairOver(view, request, { ...ports, note }, (r) => work({ ...r, seeds: SEEDS }));
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
