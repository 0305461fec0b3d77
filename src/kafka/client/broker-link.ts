import { ArchiverError } from "../../core/errors.ts";
import type { KafkaRequest } from "../requests/request.ts";
import { BulkReceiver } from "./bulk-receiver.ts";
import { connectionError, type ConnectionFacts } from "./connection-error.ts";
import { gatheredSend } from "./gathered-send.ts";
import {
  Broker,
  Connection,
  createLogger,
  createSocketFactory,
  Encoder,
  LEVELS,
  type RawBroker,
  type RawConnection,
  type RawPool,
} from "./internals.ts";
import { oauthBearer } from "./oauth.ts";
import type { KafkaOptions, Log, SaslOptions, TlsOptions } from "./options.ts";
import { within } from "./within.ts";

interface Live {
  readonly connection: RawConnection;
  readonly broker: RawBroker;
  readonly receiver: BulkReceiver | null;
  /** Thrown away: each request that fails with it would do so again. */
  discarded: boolean;
}

/**
 * One connection to one broker, authenticated when first used. After a break or a time-out it is thrown
 * away whole, and the next request opens another: kafkajs' object, used again, still hears from its old
 * socket, and a broker that went silent would keep every later request waiting behind the first.
 *
 * A `bulk` link is for large answers, one request at a time: what an answer's decoder returned may view
 * the link's memory, and is valid until the next request over it.
 */
export class BrokerLink {
  readonly where: string;
  readonly #o: KafkaOptions;
  readonly #host: string;
  readonly #port: number;
  readonly #logger: unknown;
  readonly #bulk: boolean;
  #pending = 0;
  /** As the newest connection was made with. */
  #tls: TlsOptions | undefined;
  #live: Live | null = null;
  #opening: Promise<Live> | null = null;
  #closed = false;

  constructor(o: KafkaOptions, host: string, port: number, log: Log, bulk = false) {
    this.#o = o;
    this.#bulk = bulk;
    this.#host = host;
    this.#port = port;
    this.where = `${host}:${port}`;
    this.#logger = kafkajsLogger(log);
  }

  /** Highest version of an API that the broker speaks; -1 when it does not know it. Opens the link. */
  async maxVersion(apiKey: number, signal: AbortSignal): Promise<number> {
    const { broker } = await this.#ready(signal);
    return broker.versions?.[apiKey]?.maxVersion ?? -1;
  }

