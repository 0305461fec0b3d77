import { KafkaError } from "../kafka-error.ts";

/** Another producer has this transactional id: what it wrote, if anything, is in the ledger. */
const FENCED = new Set([
  "INVALID_PRODUCER_EPOCH",
  "PRODUCER_FENCED",
  "INVALID_TXN_STATE",
  "INVALID_PRODUCER_ID_MAPPING",
  "UNKNOWN_PRODUCER_ID",
  "OUT_OF_ORDER_SEQUENCE_NUMBER",
  "DUPLICATE_SEQUENCE_NUMBER",
]);

export const isKafkaError = (error: unknown, ...codes: readonly string[]): error is KafkaError =>
  error instanceof KafkaError && codes.includes(error.kafkaCode);

export const isFenced = (error: unknown): boolean =>
  error instanceof KafkaError && FENCED.has(error.kafkaCode);
