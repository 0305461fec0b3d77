import { auth, Client, policies, types } from "cassandra-driver";
import type { ConnectionOptions } from "node:tls";
import { Places } from "../../src/core/places.ts";
import { sinkErrorOf } from "./cassandra-error.ts";
import { untilAborted } from "./turns.ts";

export interface SessionOptions {
  /** host:port. */
  readonly contactPoints: readonly string[];
  readonly localDataCenter: string;
  readonly keyspace: string;
  readonly credentials?: { readonly username: string; readonly password: string };
  readonly tls?: ConnectionOptions;
  readonly consistency: Consistency;
  readonly serialConsistency: SerialConsistency;
  readonly requestTimeoutMs: number;
  /** Chunks on their way at once, both directions together. */
  readonly chunksAtOnce: number;
}

export type Consistency = "LOCAL_QUORUM" | "QUORUM" | "ALL";
export type SerialConsistency = "SERIAL" | "LOCAL_SERIAL";
export type Row = Readonly<Record<string, unknown>>;
export type Parameter = string | number | bigint | Buffer | null;

export interface Statement {
  readonly cql: string;
  readonly parameters?: readonly Parameter[];
  /** A read that sees, and finishes, every conditional write that was begun before it. */
  readonly serial?: boolean;
  /** Microseconds since the epoch: of two writes the later one counts. Left out: the node's clock. */
  readonly timestampUs?: number;
  readonly pageRows?: number;
  /** This node and no other. */
  readonly host?: Client["hosts"] extends { values(): (infer H)[] } ? H : never;
}

const CONNECT_MS = 5000;
/** A node that comes back is used again after at most this. */
const RECONNECT_MS = 2000;
const IDLE_MS = 5000;
/** Time-outs in a row from which a connection counts as broken and is made anew. */
const DEFUNCT_AFTER = 8;
const MAX_PAGES = 1_000_000;

/** One driver client, made when it is first needed and again when connecting failed. */
export class CassandraSession {
  readonly keyspace: string;
  readonly localDataCenter: string;
  readonly #options: SessionOptions;
  readonly #slots: Places;
  #client: Promise<Client> | undefined;
  #closed = false;

  constructor(options: SessionOptions) {
    this.keyspace = options.keyspace;
    this.localDataCenter = options.localDataCenter;
    this.#options = options;
    this.#slots = new Places(options.chunksAtOnce);
  }

  /** Nodes that the driver knows, whichever data centre they are in. */
  async hosts(signal: AbortSignal): Promise<ReturnType<Client["hosts"]["values"]>> {
    return (await this.#raced("connecting", this.#connected(), signal)).hosts.values();
  }

  /** The first page of the rows; without `pageRows` of the statement that is up to 5000. */
  async rows(doing: string, statement: Statement, signal: AbortSignal): Promise<readonly Row[]> {
    return rowsOf(await this.#execute(doing, statement, undefined, signal));
  }

  /** Row by row, page by page. */
  async *each(doing: string, statement: Statement, signal: AbortSignal): AsyncGenerator<Row> {
    let pageState: string | undefined;
    for (let pages = 0; pages < MAX_PAGES; pages++) {
      const page = await this.#execute(doing, statement, pageState, signal);
      yield* rowsOf(page);
      pageState = page.pageState ?? undefined;
      if (pageState === undefined) return;
    }
  }

  /**
   * A statement that carries a chunk there or back; waits for its turn. Its place is free when the driver is
   * done with it, not when its caller stops waiting: the driver cannot cancel and keeps the bytes.
   */
  async chunk(doing: string, statement: Statement, signal: AbortSignal): Promise<readonly Row[]> {
    const free = await this.#slots.take(signal);
    const sent = this.#send(statement, undefined).finally(free);
    return rowsOf(await this.#raced(doing, sent, signal));
  }

  /** A change of the schema; resolves to whether all nodes have it. */
  async define(doing: string, cql: string, signal: AbortSignal): Promise<boolean> {
    const changed = async (): Promise<boolean> => {
      const client = await this.#connected();
      await client.execute(cql);
      const metadata = client.metadata as { checkSchemaAgreement?(): Promise<boolean> };
      return (await metadata.checkSchemaAgreement?.()) ?? false;
    };
    return this.#raced(doing, changed(), signal);
  }

  async close(): Promise<void> {
    this.#closed = true;
    const client = this.#client;
    this.#client = undefined;
    if (client === undefined) return;
    const [connected] = await Promise.allSettled([client]);
    if (connected.status === "fulfilled") await connected.value.shutdown();
  }

  #execute(
    doing: string,
    statement: Statement,
    pageState: string | undefined,
    signal: AbortSignal,
  ): Promise<types.ResultSet> {
    signal.throwIfAborted();
    return this.#raced(doing, this.#send(statement, pageState), signal);
  }

  async #send(statement: Statement, pageState: string | undefined): Promise<types.ResultSet> {
    const { consistency, serialConsistency } = this.#options;
    const client = await this.#connected();
    return client.execute(statement.cql, [...(statement.parameters ?? [])], {
      prepare: true,
      consistency: types.consistencies[level(statement.serial ? serialConsistency : consistency)],
      serialConsistency: types.consistencies[level(serialConsistency)],
      ...(statement.timestampUs === undefined ? {} : { timestamp: statement.timestampUs }),
      ...(statement.pageRows === undefined ? {} : { fetchSize: statement.pageRows }),
      ...(statement.host === undefined ? {} : { host: statement.host }),
      ...(pageState === undefined ? {} : { pageState }),
    });
  }

  /** Stops waiting when the signal aborts: what was sent may still happen, later. */
  async #raced<T>(doing: string, sent: Promise<T>, signal: AbortSignal): Promise<T> {
    try {
      return await untilAborted(sent, signal);
    } catch (error) {
      if (signal.aborted) throw signal.reason;
      throw sinkErrorOf(error, `keyspace ${this.keyspace}, ${doing}`);
    }
  }

