import { isKafkaError } from "../../kafka/target/kafka-answers.ts";
import { COPY_SETTINGS } from "../../kafka/target/topic-settings.ts";
import type { TargetCluster } from "../../kafka/target/target-cluster.ts";
import { ensureTopic } from "../../kafka/target/topics-of-target.ts";
import type { Config, PipelineConfig } from "../../config/config.ts";
import { ArchiverError } from "../../core/errors.ts";
import { describeConfigs } from "../../kafka/requests/configs.ts";
import type { TopicMetadata } from "../../kafka/requests/metadata.ts";
import type { ArchiveIdentity } from "../../sdk/sink.ts";

const DEFAULT_MAX_BYTES = 1_048_588;

export interface TargetOptions {
  readonly topic: string;
  /** Partitions that the topic must have. */
  readonly partitions: number;
  /** Of a topic that is made; at least `partitions`. */
  readonly newPartitions: () => Promise<number>;
  /** False: a missing topic is refused. */
  readonly create: boolean;
  readonly dryRun: boolean;
  readonly replicationFactor: number;
  readonly settings: Readonly<Record<string, string>>;
}

export interface TargetTopic {
  readonly topic: string;
  readonly topicId: string;
  readonly partitions: number;
  /** `would-be`: a dry run, there is none yet. */
  readonly created: "no" | "yes" | "would-be";
  /** Bytes of one record batch. */
  readonly maxBatchBytes: number;
  /** What an operator should know before records go there. */
  readonly warnings: readonly string[];
}

/** Finds or makes the topic that records go to. @throws ArchiverError usage, topic-missing */
export async function targetTopic(
  target: TargetCluster,
  o: TargetOptions,
  signal: AbortSignal,
): Promise<TargetTopic> {
  const { topic } = o;
  let found = await target.topic(topic, signal);
  let partitions = found?.partitions.length ?? 0;
  let created: TargetTopic["created"] = "no";
  if (found === undefined) {
    if (!o.create) throw new ArchiverError("topic-missing", `the target has no topic ${topic}`);
    created = o.dryRun ? "would-be" : "yes";
    partitions = Math.max(o.partitions, await o.newPartitions());
    if (!o.dryRun) found = await made(target, o, partitions, signal);
  }
  if (partitions < o.partitions) {
    const text = `${topic} has ${partitions} partitions, ${o.partitions} are needed: add some, or put them together with --map`;
    throw new ArchiverError("usage", text);
  }
  const settings =
    found === undefined ? new Map<string, string>() : await settingsOf(target, topic, signal);
  if (settings.get("message.timestamp.type") === "LogAppendTime") {
    const text = `${topic} has message.timestamp.type=LogAppendTime: the records' own timestamps would be lost`;
    throw new ArchiverError("usage", text);
  }
  return {
    topic,
    topicId: found?.topicId ?? "_",
    partitions,
    created,
    maxBatchBytes: Number(settings.get("max.message.bytes") ?? DEFAULT_MAX_BYTES),
    warnings: warningsOf(topic, settings),
  };
}

async function made(
  target: TargetCluster,
  o: TargetOptions,
  partitions: number,
  signal: AbortSignal,
): Promise<TopicMetadata | undefined> {
  const { topic, replicationFactor } = o;
  const settings = { ...COPY_SETTINGS, ...o.settings };
  await ensureTopic(target, { topic, partitions, replicationFactor, settings }, signal);
  return target.topic(topic, signal);
}

async function settingsOf(
  target: TargetCluster,
  topic: string,
  signal: AbortSignal,
): Promise<ReadonlyMap<string, string>> {
  const names = ["message.timestamp.type", "max.message.bytes", "retention.ms", "cleanup.policy"];
  try {
    const request = describeConfigs([{ type: "topic", name: topic }], names);
    const [found] = await target.sendToAny(request, signal);
    return found?.settings ?? new Map();
  } catch (error) {
    // Without the right to read settings the brokers' defaults are taken; a broker still refuses what it must.
    if (isKafkaError(error, "TOPIC_AUTHORIZATION_FAILED", "CLUSTER_AUTHORIZATION_FAILED")) {
      return new Map();
    }
    throw error;
  }
}

function warningsOf(topic: string, settings: ReadonlyMap<string, string>): string[] {
  const warnings: string[] = [];
  const retention = settings.get("retention.ms");
  const policy = settings.get("cleanup.policy") ?? "delete";
  if (policy.includes("delete") && retention !== undefined && retention !== "-1") {
    const days = (Number(retention) / 86_400_000).toFixed(1);
    warnings.push(
      `${topic} keeps records for ${days} days by their own timestamps: older ones will be deleted again (retention.ms)`,
    );
  }
  if (policy.includes("compact")) {
    warnings.push(`${topic} is compacted: older records of a key will be deleted (cleanup.policy)`);
  }
  return warnings;
}

/**
 * A daemon that archives the target would archive what it had archived before.
 * @throws ArchiverError usage
 */
export function refuseLoop(
  config: Config,
  identity: ArchiveIdentity,
  to: { readonly topic: string; readonly clusterId: string },
): void {
  if (identity.clusterId !== to.clusterId) return;
  const looping = config.pipelines.find((p) => selects(p, to.topic));
  if (looping === undefined) return;
  const text =
    `pipeline ${looping.name} archives ${to.topic} of this cluster: what is restored there would be ` +
    "archived again. Choose another --to-topic, or allow it with --allow-loop";
  throw new ArchiverError("usage", text);
}

const selects = (pipeline: PipelineConfig, topic: string): boolean =>
  pipeline.topics.some((t) =>
    typeof t === "string" ? t === topic : new RegExp(t.regex, "u").test(topic),
  );
