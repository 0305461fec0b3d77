import type { Config, PipelineConfig } from "../../config/config.ts";
import { ArchiverError } from "../../core/errors.ts";
import { decodePlans, type Plans } from "../../core/plan-codec.ts";
import type { Clock, Random } from "../../core/ports.ts";
import type { Scope } from "../../core/scope.ts";
import type { Signer } from "../../core/signature.ts";
import { primaryOf } from "../../daemon/primary.ts";
import { encodeIdentity } from "../../sdk/identity.ts";
import type { ArchiveIdentity } from "../../sdk/sink.ts";
import { SinkError } from "../../sdk/sink-error.ts";
import { loadSeeds, loadSigner, type Seed } from "../../seal/keys.ts";
import { type CutSealer, SealPool } from "../../seal/pool.ts";
import type { CommandContext } from "../command.ts";
import { KafkaView, keyOf, type PipelineView } from "../kafka-view.ts";
import { type CommandSink, withSinks } from "../open-sinks.ts";
import type { Expiry } from "../verify/expiry.ts";
import { expiryOf, selects } from "../verify/inputs.ts";
import { type Held, Operator } from "./operator.ts";

/** Everything a command that mends one pipeline's archive needs, opened. */
export interface RepairContext {
  readonly command: string;
  readonly config: Config;
  readonly pipeline: PipelineConfig;
  /** The primary first. */
  readonly sinks: readonly CommandSink[];
  readonly primary: CommandSink;
  readonly identity: ArchiveIdentity;
  readonly seeds: readonly Seed[];
  readonly signer: Signer | null;
  /** For batches that are made again; whoever asks closes it. */
  readonly sealer: (seeds: readonly Seed[]) => CutSealer;
  /** Null: Kafka is gone, and somebody said so. */
  readonly kafka: RepairKafka | null;
  /** Its data may be gone: nobody puts it back. */
  readonly expired: Expiry;
  readonly clock: Clock;
  readonly random: Random;
  readonly signal: AbortSignal;
  readonly note: (text: string) => void;
  /** False: another pipeline archives the topic, and only its group knows what is settled there. */
  readonly mine: (scope: Pick<Scope, "topic">) => boolean;
  /**
   * A partition is not kept paused for longer at a time, a batch that is being replaced aside: Kafka holds
   * what comes meanwhile.
   */
  readonly pauseMs: number;
  /** Does work that sets aside or deletes, while nobody archives the partition. */
  readonly paused: <T>(
    scope: Scope,
    work: (held: Held, signal: AbortSignal) => Promise<T>,
  ) => Promise<T>;
}

export interface RepairKafka {
  readonly view: KafkaView;
  readonly topics: PipelineView;
  /** Committed offset of the group where the scope is the one that is archived now; null: none. */
  settled(scope: Scope): bigint | null | "not-live";
  /** From where on some sink is marked as lacking what is committed; null: none is. */
  behind(scope: Scope): bigint | null;
  /** Where the newest batch ended when the group committed: up to that commit no record lies behind it. */
  archivedTo(scope: Scope): bigint | null;
}

export interface RepairRequest {
  readonly command: string;
  readonly config: Config;
  readonly pipeline: PipelineConfig;
  readonly withKafka: boolean;
  /** Nothing is written: an archive that is missing somewhere is not begun there. */
  readonly dryRun: boolean;
}

type RepairPorts = Pick<RepairContext, "clock" | "random" | "signal" | "note">;

const OPERATOR_WAIT_MS = 120_000;
const PAUSE_MS = 60_000;
const UNPAUSED: Held = { check: () => undefined };

/**
 * Opens Kafka, the sinks and the keys of a pipeline, and makes sure that they belong together.
 * @throws ArchiverError archive-foreign, nothing-in-scope
 */
export async function withRepair<T>(
  request: RepairRequest,
  context: CommandContext,
  work: (repair: RepairContext) => Promise<T>,
): Promise<T> {
  const view = request.withKafka ? await KafkaView.open(request.config, context) : null;
  const { clock, random, signal, out } = context;
  const note = (text: string): void => out.note(text);
  return repairOver(view, request, { clock, random, signal, note }, work);
}

/** The same where Kafka is open already, or is gone; closes it. */
export async function repairOver<T>(
  view: KafkaView | null,
  { config, pipeline, command, dryRun }: Omit<RepairRequest, "withKafka">,
  ports: RepairPorts,
  work: (repair: RepairContext) => Promise<T>,
): Promise<T> {
  const { clock, random, signal, note } = ports;
  const operator = new LazyOperator(() =>
    Operator.open(
      {
        ...{ client: needed(view).client, group: pipeline.group, command, clock, random, note },
        waitMs: OPERATOR_WAIT_MS,
      },
      signal,
    ),
  );
  try {
    return await withSinks(config, pipeline.sinks, ports, async (opened) => {
      const primary = primaryOf(opened);
      const sinks = [primary, ...opened.filter((o) => o !== primary)];
      const kafka = view === null ? null : await repairKafka(view, pipeline, sinks, signal);
      const clusterId = kafka?.topics.clusterId;
      const identity = await identityOf(sinks, { clusterId, dryRun }, signal);
      const { encryption, signing } = pipeline;
      return work({
        ...{ command, config, pipeline, sinks, primary, identity, kafka },
        seeds: encryption === null ? [] : await loadSeeds(encryption.seedFile),
        signer: signing === null ? null : loadSigner(signing.keyFile, signing.keyId),
        sealer: (own) => SealPool.open({ seeds: own, keepBytes: 0 }),
        ...{ clock, random, signal, note, expired: expiryOf(config.pipelines, clock.wall()) },
        mine: ({ topic }) =>
          selects(pipeline, topic) || !config.pipelines.some((p) => selects(p, topic)),
        pauseMs: PAUSE_MS,
        paused: async (scope, during) => {
          const live = kafka !== null && kafka.settled(scope) !== "not-live";
          if (!live) return during(UNPAUSED, signal);
          return (await operator.get()).paused(scope, during, signal);
        },
      });
    });
  } finally {
    await operator.close();
    await view?.close();
  }
}

