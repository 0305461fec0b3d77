import type { Description } from "../../src/core/description.ts";
import { SinkError } from "../../src/sdk/sink-error.ts";
import type { KafkaSinkConfig } from "./kafka-schema.ts";

const MAX_TOPIC_CHARS = 249;

/** As MirrorMaker 2 does with the source's alias: `site-a.` before the topic's name. */
export function targetTopicOf({ topicPrefix }: KafkaSinkConfig, topic: string): string {
  const name = `${topicPrefix}${topic}`;
  if (name.length <= MAX_TOPIC_CHARS) return name;
  const text = `${name}: the target's topic names have at most ${MAX_TOPIC_CHARS} characters`;
  throw new SinkError("sink-permanent", text);
}

export const ledgerTopicOf = (config: KafkaSinkConfig): string =>
  config.ledgerTopic ?? `${config.topicPrefix}bulk-archiver.ledger`;

/** One writer at a time for a partition of one archive, wherever its processes run. */
export const transactionalIdOf = (
  ledgerTopic: string,
  d: Pick<Description, "archiveId" | "topic" | "topicId" | "partition">,
): string => {
  const topic = d.topicId === "_" ? d.topic : d.topicId;
  return `${ledgerTopic}/${d.archiveId}/${topic}/${d.partition}`;
};

/** Nothing but the newest record of a batch is needed; manifests of many holes are large. */
export const LEDGER_SETTINGS = {
  "cleanup.policy": "compact",
  "message.timestamp.type": "CreateTime",
  "max.message.bytes": String(20 << 20),
  "segment.bytes": String(64 << 20),
} as const;

/** A copy keeps what it got and its timestamps, however old or early, unless the operator says else. */
export const COPY_SETTINGS = {
  "cleanup.policy": "delete",
  "retention.ms": "-1",
  "retention.bytes": "-1",
  "message.timestamp.type": "CreateTime",
  "message.timestamp.before.max.ms": "9223372036854775807",
  "message.timestamp.after.max.ms": "9223372036854775807",
} as const;
