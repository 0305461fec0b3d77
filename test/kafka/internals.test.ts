import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import {
  Broker,
  Connection,
  createLogger,
  createSocketFactory,
  Encoder,
  KAFKAJS_VERSION,
  LEVELS,
  type RawPool,
} from "../../src/kafka/client/internals.ts";

/** What of kafkajs is no public interface of it: an update that changes it has to fail here first. */
const packageJson = fileURLToPath(
  new URL("../../node_modules/kafkajs/package.json", import.meta.url),
);

const entries: string[] = [];
const logger = createLogger({
  level: LEVELS.ERROR,
  logCreator: () => (entry) => entries.push(entry.log.message),
});
const connection = new Connection({
  host: "127.0.0.1",
  port: 1,
  clientId: "internals",
  socketFactory: createSocketFactory(),
  connectionTimeout: 1_000,
  requestTimeout: 1_000,
  enforceRequestTimeout: false,
  reauthenticationThreshold: 10_000,
  logger,
});

test("the installed version is the one whose insides were read", () => {
  const { version } = JSON.parse(readFileSync(packageJson, "utf8")) as { version: string };
  expect(version).toBe(KAFKAJS_VERSION);
});

test("a connection has the verbs that we call, and says in words what failed", async () => {
  for (const verb of [
    "connect",
    "isConnected",
    "isAuthenticated",
    "authenticate",
    "nextCorrelationId",
    "send",
    "setVersions",
    "processData",
  ] as const) {
    expect(typeof connection[verb], verb).toBe("function");
  }
  expect(connection.chunks).toEqual([]);
  expect(connection.bytesBuffered).toBe(0);
  expect(typeof connection.disconnect).toBe("function");
  expect(typeof connection.requestQueue.push).toBe("function");
  expect(connection.clientId).toBe("internals");
  expect(typeof connection.rejectRequests).toBe("function");
  expect(typeof connection.setSupportAuthenticationProtocol).toBe("function");
  expect(connection.isConnected()).toBe(false);
  await expect(connection.connect()).rejects.toThrow("ECONNREFUSED");
  expect(typeof connection.socket?.destroy).toBe("function");
  expect(entries).toEqual([expect.stringContaining("ECONNREFUSED")]);
});

test("a broker asks for versions through the pool it was given", async () => {
  const asked: string[] = [];
  const connectionPool: RawPool = {
    host: "127.0.0.1",
    port: 1,
    sasl: undefined,
    connectionTimeout: 1_000,
    isConnected: () => false,
    isAuthenticated: () => false,
    getConnection: () => Promise.resolve(connection),
    setVersions: (versions) => asked.push(JSON.stringify(versions)),
    setSupportAuthenticationProtocol: () => asked.push("authentication"),
    send: <T>(r: { request: { apiName: string } }): Promise<T> => {
      asked.push(r.request.apiName);
      const apiVersions = [{ apiKey: 1, minVersion: 0, maxVersion: 17 }];
      return Promise.resolve({ apiVersions } as T);
    },
    destroy: () => Promise.resolve(),
  };
  const broker = new Broker({
    connectionPool,
    logger,
    authenticationTimeout: 1_000,
    allowAutoTopicCreation: false,
  });
  expect(broker.versions).toBe(null);
  await broker.connect();
  expect(asked).toEqual([
    "ApiVersions",
    '{"1":{"minVersion":0,"maxVersion":17}}',
    "authentication",
  ]);
  expect(broker.versions?.[1]?.maxVersion).toBe(17);
});

test("bytes go through the encoder as they are", () => {
  const encoder = new Encoder();
  encoder.writeBufferInternal(Buffer.from([0, 255, 7]));
  expect([...encoder.buffer]).toEqual([0, 255, 7]);
});
