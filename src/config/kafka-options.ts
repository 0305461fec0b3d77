import { boundedFile } from "../core/bounded-file.ts";
import { ArchiverError } from "../core/errors.ts";
import { messageOf } from "../core/message.ts";
import type { KafkaOptions, SaslOptions, TlsOptions } from "../kafka/client/options.ts";
import type { KafkaConfig, SaslConfig, TlsConfig, TokenSource } from "./config.ts";
import { currentTls } from "./tls.ts";

const TOKEN_TIMEOUT_MS = 10_000;
const MAX_TOKEN_CHARS = 64 << 10;
/** RFC 6750 §2.1: nothing else may stand in a bearer token, and then nothing can break out of its place. */
const TOKEN = /^[A-Za-z0-9\-._~+/]+=*$/;

/** What the Kafka client needs of the configuration; secrets are revealed here and nowhere else. */
export function kafkaOptions(k: KafkaConfig): KafkaOptions {
  return {
    brokers: k.brokers,
    clientId: k.clientId,
    ...(k.ssl === null ? {} : { ssl: k.ssl === true ? true : tlsSource(k.ssl) }),
    ...(k.sasl === null ? {} : { sasl: saslOptions(k.sasl) }),
  };
}

function tlsSource(t: TlsConfig): () => TlsOptions {
  const current = currentTls(t);
  return () => tlsOptions(current());
}

const tlsOptions = (t: TlsConfig): TlsOptions => ({
  ...(t.ca === null ? {} : { ca: t.ca }),
  ...(t.cert === null ? {} : { cert: t.cert }),
  ...(t.key === null ? {} : { key: t.key.reveal() }),
  ...(t.passphrase === null ? {} : { passphrase: t.passphrase.reveal() }),
  ...(t.servername === null ? {} : { servername: t.servername }),
  rejectUnauthorized: t.rejectUnauthorized,
});

function saslOptions(s: SaslConfig): SaslOptions {
  if (s.mechanism === "oauthbearer") {
    return { mechanism: s.mechanism, token: () => freshToken(s.source) };
  }
  return { mechanism: s.mechanism, username: s.username, password: s.password.reveal() };
}

/** Asked before each authentication. @throws ArchiverError kafka-auth */
async function freshToken(source: TokenSource): Promise<string> {
  const where = "file" in source ? source.file : source.endpoint;
  try {
    const token = "file" in source ? tokenIn(source.file) : await fetchToken(source);
    if (token.length <= MAX_TOKEN_CHARS && TOKEN.test(token.trim())) return token.trim();
  } catch (cause) {
    throw new ArchiverError("kafka-auth", `no token from ${where}: ${messageOf(cause)}`, { cause });
  }
  throw new ArchiverError("kafka-auth", `no token from ${where}: it holds no bearer token`);
}

/** A file that is too long holds no token, like one that is empty. */
const tokenIn = (path: string): string =>
  boundedFile(path, MAX_TOKEN_CHARS)?.toString("utf8") ?? "";

/** RFC 6749 §4.4, client credentials. */
async function fetchToken(source: Extract<TokenSource, { endpoint: string }>): Promise<string> {
  const { endpoint, clientId, clientSecret, scope } = source;
  const form = new URLSearchParams({ grant_type: "client_credentials" });
  if (scope !== null) form.set("scope", scope);
  const credentials = [clientId, clientSecret.reveal()].map(encodeURIComponent).join(":");
  const answer = await fetch(endpoint, {
    method: "POST",
    headers: {
      authorization: `Basic ${Buffer.from(credentials).toString("base64")}`,
      accept: "application/json",
    },
    body: form,
    signal: AbortSignal.timeout(TOKEN_TIMEOUT_MS),
  });
  if (!answer.ok) throw new Error(`HTTP ${answer.status}`);
  const body = (await answer.json()) as { access_token?: unknown };
  return typeof body.access_token === "string" ? body.access_token : "";
}
