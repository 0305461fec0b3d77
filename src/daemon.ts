import { randomUUID } from "node:crypto";
import { BlockPool } from "./batch/block-buffer.ts";
import type { Config, PipelineConfig } from "./config/config.ts";
import { kafkaOptions } from "./config/kafka-options.ts";
import { Budget } from "./core/budget.ts";
import { ArchiverError } from "./core/errors.ts";
import { Archiver, FETCH } from "./daemon/archiver.ts";
import { eventOf } from "./daemon/events.ts";
import { judgeOf } from "./daemon/judge.ts";
import { nodeClock, nodeRandom } from "./daemon/node-ports.ts";
import { claimArchive, type ClaimPorts, type OpenedSink, openSinks } from "./daemon/open-sinks.ts";
import { recipes } from "./daemon/recipes.ts";
import { statusOf } from "./daemon/status.ts";
import { KafkaClient } from "./kafka/client/kafka-client.ts";
import { TopicCatalogue } from "./kafka/topics.ts";
import type { DaemonHost } from "./observe/daemon-host.ts";
import { failpointHitter, type HitFailpoint, parseFailpoint } from "./pipeline/failpoint.ts";
import { checkRecipients, loadSeeds, loadSigner, type Seed } from "./seal/keys.ts";
import { type CutSealer, SealPool } from "./seal/pool.ts";

/**
 * Free buffers for sealed files that are kept for re-use, as free blocks are. Half, because a batch's
 * reservation is half raw and half sealed bytes: what is free has room in what is not reserved.
 */
const keptBytes = (memoryBytes: number): number => Math.floor(memoryBytes / 2);

/** The part of `memory` that no batch may use: the answers of Kafka that arrive. */
const beside = (memoryBytes: number): number =>
  2 * Math.min(FETCH.maxResponseBytes, memoryBytes / 16);

/** What all pipelines of the process share. */
interface Shared {
  readonly config: Config;
  readonly host: DaemonHost;
  readonly client: KafkaClient;
  readonly budget: Budget;
  readonly pool: BlockPool;
  readonly failpoint: HitFailpoint;
}

interface Pipeline {
  readonly group: string;
  readonly archiver: Archiver;
  readonly sinks: readonly OpenedSink[];
  readonly sealer: CutSealer;
  readonly archiveId: string;
  readonly clusterId: string;
}

/**
 * Archives until the signal aborts, then drains: what is ready is delivered and committed, within
 * `drainTimeout`. Rejects with what an operator has to change before anything can run.
 */
export async function runDaemon(
  config: Config,
  host: DaemonHost,
  signal: AbortSignal,
): Promise<void> {
  const point = host.env["BULK_ARCHIVER_FAILPOINT"] ?? "";
  const client = await KafkaClient.open(kafkaOptions(config.kafka), host.log, signal);
  const shared: Shared = {
    config,
    host,
    client,
    budget: new Budget(config.memoryBytes - beside(config.memoryBytes)),
    pool: new BlockPool(config.memoryBytes),
    failpoint: failpointHitter(point === "" ? null : parseFailpoint(point)),
  };
  const pipelines: Pipeline[] = [];
  try {
    for (const p of config.pipelines) pipelines.push(await open(shared, p, signal));
    announce(shared, pipelines);
    await work(shared, pipelines, signal);
  } finally {
    for (const p of pipelines) {
      await p.sealer.close();
      for (const { sink } of p.sinks) await sink.close();
    }
    await client.close();
  }
}

async function work(s: Shared, pipelines: readonly Pipeline[], signal: AbortSignal): Promise<void> {
  const deadlineMs = s.config.drainTimeoutMs;
  const runs = Promise.all(pipelines.map((p) => p.archiver.run()));
  const stopped = new Promise<void>((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener("abort", () => resolve(), { once: true });
  });
  await Promise.race([stopped, runs]);
  s.host.emit({ what: "daemon-stopping", deadlineMs });
  await Promise.all(pipelines.map((p) => p.archiver.drain(deadlineMs)));
  await runs;
}

