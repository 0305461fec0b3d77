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
