import { ArchiverError } from "../../src/core/errors.ts";
import { KafkaError } from "../../src/kafka/kafka-error.ts";
import { SinkError } from "../../src/sdk/sink-error.ts";

/** What the next try would meet again: the target refuses these records or this topic. */
const REFUSED = new Set([
  "MESSAGE_TOO_LARGE",
  "RECORD_LIST_TOO_LARGE",
  "INVALID_TIMESTAMP",
  "INVALID_RECORD",
  "INVALID_TOPIC_EXCEPTION",
  "INVALID_PARTITIONS",
  "INVALID_REPLICATION_FACTOR",
  "INVALID_CONFIG",
  "POLICY_VIOLATION",
  "INVALID_TRANSACTION_TIMEOUT",
  "UNSUPPORTED_VERSION",
]);

/** What the Kafka client raised, as a sink says it; other errors of ours stay as they are. */
export function sinkErrorOf(error: unknown): unknown {
  if (!(error instanceof ArchiverError) || error instanceof SinkError) return error;
  const { code, message } = error;
  if (code === "kafka-auth") return new SinkError("sink-unauthorized", message, { cause: error });
  if (error instanceof KafkaError && REFUSED.has(error.kafkaCode))
    return new SinkError("sink-permanent", message, { cause: error });
  if (code === "kafka-unreachable" || code === "kafka-refused")
    return new SinkError("sink-transient", message, { cause: error });
  return error;
}

/** Rejects with what a sink says. */
export async function told<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw sinkErrorOf(error);
  }
}