async function open(s: Shared, p: PipelineConfig, signal: AbortSignal): Promise<Pipeline> {
  const { client, config, host } = s;
  const { kafka } = config;
  const catalogue = new TopicCatalogue(client, p.topics);
  await catalogue.refresh(signal, true);
  const { clusterId } = catalogue;
  const seeds = await seedsOf(p);
  const signer = p.signing === null ? null : loadSigner(p.signing.keyFile, p.signing.keyId);
  const partitionCount = (topic: string): number | undefined =>
    catalogue.get(topic)?.partitions.length;
  const sinks = await sinksOf(s, p, partitionCount, signal);
  const archiveId = await claim(s, sinks, p, clusterId, signal);
  const pool = SealPool.open({ seeds, keepBytes: keptBytes(config.memoryBytes) });
  const settings = {
    archiveId,
    clusterId,
    format: p.format,
    ...p.compression,
    onPoison: p.onPoison,
    recipients: p.encryption?.recipients ?? [],
    keyIds: seeds.map((seed) => seed.keyId),
    withRecordsDigest: sinks.some((named) => named.sink.capabilities.accepts === "records"),
  };
  const archiver = new Archiver({
    group: p.group,
    instanceId: kafka.instanceId,
    sessionTimeoutMs: kafka.sessionTimeoutMs,
    heartbeatMs: kafka.heartbeatMs,
    start: p.start,
    policy: p.batch,
    archiveId,
    clusterId,
    client,
    catalogue,
    sinks,
    sealer: pool,
    recipe: recipes(settings, nodeRandom),
    judge: (fetcher, scope) =>
      judgeOf({
        ...{ archiveId, clusterId, seeds, signer, sealer: pool, fetcher, scope },
        clock: nodeClock,
      }),
    budget: s.budget,
    pool: s.pool,
    clock: nodeClock,
    random: nodeRandom,
    log: host.log,
    failpoint: s.failpoint,
    emit: (scope, event) => {
      if (event.what !== "head") host.emit(eventOf(scope, event));
    },
    onAssigned: ({ generation, partitions }, added) =>
      host.emit({
        what: "partitions-assigned",
        group: p.group,
        generation,
        partitions: partitions.length,
        added,
      }),
    onFetched: (topic, bytes) => host.emit({ what: "fetched", topic, bytes }),
    onFetchFailed: (broker, { code, message }) =>
      host.emit({ what: "fetch-failed", broker, code, text: message }),
    onLost: (reason) => host.emit({ what: "membership-lost", group: p.group, reason }),
    onRetentionNear: (text) => host.emit({ what: "warned", code: "retention-near", text }),
    onGivenUp: (text) => host.emit({ what: "warned", code: "offsets-given-up", text }),
    onBranch: (text) => host.emit({ what: "warned", code: "log-cut-short", text }),
    about: {},
  });
  return { group: p.group, archiver, sinks, sealer: pool, archiveId, clusterId };
}

async function seedsOf(p: PipelineConfig): Promise<readonly Seed[]> {
  if (p.encryption === null) return [];
  checkRecipients(p.encryption.recipients);
  return loadSeeds(p.encryption.seedFile);
}

function sinksOf(
  s: Shared,
  p: PipelineConfig,
  partitionCount: (topic: string) => number | undefined,
  signal: AbortSignal,
): Promise<OpenedSink[]> {
  const { emit } = s.host;
  return openSinks(
    p.sinks,
    {
      clock: nodeClock,
      random: nodeRandom,
      baseDir: s.config.baseDir,
      partitionCount,
      onEvent: (event) => emit({ what: "sink-called", ...event }),
      onHealth: (sink, health) =>
        emit({
          what: "sink-state",
          sink,
          state: health.state,
          ...(health.lastError === undefined
            ? {}
            : { code: health.lastError.code, text: health.lastError.text }),
        }),
    },
    signal,
  );
}

function claim(
  s: Shared,
  sinks: readonly OpenedSink[],
  p: PipelineConfig,
  clusterId: string,
  signal: AbortSignal,
): Promise<string> {
  const primary = sinks[0]?.name ?? "";
  const wanted = { version: 1, clusterId, primary, layout: 1, group: p.group } as const;
  const warn: ClaimPorts["warn"] = (code, text) => s.host.emit({ what: "warned", code, text });
  return claimArchive(sinks, wanted, { clock: nodeClock, freshId: randomUUID(), warn }, signal);
}

function announce(s: Shared, pipelines: readonly Pipeline[]): void {
  const { host, budget, config } = s;
  const [first] = pipelines;
  if (first === undefined) throw new ArchiverError("config-invalid", "no pipeline is configured");
  const { clusterId, archiveId, sinks } = first;
  const named = config.pipelines.map(({ name, group }) => ({ name, group }));
  const shown = sinks.map(({ name, kind }, i) => ({ name, kind, primary: i === 0 }));
  host.emit({ what: "daemon-started", clusterId, archiveId, pipelines: named, sinks: shown });
  const { tool, version } = host;
  const { instanceId } = config.kafka;
  host.publish({
    status: () =>
      statusOf({
        tool,
        version,
        clusterId,
        archivers: pipelines,
        sinks,
        instanceId,
        budget,
        clock: nodeClock,
      }),
    notReady: () => {
      const joining = pipelines.find((p) => p.archiver.member.state().status !== "stable");
      if (joining === undefined) return null;
      const { lastError } = joining.archiver.member.state();
      const why = lastError === null ? "" : `: ${lastError}`;
      return `group ${joining.group} is being joined${why}`;
    },
  });
}