  /** @throws ArchiverError kafka-unreachable, kafka-auth; KafkaError for what the broker answered. */
  async send<T>(
    request: KafkaRequest<T>,
    signal: AbortSignal,
    atMostMs = Number.POSITIVE_INFINITY,
  ): Promise<T> {
    const live = await this.#ready(signal);
    const { apiName, timeoutMs } = request;
    if (this.#pending === 0) live.receiver?.reuse();
    this.#pending += 1;
    const answer = exchanged(live.connection, request);
    const limitMs = Math.min(timeoutMs ?? this.#o.requestTimeoutMs ?? 30_000, atMostMs);
    try {
      return await within(answer, limitMs, apiName, signal);
    } catch (error) {
      if (signal.aborted) {
        // A request that the broker holds back would hold back whatever follows it.
        if (timeoutMs !== undefined) this.#discard(live, error);
        throw error;
      }
      if (error instanceof ArchiverError) throw error;
      this.#discard(live, error);
      throw connectionError(error, `${this.where} (${apiName})`, this.#facts());
    } finally {
      this.#pending -= 1;
    }
  }

  /** Requests under way are rejected, not waited for. */
  close(): void {
    this.#closed = true;
    if (this.#live !== null) this.#discard(this.#live, closed());
  }

  async #ready(signal: AbortSignal): Promise<Live> {
    signal.throwIfAborted();
    if (this.#closed) throw closed();
    if (this.#live?.connection.isConnected() === true) return this.#live;
    this.#opening ??= this.#open().finally(() => {
      this.#opening = null;
    });
    // It has time-outs of its own; the signal only ends this caller's wait.
    return within(this.#opening, Number.POSITIVE_INFINITY, "connect", signal);
  }

  async #open(): Promise<Live> {
    const limitMs = this.#o.connectionTimeoutMs ?? 10_000;
    const live = this.#make(limitMs);
    const { connection, broker } = live;
    let connected = false;
    try {
      await within(connection.connect(), limitMs, "connect");
      connected = true;
      await within(broker.connect(), limitMs, "authenticate");
      if (this.#closed) throw closed();
      this.#live = live;
      return live;
    } catch (error) {
      this.#discard(live, error);
      if (error instanceof ArchiverError) throw error;
      const ungreeted = connected && broker.versions === null;
      throw connectionError(error, this.where, { ...this.#facts(), ungreeted });
    }
  }

  #make(connectionTimeout: number): Live {
    const { sasl, clientId } = this.#o;
    this.#tls = tlsOf(this.#o.ssl);
    const receiver = this.#bulk ? new BulkReceiver() : null;
    const connection = new Connection({
      host: this.#host,
      port: this.#port,
      ssl: this.#tls,
      sasl: sasl === undefined ? undefined : kafkajsSasl(sasl),
      clientId,
      socketFactory: receiver?.socketFactory ?? createSocketFactory(),
      connectionTimeout,
      // Time-outs are ours, because a connection that had one is of no more use.
      requestTimeout: connectionTimeout,
      enforceRequestTimeout: false,
      reauthenticationThreshold: 10_000,
      logger: this.#logger,
    });
    receiver?.attach(connection);
    const broker = new Broker({
      connectionPool: poolOf(connection),
      logger: this.#logger,
      authenticationTimeout: connectionTimeout,
      allowAutoTopicCreation: false,
    });
    return { connection, broker, receiver, discarded: false };
  }

  #facts(): ConnectionFacts {
    const clientCertificate = this.#tls?.cert !== undefined;
    const sasl = this.#o.sasl !== undefined;
    return { tls: this.#tls !== undefined, clientCertificate, sasl };
  }

  #discard(live: Live, error: unknown): void {
    if (live.discarded) return;
    live.discarded = true;
    if (this.#live === live) this.#live = null;
    live.connection.rejectRequests(error instanceof Error ? error : closed());
    // Marks it as closed, so that a request which is just being written fails as well.
    void live.connection.disconnect();
    live.connection.socket?.destroy();
  }
}

const closed = (): ArchiverError =>
  new ArchiverError("interrupted", "the connection to Kafka was closed");

/** kafkajs' own pool opens a connection twice when two requests find it closed; this one has just one. */
const poolOf = (c: RawConnection): RawPool => ({
  host: c.host,
  port: c.port,
  sasl: c.sasl,
  connectionTimeout: c.connectionTimeout,
  // "No": so that the broker object asks for versions and authenticates, which it does once.
  isConnected: () => false,
  isAuthenticated: () => false,
  getConnection: () => Promise.resolve(c),
  setVersions: (versions) => c.setVersions(versions),
  setSupportAuthenticationProtocol: (supported) => c.setSupportAuthenticationProtocol(supported),
  send: (r) => c.send(r),
  destroy: () => Promise.resolve(),
});

function exchanged<T>(connection: RawConnection, request: KafkaRequest<T>): Promise<T> {
  const { apiKey, apiVersion, apiName, encodeParts } = request;
  if (encodeParts !== undefined) return gatheredSend(connection, request, encodeParts());
  return connection.send<T>({
    request: { apiKey, apiVersion, apiName, encode: () => Promise.resolve(encoded(request)) },
    response: {
      decode: (payload) => Promise.resolve(request.decode(payload)),
      parse: (data) => Promise.resolve(data),
    },
    logResponseError: false,
  });
}

function encoded<T>(request: KafkaRequest<T>): unknown {
  const encoder = new Encoder();
  encoder.writeBufferInternal(request.encode());
  return encoder;
}

const tlsOf = (ssl: KafkaOptions["ssl"]): TlsOptions | undefined =>
  ssl === true ? {} : typeof ssl === "function" ? ssl() : ssl;

/** A copy: kafkajs writes into what it is given. */
const kafkajsSasl = (s: SaslOptions): unknown =>
  s.mechanism === "oauthbearer"
    ? { mechanism: s.mechanism, authenticationProvider: oauthBearer(s.token) }
    : { ...s };

/** kafkajs' own words are for debugging: what matters is raised as an error by us. */
function kafkajsLogger(log: Log): unknown {
  return createLogger({
    level: LEVELS.ERROR,
    logCreator: () => (entry) =>
      log.debug({ namespace: entry.namespace, detail: entry.log.message }, "kafkajs"),
  });
}
