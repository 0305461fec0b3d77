import { createRequire } from "node:module";
import type { logLevel as LogLevels } from "kafkajs";

/**
 * Everything we use of kafkajs beyond its public face, in one place: connections with their SASL, TLS
 * and request queue. `test/kafka/internals.test.ts` fails when one of them is not what it was.
 */
const require = createRequire(import.meta.url);

export const KAFKAJS_VERSION = "2.2.4";

/**
 * kafkajs computes a pause from a time that it never set or that has passed, and Node warns of a negative timer.
 * It is harmless, it runs at once: only this one warning is left out, wherever kafkajs is used.
 */
const emitWarning = process.emitWarning.bind(process) as (...args: unknown[]) => void;
process.emitWarning = (...args: unknown[]): void => {
  if (args[1] !== "TimeoutNegativeWarning") emitWarning(...args);
};

export interface RawRequest {
  readonly apiKey: number;
  readonly apiVersion: number;
  readonly apiName: string;
  encode(): Promise<unknown>;
}

export interface RawResponse<T> {
  decode(payload: Buffer): Promise<T>;
  parse(data: T): Promise<T>;
}

/** One connection. It is opened once in its life: see `BrokerLink`. */
export interface RawConnection {
  readonly host: string;
  readonly port: number;
  readonly sasl: unknown;
  readonly connectionTimeout: number;
  readonly clientId: string;
  readonly socket?: {
    destroy(): unknown;
    cork(): void;
    write(bytes: Uint8Array): boolean;
    uncork(): void;
  };
  /** Gives each answer to the request with its number. */
  readonly requestQueue: { push(request: QueuedRequest): void };
  nextCorrelationId(): number;
  /** What was received and is no whole answer yet, and its bytes. */
  chunks: Buffer[];
  readonly bytesBuffered: number;
  /** Takes what the socket received. */
  processData(data: Buffer): void;
  connect(): Promise<unknown>;
  isConnected(): boolean;
  isAuthenticated(): boolean;
  authenticate(): Promise<void>;
  setVersions(versions: unknown): void;
  setSupportAuthenticationProtocol(supported: boolean): void;
  send<T>(r: Exchange<T>): Promise<T>;
  rejectRequests(error: Error): void;
  /** Waits for requests under way: none are left after `rejectRequests`. Never rejects. */
  disconnect(): Promise<unknown>;
}

export interface QueuedRequest {
  readonly entry: Omit<RawRequest, "encode"> & {
    readonly correlationId: number;
    readonly resolve: (answer: RawAnswer) => void;
    readonly reject: (error: Error) => void;
  };
  readonly expectResponse: boolean;
  readonly requestTimeout: null;
  readonly sendRequest: () => void;
}

/** Without its size and correlation id. */
export interface RawAnswer {
  readonly payload: Buffer;
}

export interface Exchange<T> {
  readonly request: RawRequest;
  readonly response: RawResponse<T>;
  readonly logResponseError?: boolean;
}

/** What a `RawBroker` wants of its connections. */
export interface RawPool {
  readonly host: string;
  readonly port: number;
  readonly sasl: unknown;
  readonly connectionTimeout: number;
  isConnected(): boolean;
  isAuthenticated(): boolean;
  getConnection(): Promise<RawConnection>;
  setVersions(versions: unknown): void;
  setSupportAuthenticationProtocol(supported: boolean): void;
  send<T>(r: Exchange<T>): Promise<T>;
  destroy(): Promise<void>;
}

/** Asks what a broker speaks, and authenticates. */
export interface RawBroker {
  readonly versions: Record<number, { minVersion: number; maxVersion: number }> | null;
  connect(): Promise<void>;
}

interface ConnectionOptions {
  host: string;
  port: number;
  ssl?: unknown;
  sasl?: unknown;
  clientId: string;
  socketFactory: unknown;
  connectionTimeout: number;
  requestTimeout: number;
  enforceRequestTimeout: boolean;
  reauthenticationThreshold: number;
  logger: unknown;
}

export const Broker = require("kafkajs/src/broker/index.js") as new (o: {
  connectionPool: RawPool;
  logger: unknown;
  authenticationTimeout: number;
  allowAutoTopicCreation: boolean;
}) => RawBroker;

export const Connection = require("kafkajs/src/network/connection.js") as new (
  o: ConnectionOptions,
) => RawConnection;

export const createSocketFactory = require("kafkajs/src/network/socketFactory.js") as () => unknown;

export const Encoder = require("kafkajs/src/protocol/encoder.js") as new () => {
  writeBufferInternal(b: Buffer): void;
  readonly buffer: Buffer;
};

export const { LEVELS, createLogger } = require("kafkajs/src/loggers/index.js") as {
  LEVELS: typeof LogLevels;
  createLogger: (o: { level: number; logCreator: () => (entry: LogEntry) => void }) => unknown;
};

export interface LogEntry {
  readonly namespace: string;
  readonly level: number;
  readonly log: Readonly<Record<string, unknown>> & { readonly message: string };
}
