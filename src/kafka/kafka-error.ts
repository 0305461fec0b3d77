import { ArchiverError, type ErrorCode } from "../core/errors.ts";

/** Kafka's error codes that this client can meet (protocol guide, "Error codes"); others keep a number. */
const CODES: Record<number, readonly [name: string, retriable: boolean]> = {
  [-1]: ["UNKNOWN_SERVER_ERROR", true],
  1: ["OFFSET_OUT_OF_RANGE", false],
  2: ["CORRUPT_MESSAGE", true],
  3: ["UNKNOWN_TOPIC_OR_PARTITION", true],
  5: ["LEADER_NOT_AVAILABLE", true],
  6: ["NOT_LEADER_OR_FOLLOWER", true],
  7: ["REQUEST_TIMED_OUT", true],
  8: ["BROKER_NOT_AVAILABLE", true],
  9: ["REPLICA_NOT_AVAILABLE", true],
  10: ["MESSAGE_TOO_LARGE", false],
  12: ["OFFSET_METADATA_TOO_LARGE", false],
  13: ["NETWORK_EXCEPTION", true],
  14: ["COORDINATOR_LOAD_IN_PROGRESS", true],
  15: ["COORDINATOR_NOT_AVAILABLE", true],
  16: ["NOT_COORDINATOR", true],
  17: ["INVALID_TOPIC_EXCEPTION", false],
  18: ["RECORD_LIST_TOO_LARGE", false],
  19: ["NOT_ENOUGH_REPLICAS", true],
  20: ["NOT_ENOUGH_REPLICAS_AFTER_APPEND", true],
  22: ["ILLEGAL_GENERATION", false],
  23: ["INCONSISTENT_GROUP_PROTOCOL", false],
  24: ["INVALID_GROUP_ID", false],
  25: ["UNKNOWN_MEMBER_ID", false],
  26: ["INVALID_SESSION_TIMEOUT", false],
  27: ["REBALANCE_IN_PROGRESS", true],
  28: ["INVALID_COMMIT_OFFSET_SIZE", false],
  29: ["TOPIC_AUTHORIZATION_FAILED", false],
  30: ["GROUP_AUTHORIZATION_FAILED", false],
  31: ["CLUSTER_AUTHORIZATION_FAILED", false],
  32: ["INVALID_TIMESTAMP", false],
  35: ["UNSUPPORTED_VERSION", false],
  36: ["TOPIC_ALREADY_EXISTS", false],
  37: ["INVALID_PARTITIONS", false],
  38: ["INVALID_REPLICATION_FACTOR", false],
  40: ["INVALID_CONFIG", false],
  41: ["NOT_CONTROLLER", true],
  44: ["POLICY_VIOLATION", false],
  45: ["OUT_OF_ORDER_SEQUENCE_NUMBER", false],
  46: ["DUPLICATE_SEQUENCE_NUMBER", false],
  47: ["INVALID_PRODUCER_EPOCH", false],
  48: ["INVALID_TXN_STATE", false],
  49: ["INVALID_PRODUCER_ID_MAPPING", false],
  50: ["INVALID_TRANSACTION_TIMEOUT", false],
  51: ["CONCURRENT_TRANSACTIONS", true],
  52: ["TRANSACTION_COORDINATOR_FENCED", true],
  53: ["TRANSACTIONAL_ID_AUTHORIZATION_FAILED", false],
  56: ["KAFKA_STORAGE_ERROR", true],
  58: ["SASL_AUTHENTICATION_FAILED", false],
  59: ["UNKNOWN_PRODUCER_ID", false],
  72: ["LISTENER_NOT_FOUND", true],
  74: ["FENCED_LEADER_EPOCH", true],
  75: ["UNKNOWN_LEADER_EPOCH", true],
  78: ["OFFSET_NOT_AVAILABLE", true],
  79: ["MEMBER_ID_REQUIRED", true],
  81: ["GROUP_MAX_SIZE_REACHED", false],
  82: ["FENCED_INSTANCE_ID", false],
  87: ["INVALID_RECORD", false],
  88: ["UNSTABLE_OFFSET_COMMIT", true],
  89: ["THROTTLING_QUOTA_EXCEEDED", true],
  90: ["PRODUCER_FENCED", false],
  100: ["UNKNOWN_TOPIC_ID", true],
  120: ["TRANSACTION_ABORTABLE", true],
};

const AUTHORIZATION = /AUTHORIZATION_FAILED|AUTHENTICATION_FAILED/;

/** What a broker answered. `kafkaCode` is Kafka's own name of it. */
export class KafkaError extends ArchiverError {
  readonly kafkaCode: string;
  readonly retriable: boolean;

  constructor(
    code: ErrorCode,
    kafkaCode: string,
    retriable: boolean,
    message: string,
    cause?: unknown,
  ) {
    super(code, message, { cause });
    this.name = "KafkaError";
    this.kafkaCode = kafkaCode;
    this.retriable = retriable;
  }
}

/** Undefined for 0; `what` says which request about what. */
export function kafkaError(code: number, what: string): KafkaError | undefined {
  if (code === 0) return undefined;
  const [name, retriable] = CODES[code] ?? [`ERROR_${code}`, false];
  const cls: ErrorCode = AUTHORIZATION.test(name) ? "kafka-auth" : "kafka-refused";
  return new KafkaError(cls, name, retriable, `${what}: Kafka answered ${name}`);
}

/** @throws KafkaError when the code is not 0. */
export function refuseCode(code: number, what: string): void {
  const error = kafkaError(code, what);
  if (error !== undefined) throw error;
}

/** The log is not what was read of it: its greatest epoch up to the one that was read ends at `endOffset`. */
export const diverging = (
  { topic, partition }: { readonly topic: string; readonly partition: number },
  /** The record batch before `offset` was of that leader epoch. */
  read: { readonly offset: bigint; readonly epoch: number },
  log: { readonly epoch: number; readonly endOffset: bigint },
): KafkaError =>
  new KafkaError(
    "log-changed",
    "DIVERGING_EPOCH",
    false,
    `${topic}/${partition}: the log has epoch ${log.epoch} up to offset ${log.endOffset}, but what was read ` +
      `before ${read.offset} was of epoch ${read.epoch}: it was cut short`,
  );
