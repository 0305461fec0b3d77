import type { ArchiverError } from "../../core/errors.ts";
import { KafkaError } from "../kafka-error.ts";

const AUTH = /SASL|[Aa]uthentication|certificate|SSL alert|ERR_TLS|unable to verify/;

/** What kafkajs, the socket or TLS raised, as kafka-auth or kafka-unreachable. */
export function connectionError(error: unknown, where: string, ungreeted = false): ArchiverError {
  const text = error instanceof Error ? error.message : String(error);
  const name = error instanceof Error ? error.name : "";
  if (name === "KafkaJSSASLAuthenticationError" || AUTH.test(text)) {
    return new KafkaError("kafka-auth", name, false, `Kafka at ${where}: ${text}`, error);
  }
  const hint = ungreeted
    ? "; it takes connections but does not speak: is it a TLS or SASL port?"
    : "";
  return new KafkaError(
    "kafka-unreachable",
    name,
    true,
    `Kafka at ${where}: ${text}${hint}`,
    error,
  );
}
