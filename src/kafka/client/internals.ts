import { createRequire } from "node:module";
import type { logLevel as LogLevels } from "kafkajs";

/**
 * Everything we use of kafkajs beyond its public face, in one place: connections with their SASL, TLS
 * and request queue. `test/kafka/internals.test.ts` fails when one of them is not what it was.
 */
const require = createRequire(import.meta.url);

export const KAFKAJS_VERSION = "2.2.4";

/**
 * kafkajs computes its next look at the request queue from a time that may have passed; newer Nodes
 * warn of that on stderr. The pause is then 1 ms, which is right; this one warning is left out.
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

/** A connection pair to one broker: index 1 for Fetch, 0 for everything else. */
export interface ConnectionPool {
  readonly host: string;
  readonly port: number;
  send<T>(r: {
    request: RawRequest;
    response: RawResponse<T>;
    requestTimeout?: number;
    logResponseError?: boolean;
  }): Promise<T>;
  isConnected(): boolean;
  destroy(): Promise<void>;
}

/** Connects and authenticates a pool. */
export interface RawBroker {
  readonly versions: Record<number, { minVersion: number; maxVersion: number }> | null;
  readonly connectionPool: ConnectionPool;
  connect(): Promise<void>;
  disconnect(): Promise<void>;
  isConnected(): boolean;
}

interface PoolOptions {
  host: string;
  port: number;
  rack?: string | undefined;
  ssl?: unknown;
  sasl?: unknown;
  clientId: string;
  socketFactory: unknown;
  connectionTimeout: number;
  requestTimeout: number;
  enforceRequestTimeout: boolean;
  maxInFlightRequests?: number | null;
  reauthenticationThreshold: number;
  logger: unknown;
}

export const Broker = require("kafkajs/src/broker/index.js") as new (o: {
  connectionPool: ConnectionPool;
  logger: unknown;
  nodeId?: number;
  authenticationTimeout: number;
  allowAutoTopicCreation: boolean;
}) => RawBroker;

export const Pool = require("kafkajs/src/network/connectionPool.js") as new (
  o: PoolOptions,
) => ConnectionPool;

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
