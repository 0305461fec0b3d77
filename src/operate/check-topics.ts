import type { PipelineConfig } from "../config/config.ts";
import { ArchiverError } from "../core/errors.ts";
import { describeConfigs } from "../kafka/requests/configs.ts";
import type { TopicMetadata } from "../kafka/requests/metadata.ts";
import { failure, type Found, warning } from "./check-report.ts";
import { type KafkaView, keyOf, type PipelineView } from "./kafka-view.ts";

const TOPIC_SETTINGS = [
  "cleanup.policy",
  "retention.ms",
  "min.insync.replicas",
  "unclean.leader.election.enable",
];
const BROKER_SETTINGS = [
  "offset.metadata.max.bytes",
  "offsets.retention.minutes",
  "group.max.session.timeout.ms",
  "group.min.session.timeout.ms",
];

/** A full commit: four plans of about 300 characters, the head of the chain. */
const METADATA_BYTES = 2048;
/** Below this, a week-end with a sink away is more than Kafka keeps. */
const SHORT_RETENTION_MS = 86_400_000;
/** Partitions named in one finding at most. */
const MAX_NAMED = 5;

/** Settings of topics and brokers under which records can be lost before they are archived. */
export async function checkTopics(
  kafka: KafkaView,
  view: PipelineView,
  sessionTimeoutMs: number,
  signal: AbortSignal,
): Promise<Found[]> {
  return [
    ...view.topics.flatMap(checkReplicas),
    ...(await checkSettings(kafka, view, sessionTimeoutMs, signal)),
    ...(await checkRetention(view)),
  ];
}

function checkReplicas(topic: TopicMetadata): Found[] {
  const about = `topic ${topic.topic}`;
  const found: Found[] = [];
  if (topic.topicId === "_") {
    const text =
      "the broker has no topic ids: a topic that is deleted and created again is not noticed";
    found.push(warning(about, "no-topic-id", text));
  }
  if (topic.partitions.some((p) => p.replicas.length < 2)) {
    const text = "has one replica: a lost disk loses what is not archived yet";
    found.push(warning(about, "single-replica", text));
  }
  const leaderless = topic.partitions.filter((p) => p.leader < 0).map((p) => String(p.partition));
  if (leaderless.length > 0) {
    found.push(warning(about, "no-leader", `partitions ${some(leaderless)} have no leader now`));
  }
  return found;
}

async function checkSettings(
  kafka: KafkaView,
  view: PipelineView,
  sessionTimeoutMs: number,
  signal: AbortSignal,
): Promise<Found[]> {
  const [broker] = kafka.client.brokerIds;
  if (broker === undefined) return [];
  const { client } = kafka;
  try {
    const topics = view.topics.map(({ topic }) => ({ type: "topic" as const, name: topic }));
    const found = await client.send(broker, describeConfigs(topics, TOPIC_SETTINGS), signal);
    const own = [{ type: "broker" as const, name: String(broker) }];
    const [settings] = await client.send(broker, describeConfigs(own, BROKER_SETTINGS), signal);
    return [
      ...found.flatMap(({ name, settings: s }) =>
        topicFindings(view.pipeline, name, s, view.catalogue.get(name)),
      ),
      ...brokerFindings(settings?.settings ?? new Map<string, string>(), sessionTimeoutMs),
    ];
  } catch (error) {
    signal.throwIfAborted();
    if (!(error instanceof ArchiverError)) throw error;
    const text = `settings could not be read, so acks, retention and compaction are not checked: ${error.message}`;
    return [warning("kafka", "settings-unread", text)];
  }
}

function topicFindings(
  pipeline: PipelineConfig,
  topic: string,
  settings: ReadonlyMap<string, string>,
  metadata: TopicMetadata | undefined,
): Found[] {
  const about = `topic ${topic}`;
  const found: Found[] = [];
  const replicas = Math.min(...(metadata?.partitions.map((p) => p.replicas.length) ?? [1]));
  if (settings.get("unclean.leader.election.enable") === "true") {
    found.push(
      warning(
        about,
        "unclean-election",
        "unclean.leader.election.enable is on: records that were acknowledged can vanish",
      ),
    );
  }
  if (replicas > 1 && settings.get("min.insync.replicas") === "1") {
    found.push(
      warning(
        about,
        "min-insync",
        "min.insync.replicas is 1: even acks=all can lose records with one broker",
      ),
    );
  }
  const cleanup = settings.get("cleanup.policy") ?? "";
  if (cleanup.includes("compact")) {
    found.push(
      warning(
        about,
        "compacted",
        "is compacted: what compaction removes before it is archived counts as a hole",
      ),
    );
  }
  const retention = Number(settings.get("retention.ms") ?? "-1");
  if (cleanup.includes("delete") && retention >= 0) {
    const least = Math.max(SHORT_RETENTION_MS, 10 * pipeline.batch.ageMs);
    if (retention < least) {
      const hours = (retention / 3_600_000).toFixed(1);
      found.push(
        warning(
          about,
          "short-retention",
          `retention.ms is ${hours} h: a sink that is away for longer loses records`,
        ),
      );
    }
  }
  return found;
}

function brokerFindings(settings: ReadonlyMap<string, string>, sessionTimeoutMs: number): Found[] {
  const found: Found[] = [];
  const number = (name: string, otherwise: number): number =>
    Number(settings.get(name) ?? otherwise);
  const metadata = number("offset.metadata.max.bytes", METADATA_BYTES);
  if (metadata < METADATA_BYTES) {
    found.push(
      failure(
        "kafka",
        "metadata-bytes",
        `offset.metadata.max.bytes is ${metadata}; plans need ${METADATA_BYTES}`,
      ),
    );
  }
  const [least, most] = [
    number("group.min.session.timeout.ms", 0),
    number("group.max.session.timeout.ms", Infinity),
  ];
  if (sessionTimeoutMs < least || sessionTimeoutMs > most) {
    const text = `kafka.sessionTimeout is ${sessionTimeoutMs} ms; the broker takes ${least} to ${most}`;
    found.push(failure("kafka", "session-timeout", text));
  }
  const minutes = number("offsets.retention.minutes", 10_080);
  if (minutes < 1440) {
    const text = `offsets.retention.minutes is ${minutes}: after a longer stop the committed offsets are gone (the sinks then say where to go on)`;
    found.push(warning("kafka", "offsets-retention", text));
  }
  return found;
}

/** Is what comes next still in Kafka? */
async function checkRetention(view: PipelineView): Promise<Found[]> {
  const [committed, starts] = [await view.committed(), await view.offsets("earliest")];
  const lost: string[] = [];
  for (const p of view.partitions) {
    const offset = committed.get(keyOf(p))?.offset ?? null;
    const start = starts.get(keyOf(p));
    if (offset === null || start === undefined || offset >= start) continue;
    lost.push(`${p.topic}/${p.partition} [${offset}, ${start})`);
  }
  if (lost.length === 0) return [];
  const text = `Kafka has deleted offsets before they were archived: ${some(lost)}. Decide with \`skip\`, or restore the topic`;
  return [failure("kafka", "offset-out-of-range", text, 1)];
}

function some(items: readonly string[]): string {
  const more = items.length > MAX_NAMED ? ` and ${items.length - MAX_NAMED} more` : "";
  return `${items.slice(0, MAX_NAMED).join(", ")}${more}`;
}
