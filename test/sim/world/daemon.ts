import { Budget } from "../../../src/core/budget.ts";
import { BlockPool } from "../../../src/batch/block-buffer.ts";
import { Archiver } from "../../../src/daemon/archiver.ts";
import { judgeOf } from "../../../src/daemon/judge.ts";
import { claimArchive, openSinks } from "../../../src/daemon/open-sinks.ts";
import { recipes, type SealSettings } from "../../../src/daemon/recipes.ts";
import type { KafkaClient } from "../../../src/kafka/client/kafka-client.ts";
import type { Log } from "../../../src/kafka/client/options.ts";
import { TopicCatalogue } from "../../../src/kafka/topics.ts";
import type { TaskEvent } from "../../../src/pipeline/ports.ts";
import type { Sink } from "../../../src/sdk/sink.ts";
import type { LimitOptions } from "../../../src/deliver/limit.ts";
import { Patience } from "../check/patience.ts";
import type { SimProcess } from "../core/process.ts";
import type { SimClient } from "../kafka/client.ts";
import { pluginOf } from "./commands.ts";
import { KEYS, SEEDS } from "./keys.ts";
import { sealerOf } from "./sealer.ts";
import { type DaemonSettings, type SinkSettings, TOPIC } from "./settings.ts";

export interface DaemonPorts {
  readonly process: SimProcess;
  readonly client: SimClient;
  readonly sinks: readonly { readonly settings: SinkSettings; readonly sink: Sink }[];
  readonly settings: DaemonSettings;
  readonly group: string;
  readonly instanceId: string | null;
  readonly policy: { readonly bytes: number; readonly ageMs: number };
  readonly memoryBytes: number;
  readonly retentionMs: number | null;
  readonly freshId: string;
  readonly onEvent: (partition: number, topicId: string, event: TaskEvent) => void;
  /** It goes on without a sink that it had reached; `judge` throws when it has not waited long enough. */
  readonly onDetached: (partition: number, sink: string, judge: () => void) => void;
  readonly trace: (line: string) => void;
}

export interface RunningDaemon {
  readonly budget: Budget;
  readonly archiver: Archiver;
  /** Resolves when it has ended by itself; rejects with what it would end the process with. */
  readonly ended: Promise<void>;
}

const SESSION_MS = 6_000;
const HEARTBEAT_MS = 1_500;
const TRY_MS = 15_000;

/** What `src/daemon.ts` does with a configuration, on simulated ports. */
export async function startDaemon(p: DaemonPorts): Promise<RunningDaemon> {
  const { process, settings } = p;
  const { clock, random } = process;
  // The requests are the product's own; only the connections below them are simulated.
  const client = p.client as unknown as KafkaClient;
  const lifetime = new AbortController().signal;
  const catalogue = new TopicCatalogue(client, [TOPIC]);
  await catalogue.refresh(lifetime, true);
  const { clusterId } = catalogue;
  const patience = new Patience(
    p.sinks.map((s) => s.settings),
    () => clock.now(),
  );
  const sinks = await openSinks(
    p.sinks.map(({ settings: s, sink }) => ({
      ...{ name: s.name, kind: "simulated", plugin: pluginOf(sink), config: {} },
      limits: { tryTimeoutMs: TRY_MS, limit: limitOf(s) },
      whenAway: { detachMs: s.detachMs },
    })),
    {
      ...{ clock, random, baseDir: "/", partitionCount: () => undefined },
      encrypted: settings.encrypted,
      redact: (text) => text,
      onEvent: () => undefined,
      onHealth: (name, health) => {
        patience.health(name, health.state);
        p.trace(`${process.name}: sink ${name} is ${health.state}`);
      },
    },
    lifetime,
  );
  const primary = sinks[0]?.name ?? "";
  const identity = { version: 1, clusterId, primary, layout: 1, group: p.group } as const;
  const warn = (code: string, text: string): void => p.trace(`${process.name}: ${code}: ${text}`);
  const claim = { clock, freshId: p.freshId, warn };
  const archiveId = await claimArchive(sinks, identity, claim, lifetime);
  const seeds = settings.encrypted ? SEEDS : [];
  const sealer = sealerOf(process, seeds);
  const { format, codec, level } = settings;
  const seal: SealSettings = {
    ...{ archiveId, clusterId, format, codec, level, recompress: "auto", onPoison: "keep" },
    recipients: settings.encrypted ? KEYS.slice(0, 1).map((k) => k.recipient) : [],
    keyIds: seeds.map((s) => s.keyId),
    withRecordsDigest: sinks.some((s) => s.sink.capabilities.accepts === "records"),
  };
  const budget = new Budget(p.memoryBytes);
  const log = logTo((text) => p.trace(`${process.name}: ${text}`));
  const archiver = new Archiver({
    ...{ group: p.group, instanceId: p.instanceId, start: "earliest", archiveId, clusterId },
    ...{ sessionTimeoutMs: SESSION_MS, heartbeatMs: HEARTBEAT_MS },
    policy: { ...p.policy, idleMs: null },
    ...{ client, catalogue, sinks, sealer, budget, clock, random, log },
    recipe: recipes(seal, random),
    judge: (fetcher, scope) =>
      judgeOf({
        ...{ archiveId, clusterId, seeds, retentionMs: p.retentionMs, signer: null },
        ...{ sealer, fetcher, scope, clock },
      }),
    pool: new BlockPool(p.memoryBytes),
    failpoint: () => undefined,
    emit: (scope, event) => {
      p.onEvent(scope.partition, scope.topicId, event);
      if (event.what !== "detached") return;
      const { sink } = event;
      if (sinks.find((s) => s.name === sink)?.claim.done !== true) return;
      p.onDetached(scope.partition, sink, () => patience.detached(sink));
    },
    onAssigned: (lease) =>
      p.trace(
        `${process.name}: generation ${lease.generation} ` +
          `owns ${lease.partitions.map((x) => x.partition).join(" ") || "nothing"}`,
      ),
    onFetched: () => undefined,
    onFetchFailed: () => undefined,
    onLost: (reason) => p.trace(`${process.name}: membership lost: ${reason}`),
    maxFetchBytes: 1 << 20,
    onGivenUp: () => undefined,
    onRetentionNear: (text) => p.trace(`${process.name}: ${text}`),
    onBranch: (text) => p.trace(`${process.name}: ${text}`),
    about: {},
  });
  return { budget, archiver, ended: archiver.run() };
}

const limitOf = ({ concurrency, bytesPerSecond }: SinkSettings): LimitOptions =>
  bytesPerSecond === null ? { concurrency } : { concurrency, bytesPerSecond };

function logTo(say: (text: string) => void): Log {
  const line = (fields: object, text: string): void =>
    say(
      `${text} ${JSON.stringify(fields, (_, v: unknown) => (typeof v === "bigint" ? String(v) : v))}`,
    );
  return { debug: () => undefined, info: line, warn: line, error: line };
}
