import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import {
  Broker,
  createLogger,
  createSocketFactory,
  Encoder,
  KAFKAJS_VERSION,
  LEVELS,
  Pool,
} from "../../src/kafka/client/internals.ts";

/** What of kafkajs is no public interface of it: an update that changes it has to fail here first. */
const packageJson = fileURLToPath(
  new URL("../../node_modules/kafkajs/package.json", import.meta.url),
);

test("the installed version is the one whose insides were read", () => {
  const { version } = JSON.parse(readFileSync(packageJson, "utf8")) as { version: string };
  expect(version).toBe(KAFKAJS_VERSION);
});

test("a pool and a broker are made as we make them, and have the verbs that we call", () => {
  const entries: string[] = [];
  const logger = createLogger({
    level: LEVELS.ERROR,
    logCreator: () => (entry) => entries.push(entry.log.message),
  });
  const connectionPool = new Pool({
    host: "127.0.0.1",
    port: 1,
    clientId: "internals",
    socketFactory: createSocketFactory(),
    connectionTimeout: 1_000,
    requestTimeout: 1_000,
    enforceRequestTimeout: true,
    reauthenticationThreshold: 10_000,
    logger,
  });
  const broker = new Broker({
    connectionPool,
    logger,
    authenticationTimeout: 1_000,
    allowAutoTopicCreation: false,
  });
  expect(typeof broker.connect).toBe("function");
  expect(typeof broker.disconnect).toBe("function");
  expect(broker.isConnected()).toBe(false);
  expect(typeof connectionPool.send).toBe("function");
  expect(broker.connectionPool).toBe(connectionPool);
  expect(entries).toEqual([]);
});

test("bytes go through the encoder as they are", () => {
  const encoder = new Encoder();
  encoder.writeBufferInternal(Buffer.from([0, 255, 7]));
  expect([...encoder.buffer]).toEqual([0, 255, 7]);
});
