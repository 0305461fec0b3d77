import type { ArchiverError } from "../../core/errors.ts";
import { KafkaError } from "../kafka-error.ts";

/** How far it had come, and with which settings. */
export interface ConnectionFacts {
  /** The broker took the connection and never answered on it. */
  readonly ungreeted?: boolean;
  readonly tls: boolean;
  readonly clientCertificate: boolean;
  readonly sasl: boolean;
}

/** What TLS and SASL say in their own words, in those of the configuration. The first that fits counts. */
const KNOWN: readonly (readonly [RegExp, string])[] = [
  [
    /alert (?:bad certificate|certificate required|handshake failure|certificate unknown|unknown ca|unsupported certificate|access denied)/i,
    "the broker refuses the client certificate (kafka.ssl.cert)",
  ],
  [
    /alert certificate (?:expired|revoked)/i,
    "the broker refuses the client certificate as out of date (kafka.ssl.cert)",
  ],
  [
    /unable to verify|unable to get (?:local )?issuer|self.signed/i,
    "the broker's certificate comes from none of the authorities in kafka.ssl.ca, or of the system without it",
  ],
  [/certificate has expired/, "the broker's certificate has expired"],
  [
    /certificate is not yet valid/,
    "the broker's certificate is not valid yet: is the clock right?",
  ],
  [
    /does not match certificate/,
    "the broker's certificate is for other names (kafka.ssl.servername)",
  ],
  [
    /not valid given the current SASL state/,
    "this listener of the broker has no SASL (kafka.sasl)",
  ],
];

/** Without one of these it may pass by itself. */
const AUTH = /SASL|[Aa]uthentication|certificate|SSL alert|ERR_TLS|unable to verify/;
const WRONG_PROTOCOL = /wrong version number|packet length too long|before secure TLS connection/;
const BROKEN = /Closed connection|closed by the server|ECONNRESET|EPIPE/;

/** What kafkajs, the socket or TLS raised, as kafka-auth or kafka-unreachable. */
export function connectionError(
  error: unknown,
  where: string,
  facts: ConnectionFacts,
): ArchiverError {
  const text = oneLine(error instanceof Error ? error.message : String(error));
  const name = error instanceof Error ? error.name : "";
  const found = KNOWN.find(([pattern]) => pattern.test(text))?.[1];
  const bare = found?.includes("kafka.ssl.cert)") === true && !facts.clientCertificate;
  const known = bare ? "the broker wants a client certificate (kafka.ssl.cert)" : found;
  if (known !== undefined || name === "KafkaJSSASLAuthenticationError" || AUTH.test(text)) {
    const said = known === undefined ? text : `${known}: ${text}`;
    return new KafkaError("kafka-auth", name, false, `Kafka at ${where}: ${said}`, error);
  }
  const message = `Kafka at ${where}: ${text}${hint(text, facts)}`;
  return new KafkaError("kafka-unreachable", name, true, message, error);
}

/** OpenSSL's errors carry its source file, its thread and a line break. */
const oneLine = (text: string): string =>
  text
    .replace(
      /[0-9A-F]{8,}:error:[0-9A-F]{8}:SSL routines:[^:]*:([^:]*):\S*:SSL alert/g,
      "$1: SSL alert",
    )
    .replaceAll(/\s+/g, " ")
    .trim();

/** What breaks without a word is most often one end expecting what the other does not speak. */
function hint(text: string, { ungreeted, tls, clientCertificate, sasl }: ConnectionFacts): string {
  if (tls && WRONG_PROTOCOL.test(text)) {
    return "; is it a port without TLS? Then leave kafka.ssl out";
  }
  if (ungreeted === true) {
    if (!tls) return "; it takes connections but does not speak: is it a TLS or SASL port?";
    return clientCertificate ? "" : "; does it want a client certificate (kafka.ssl.cert)?";
  }
  return !sasl && BROKEN.test(text) ? "; does it want kafka.sasl?" : "";
}
