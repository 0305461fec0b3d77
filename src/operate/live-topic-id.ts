import type { Config } from "../config/config.ts";
import { kafkaOptions } from "../config/kafka-options.ts";
import { ArchiverError } from "../core/errors.ts";
import { KafkaClient } from "../kafka/client/kafka-client.ts";
import type { TopicMetadata } from "../kafka/requests/metadata.ts";
import type { LiveTopicId } from "./choose-scopes.ts";
import type { CommandContext } from "./command.ts";
import { quietLog } from "./quiet-log.ts";

const TIMEOUT_MS = 5_000;

/**
 * Asks Kafka only when the archive holds several incarnations of a topic. Kafka may be gone for good
 * when an archive is read, so that it does not answer is said and then the newest one counts.
 */
export const liveTopicId =
  (config: Config, context: AskContext): LiveTopicId =>
  async (topic) => {
    const live = await liveTopic(config, context, topic);
    if (live === undefined) {
      context.out.note(
        `topic ${topic} was created more than once and Kafka does not say which is live: taking the newest`,
      );
    }
    return live?.topicId;
  };

type AskContext = Pick<CommandContext, "signal" | "out">;

/** The topic as Kafka has it; undefined when there is none, or nobody answers within seconds. */
export async function liveTopic(
  config: Config,
  { signal }: AskContext,
  topic: string,
): Promise<TopicMetadata | undefined> {
  const limit = AbortSignal.any([signal, AbortSignal.timeout(TIMEOUT_MS)]);
  const options = {
    ...kafkaOptions(config.kafka),
    connectionTimeoutMs: 2_000,
    requestTimeoutMs: 3_000,
  };
  let client: KafkaClient | undefined;
  try {
    client = await KafkaClient.open(options, quietLog, limit);
    const { topics } = await client.metadata([topic], limit);
    return topics.find((t) => t.topic === topic && t.error === undefined);
  } catch (error) {
    signal.throwIfAborted();
    if (!(error instanceof ArchiverError) && !limit.aborted) throw error;
    return undefined;
  } finally {
    await client?.close();
  }
}
