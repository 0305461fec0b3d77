import { ArchiverError } from "../../core/errors.ts";
import { KafkaError } from "../kafka-error.ts";
import type { KafkaRequest } from "../requests/request.ts";
import {
  Broker,
  createLogger,
  createSocketFactory,
  Encoder,
  LEVELS,
  Pool,
  type RawBroker,
} from "./internals.ts";
import type { KafkaOptions, Log, SaslOptions } from "./options.ts";

/** Connections to one broker: authenticated when first used, opened again after a break. */
export class BrokerLink {
  readonly host: string;
  readonly port: number;
  readonly #broker: RawBroker;

  constructor(o: KafkaOptions, host: string, port: number, log: Log) {
    this.host = host;
    this.port = port;
    const logger = kafkajsLogger(log);
    const connectionPool = new Pool({
      host,
      port,
      rack: o.rackId,
      ssl: o.ssl === true ? {} : o.ssl,
      sasl: o.sasl === undefined ? undefined : kafkajsSasl(o.sasl),
      clientId: o.clientId,
      socketFactory: createSocketFactory(),
      connectionTimeout: o.connectionTimeoutMs ?? 10_000,
      requestTimeout: o.requestTimeoutMs ?? 30_000,
      enforceRequestTimeout: true,
      maxInFlightRequests: null,
      reauthenticationThreshold: 10_000,
      logger,
    });
    this.#broker = new Broker({
      connectionPool,
      logger,
      authenticationTimeout: 10_000,
      allowAutoTopicCreation: false,
    });
  }

  get where(): string {
    return `${this.host}:${this.port}`;
  }

  /** Highest version of an API that the broker speaks; -1 when it does not know it. */
  maxVersion(apiKey: number): number {
    return this.#broker.versions?.[apiKey]?.maxVersion ?? -1;
  }

  async connect(): Promise<void> {
    if (this.#broker.isConnected()) return;
    try {
      await this.#broker.connect();
    } catch (error) {
      await this.#broker.disconnect();
      throw connectError(error, this.where);
    }
  }

  /** @throws ArchiverError kafka-unreachable, kafka-auth; KafkaError for what the broker answered. */
  async send<T>(request: KafkaRequest<T>, signal: AbortSignal): Promise<T> {
    signal.throwIfAborted();
    await this.connect();
    const { apiKey, apiVersion, apiName, timeoutMs } = request;
    const answer = this.#broker.connectionPool.send<T>({
      request: { apiKey, apiVersion, apiName, encode: () => Promise.resolve(encoded(request)) },
      response: {
        decode: (payload) => Promise.resolve(request.decode(payload)),
        parse: (data) => Promise.resolve(data),
      },
      ...(timeoutMs === undefined ? {} : { requestTimeout: timeoutMs }),
      logResponseError: false,
    });
    try {
      return await abortable(answer, signal);
    } catch (error) {
      if (signal.aborted || error instanceof ArchiverError) throw error;
      throw connectError(error, `${this.where} (${apiName})`);
    }
  }

  close(): Promise<void> {
    return this.#broker.disconnect();
  }
}

function encoded<T>(request: KafkaRequest<T>): unknown {
  const encoder = new Encoder();
  encoder.writeBufferInternal(request.encode());
  return encoder;
}

/** kafkajs cannot take a request back: its answer is dropped when it comes. */
function abortable<T>(answer: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const abort = (): void => reject(signal.reason as Error);
    signal.addEventListener("abort", abort, { once: true });
    answer.then(resolve, reject).finally(() => signal.removeEventListener("abort", abort));
  });
}

const AUTH = /SASL|[Aa]uthentication|certificate|SSL alert|ERR_TLS|unable to verify/;

function connectError(error: unknown, where: string): ArchiverError {
  const text = error instanceof Error ? error.message : String(error);
  const name = error instanceof Error ? error.name : "";
  if (name === "KafkaJSSASLAuthenticationError" || AUTH.test(text)) {
    return new KafkaError("kafka-auth", name, false, `Kafka at ${where}: ${text}`, error);
  }
  return new KafkaError("kafka-unreachable", name, true, `Kafka at ${where}: ${text}`, error);
}

const kafkajsSasl = (s: SaslOptions): unknown =>
  s.mechanism === "oauthbearer"
    ? { mechanism: s.mechanism, oauthBearerProvider: async () => ({ value: await s.token() }) }
    : s;

/** kafkajs' own words are for debugging: what matters is raised as an error by us. */
function kafkajsLogger(log: Log): unknown {
  return createLogger({
    level: LEVELS.ERROR,
    logCreator: () => (entry) =>
      log.debug({ namespace: entry.namespace, detail: entry.log.message }, "kafkajs"),
  });
}
