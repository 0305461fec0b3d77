import { randomUUID } from "node:crypto";
import type { BlockPool } from "../batch/block-buffer.ts";
import { type BatchPolicy, within } from "../batch/policy.ts";
import type { Config, PipelineConfig } from "../config/config.ts";
import type { Budget } from "../core/budget.ts";
import type { KafkaClient } from "../kafka/client/kafka-client.ts";
import { TopicCatalogue } from "../kafka/topics.ts";
import type { DaemonHost } from "../observe/daemon-host.ts";
import type { Emit } from "../observe/events.ts";
import type { HitFailpoint } from "../pipeline/failpoint.ts";
import { checkRecipients, loadSeeds, loadSigner, type Seed } from "../seal/keys.ts";
import { SealPool } from "../seal/pool.ts";
import { Archiver } from "./archiver.ts";
import { ABOUT, type ViewedPipeline } from "./daemon-view.ts";
import { eventOf } from "./events.ts";
import { judgeOf } from "./judge.ts";
import { nodeClock, nodeRandom } from "./node-ports.ts";
import { claimArchive, type ClaimPorts, type OpenedSink, openSinks } from "./open-sinks.ts";
import { type HeadsPorts, openHeads } from "./pipeline-heads.ts";
import { recipes } from "./recipes.ts";

/** What a pipeline gets of the process. */
export interface Shared {
  readonly config: Config;
  readonly host: DaemonHost;
  /** Connections of its own: a broker answers those of one connection in order. */
  readonly client: (signal: AbortSignal) => Promise<KafkaClient>;
  /** Its share. */
  readonly budget: Budget;
  readonly maxFetchBytes: number;
  readonly pool: BlockPool;
  readonly sealing: { readonly threads: number; readonly keepBytes: number };
  readonly failpoint: HitFailpoint;
}

export interface Pipeline extends ViewedPipeline {
  readonly name: string;
  /** Of a source topic. */
  readonly partitionCount: (topic: string) => number | undefined;
  readonly client: KafkaClient;
  readonly archiveId: string;
  readonly clusterId: string;
  close(): Promise<void>;
}

/**
 * Connects and claims what one pipeline needs; nothing is read or written before its archiver runs.
 * What was opened is closed again when something is refused.
 */
export async function openPipeline(
  s: Shared,
  p: PipelineConfig,
  signal: AbortSignal,
): Promise<Pipeline> {
  await using opened = new AsyncDisposableStack();
  const pipeline = await open(s, p, opened, signal);
  const all = opened.move();
  return { ...pipeline, close: () => all.disposeAsync() };
}

async function open(
  s: Shared,
  p: PipelineConfig,
  opened: AsyncDisposableStack,
  signal: AbortSignal,
): Promise<Omit<Pipeline, "close">> {
  const { config, host, budget } = s;
  const { kafka } = config;
  const emit: Emit = (event) => host.emit({ ...event, pipeline: p.name });
  const client = await s.client(signal);
  opened.defer(() => client.close());
  const catalogue = new TopicCatalogue(client, p.topics);
  await catalogue.refresh(signal, true);
  const { clusterId } = catalogue;
  const seeds = await seedsOf(p);
  const signer = p.signing === null ? null : loadSigner(p.signing.keyFile, p.signing.keyId);
  const partitionCount = (topic: string): number | undefined =>
    catalogue.get(topic)?.partitions.length;
  const sinks = await sinksOf(s, p, partitionCount, opened, signal);
  const archiveId = await claim(s, sinks, p, clusterId, signal);
  const pool = SealPool.open({ seeds, ...s.sealing });
  opened.defer(() => pool.close());
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
  const headPorts = { identity: { archiveId, clusterId, signer, sinks }, client, config };
  const heads = p.heads && (await openHeads(p.heads, { ...headPorts, ...nodePorts(s) }, signal));
  if (heads !== null) opened.defer(() => heads.close());
  const archiver = new Archiver({
    group: p.group,
    instanceId: kafka.instanceId,
    sessionTimeoutMs: kafka.sessionTimeoutMs,
    heartbeatMs: kafka.heartbeatMs,
    start: p.start,
    policy: policyOf(s, p, sinks),
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
        retentionMs: p.retentionMs,
        clock: nodeClock,
      }),
    budget,
    maxFetchBytes: s.maxFetchBytes,
    pool: s.pool,
    clock: nodeClock,
    random: nodeRandom,
    log: host.log,
    failpoint: s.failpoint,
    emit: (scope, event) => {
      if (event.what === "head") heads?.saw(scope, event);
      else emit(eventOf(scope, event));
    },
    onAssigned: ({ generation, partitions }, added) =>
      emit({
        what: "partitions-assigned",
        group: p.group,
        generation,
        partitions: partitions.length,
        added,
      }),
    onFetched: (topic, bytes) => emit({ what: "fetched", topic, bytes }),
    onFetchFailed: (broker, { code, message }) =>
      emit({ what: "fetch-failed", broker, code, text: message }),
    onLost: (reason) => emit({ what: "membership-lost", group: p.group, reason }),
    onRetentionNear: (text) => emit({ what: "warned", code: "retention-near", text }),
    onGivenUp: (text) => emit({ what: "warned", code: "offsets-given-up", text }),
    onBranch: (text) => emit({ what: "warned", code: "log-cut-short", text }),
    about: ABOUT,
    ...(host.endsAt === undefined ? {} : { endsAt: host.endsAt }),
  });
  const { name, group } = p;
  return {
    ...{ name, group, archiver, catalogue, client, sinks, archiveId, clusterId },
    partitionCount,
  };
}

/** Batches are never split, so they are cut for the sink that takes the least. */
function policyOf({ host }: Shared, p: PipelineConfig, sinks: readonly OpenedSink[]): BatchPolicy {
  const [least] = sinks.toSorted((a, b) => maxBytesOf(a) - maxBytesOf(b));
  const policy = least === undefined ? p.batch : within(p.batch, maxBytesOf(least), p.format);
  if (policy.bytes < p.batch.bytes) {
    const text = `sink ${least?.name} takes files of ${least && maxBytesOf(least)} bytes at most: batches are cut at ${policy.bytes} bytes, not at batch.bytes`;
    host.emit({ what: "warned", code: "batch-bytes-lowered", text });
  }
  return policy;
}

const maxBytesOf = ({ sink }: OpenedSink): number => sink.capabilities.maxBatchBytes;

const nodePorts = ({ host }: Shared): Pick<HeadsPorts, "clock" | "log"> => ({
  clock: nodeClock,
  log: host.log,
});

async function seedsOf(p: PipelineConfig): Promise<readonly Seed[]> {
  if (p.encryption === null) return [];
  checkRecipients(p.encryption.recipients);
  return loadSeeds(p.encryption.seedFile);
}

async function sinksOf(
  s: Shared,
  p: PipelineConfig,
  partitionCount: (topic: string) => number | undefined,
  opened: AsyncDisposableStack,
  signal: AbortSignal,
): Promise<OpenedSink[]> {
  const { emit, redact } = s.host;
  const sinks = await openSinks(
    p.sinks,
    {
      clock: nodeClock,
      random: nodeRandom,
      baseDir: s.config.baseDir,
      ...{ partitionCount, redact, encrypted: p.encryption !== null },
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
  for (const { sink } of sinks) opened.defer(() => sink.close());
  return sinks;
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