/** The pipeline that archives a topic; several: the first. @throws ArchiverError nothing-in-scope */
export function pipelineOf(config: Config, topic: string): PipelineConfig {
  const found = config.pipelines.find((p) => selects(p, topic));
  if (found !== undefined) return found;
  throw new ArchiverError("nothing-in-scope", `no pipeline of the configuration archives ${topic}`);
}

/** Joins the operators' group at the first need of it. */
class LazyOperator {
  readonly #open: () => Promise<Operator>;
  #opened: Promise<Operator> | null = null;

  constructor(open: () => Promise<Operator>) {
    this.#open = open;
  }

  get(): Promise<Operator> {
    this.#opened ??= this.#open();
    return this.#opened;
  }

  async close(): Promise<void> {
    if (this.#opened === null) return;
    const [result] = await Promise.allSettled([this.#opened]);
    if (result.status === "fulfilled") await result.value.close();
  }
}

function needed(view: KafkaView | null): KafkaView {
  if (view !== null) return view;
  throw new ArchiverError("assertion-failed", "nobody is asked to pause without Kafka");
}

async function repairKafka(
  view: KafkaView,
  pipeline: PipelineConfig,
  sinks: readonly CommandSink[],
  signal: AbortSignal,
): Promise<RepairKafka> {
  const topics = await view.pipeline(pipeline);
  const committed = await topics.committed();
  const newest = new Map<string, number>();
  for (const { sink } of sinks) {
    for await (const s of sink.scopes(signal)) {
      const key = `${s.topic}/${s.topicId}/${s.partition}`;
      newest.set(key, Math.max(newest.get(key) ?? 0, s.branch));
    }
  }
  const settled: RepairKafka["settled"] = (scope) => {
    const { topic, topicId, partition, branch } = scope;
    if (topics.catalogue.get(topic)?.topicId !== topicId) return "not-live";
    if (branch < (newest.get(`${topic}/${topicId}/${partition}`) ?? 0)) return "not-live";
    return committed.get(keyOf(scope))?.offset ?? null;
  };
  const saidOf = (scope: Scope): Plans | null => {
    if (topics.catalogue.get(scope.topic)?.topicId !== scope.topicId) return null;
    const found = decodePlans(committed.get(keyOf(scope))?.metadata ?? "");
    return "invalid" in found ? null : found;
  };
  const behind: RepairKafka["behind"] = (scope) =>
    (saidOf(scope)?.behind ?? []).map((b) => b.offset).reduce<bigint | null>(least, null);
  const archivedTo: RepairKafka["archivedTo"] = (scope) =>
    settled(scope) === "not-live" ? null : (saidOf(scope)?.chain?.offset ?? null);
  return { view, topics, settled, behind, archivedTo };
}

const least = (a: bigint | null, b: bigint): bigint => (a === null || b < a ? b : a);

/** Of the archive that all these sinks belong to; one that has none yet is made part of it. */
async function identityOf(
  sinks: readonly CommandSink[],
  { clusterId, dryRun }: { readonly clusterId: string | undefined; readonly dryRun: boolean },
  signal: AbortSignal,
): Promise<ArchiveIdentity> {
  const there = await Promise.all(sinks.map(({ sink }) => sink.identity(signal)));
  const identity = there.find((i) => i !== undefined);
  const [primary] = sinks;
  if (identity === undefined || primary === undefined) {
    const names = sinks.map((s) => s.name).join(", ");
    throw new ArchiverError("nothing-in-scope", `none of the sinks ${names} holds an archive`);
  }
  const holder = sinks[there.indexOf(identity)];
  if (holder !== undefined && !dryRun && there.includes(undefined))
    await assertReadsAgain(holder, identity, signal);
  for (const [i, { name, sink }] of sinks.entries()) {
    const own = there[i] ?? (dryRun ? identity : await sink.claim(identity, signal));
    if (own.archiveId === identity.archiveId && own.clusterId === identity.clusterId) continue;
    const text = `sink ${name} is of archive ${own.archiveId}, another of ${identity.archiveId}`;
    throw new ArchiverError("archive-foreign", text);
  }
  if (identity.primary !== primary.name) {
    const text = `archive.json says primary ${identity.primary}, this configuration has ${primary.name}`;
    throw new ArchiverError("archive-foreign", text);
  }
  if (clusterId !== undefined && clusterId !== identity.clusterId) {
    const text = `the archive is of cluster ${identity.clusterId}, Kafka is ${clusterId}`;
    throw new ArchiverError("archive-foreign", text);
  }
  return identity;
}

/** One that was misread, and still is one, would become that of another sink. */
async function assertReadsAgain(
  { name, sink }: CommandSink,
  identity: ArchiveIdentity,
  signal: AbortSignal,
): Promise<void> {
  const again = await sink.identity(signal);
  if (again !== undefined && encodeIdentity(again) === encodeIdentity(identity)) return;
  throw new SinkError("sink-transient", `sink ${name} reads archive.json otherwise at every look`);
}