  #connected(): Promise<Client> {
    this.#client ??= this.#connect();
    return this.#client;
  }

  async #connect(): Promise<Client> {
    const client = new Client(clientOptions(this.#options));
    try {
      if (this.#closed) throw new Error("the sink is closed");
      await client.connect();
      return client;
    } catch (error) {
      // The next call tries anew.
      this.#client = undefined;
      await Promise.allSettled([client.shutdown()]);
      throw error;
    }
  }
}

/** What answers without rows has none, whatever the driver's types say. */
const rowsOf = (result: types.ResultSet): readonly Row[] =>
  (result.rows as Row[] | undefined) ?? [];

type Level = "localQuorum" | "quorum" | "all" | "serial" | "localSerial";

const LEVELS: Readonly<Record<Consistency | SerialConsistency, Level>> = {
  LOCAL_QUORUM: "localQuorum",
  QUORUM: "quorum",
  ALL: "all",
  SERIAL: "serial",
  LOCAL_SERIAL: "localSerial",
};

const level = (name: Consistency | SerialConsistency): Level => LEVELS[name];

const portOf = (contactPoint = ""): number => Number(/:(\d+)$/.exec(contactPoint)?.[1]);

/** The driver repeats nothing, guesses nothing and reports nothing home: others do, or nobody. */
function clientOptions(o: SessionOptions): ConstructorParameters<typeof Client>[0] {
  const { credentials, tls } = o;
  return {
    contactPoints: [...o.contactPoints],
    localDataCenter: o.localDataCenter,
    // Nodes tell each other's addresses without ports.
    protocolOptions: { port: portOf(o.contactPoints[0]) },
    ...(credentials === undefined
      ? {}
      : {
          authProvider: new auth.PlainTextAuthProvider(credentials.username, credentials.password),
        }),
    ...(tls === undefined ? {} : { sslOptions: tls }),
    // A chunk fills its frame, so a view of it holds nothing else in memory.
    encoding: { useBigIntAsLong: true, copyBuffer: false },
    policies: {
      retry: new policies.retry.FallthroughRetryPolicy(),
      reconnection: new policies.reconnection.ConstantReconnectionPolicy(RECONNECT_MS),
      speculativeExecution: new policies.speculativeExecution.NoSpeculativeExecutionPolicy(),
    },
    pooling: { heartBeatInterval: IDLE_MS },
    socketOptions: {
      connectTimeout: CONNECT_MS,
      readTimeout: o.requestTimeoutMs,
      defunctReadTimeoutThreshold: DEFUNCT_AFTER,
    },
    monitorReporting: { enabled: false },
  };
}
