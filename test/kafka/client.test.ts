import { createServer } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { ArchiverError } from "../../src/core/errors.ts";
import { KafkaClient } from "../../src/kafka/client/kafka-client.ts";
import { heartbeat, joinGroup } from "../../src/kafka/requests/group.ts";
import type { KafkaRequest } from "../../src/kafka/requests/request.ts";
import {
  connected,
  createTopic,
  groupsAreReady,
  named,
  never,
  optionsFor,
  SaidLog,
  sharedKafka,
} from "./live-kafka.ts";
import { Proxy } from "./proxy.ts";

const address = (bootstrap: string): { host: string; port: number } => {
  const [host = "", port = ""] = (bootstrap.split(",")[0] ?? "").split(":");
  return { host, port: Number(port) };
};

/** ApiVersions v0: the smallest question there is. */
const hello = (): KafkaRequest<number> => ({
  apiKey: 18,
  apiVersion: 0,
  apiName: "ApiVersions",
  encode: () => Buffer.alloc(0),
  decode: (b) => b.readInt16BE(0),
});

async function failure(work: Promise<unknown>): Promise<ArchiverError> {
  try {
    await work;
  } catch (error) {
    if (error instanceof ArchiverError) return error;
    throw error;
  }
  throw new Error("it should have failed");
}

describe("opening", () => {
  test("a port where nobody listens is kafka-unreachable at once, and names the brokers", async () => {
    const began = performance.now();
    const opening = KafkaClient.open(optionsFor("127.0.0.1:1,127.0.0.1:2"), new SaidLog(), never);
    const error = await failure(opening);
    expect(error.code).toBe("kafka-unreachable");
    expect(error.message).toMatch(/127\.0\.0\.1:1, 127\.0\.0\.1:2.*ECONNREFUSED/);
    expect(performance.now() - began).toBeLessThan(2_000);
  });

  test("a port that takes connections and never speaks is kafka-unreachable within the time-out", async () => {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const { port } = server.address() as { port: number };
    const began = performance.now();
    const options = { ...optionsFor(`127.0.0.1:${port}`), connectionTimeoutMs: 500 };
    const error = await failure(KafkaClient.open(options, new SaidLog(), never));
    expect(error.code).toBe("kafka-unreachable");
    expect(error.message).toMatch(/TLS or SASL/);
    expect(performance.now() - began).toBeLessThan(3_000);
    server.close();
  });

  test("one broker of those named is enough", async () => {
    const client = await connected(`127.0.0.1:1,${sharedKafka()}`);
    expect(client.brokerIds.length).toBeGreaterThan(0);
    await client.close();
  });

  test("host:port, or the configuration is wrong", async () => {
    const error = await failure(KafkaClient.open(optionsFor("kafka"), new SaidLog(), never));
    expect(error.code).toBe("config-invalid");
  });
});

describe("metadata", () => {
  test("has topic ids, leaders with their epochs, and creates nothing", async () => {
    const topic = await createTopic(named("meta"), 3);
    const client = await connected();
    const absent = named("absent");
    const found = await client.metadata([topic, absent], never);
    const [there] = found.topics.filter((t) => t.topic === topic);
    expect(there?.topicId).toMatch(/^[A-Za-z0-9_-]{22}$/);
    expect(there?.partitions.map((p) => p.partition).sort()).toEqual([0, 1, 2]);
    expect(there?.partitions.every((p) => p.leader > 0 && p.leaderEpoch >= 0)).toBe(true);
    expect(found.clusterId).not.toBe("");
    const [missing] = found.topics.filter((t) => t.topic === absent);
    expect(missing?.error?.kafkaCode).toBe("UNKNOWN_TOPIC_OR_PARTITION");
    const again = await client.metadata(null, never);
    expect(again.topics.map((t) => t.topic)).toContain(topic);
    expect(again.topics.map((t) => t.topic)).not.toContain(absent);
    await client.close();
  });
});

describe("a connection", () => {
  let proxy: Proxy;
  let link: import("../../src/kafka/client/broker-link.ts").BrokerLink;
  beforeEach(async () => {
    const { BrokerLink } = await import("../../src/kafka/client/broker-link.ts");
    proxy = await Proxy.open(address(sharedKafka()));
    const { host, port } = address(proxy.address);
    const times = { connectionTimeoutMs: 1_000, requestTimeoutMs: 500 };
    link = new BrokerLink({ ...optionsFor(proxy.address), ...times }, host, port, new SaidLog());
  });
  afterEach(async () => {
    link.close();
    await proxy.close();
  });

  test("is one, however many requests find it closed at the same time", async () => {
    const answers = await Promise.all(Array.from({ length: 20 }, () => link.send(hello(), never)));
    expect(answers).toEqual(Array.from({ length: 20 }, () => 0));
    expect(proxy.accepted).toBe(1);
  });

  test("opens again after a break", async () => {
    await link.send(hello(), never);
    proxy.breakAll();
    await sleep(50);
    expect(await link.send(hello(), never)).toBe(0);
    expect(proxy.accepted).toBe(2);
  });

  test("that broke under a request says so; the next request has a new one", async () => {
    await link.send(hello(), never);
    proxy.silence(true);
    const asked = failure(link.send(hello(), never));
    await sleep(50);
    proxy.breakAll();
    expect((await asked).code).toBe("kafka-unreachable");
    proxy.silence(false);
    expect(await link.send(hello(), never)).toBe(0);
  });

  test("that fell silent is given up with the first time-out, not used again", async () => {
    await link.send(hello(), never);
    proxy.silence(true);
    const error = await failure(link.send(hello(), never));
    expect([error.code, error.message]).toEqual([
      "kafka-unreachable",
      expect.stringMatching(/no answer within 500 ms/),
    ]);
    await until0(proxy);
    proxy.silence(false);
    expect(await link.send(hello(), never)).toBe(0);
    expect(proxy.accepted).toBe(2);
  });

  test("with many requests under way is thrown away once, and Node has nothing to warn of", async () => {
    const warned: string[] = [];
    const hear = (warning: Error): number => warned.push(warning.message);
    process.on("warning", hear);
    await link.send(hello(), never);
    proxy.silence(true);
    const asked = Array.from({ length: 40 }, () => failure(link.send(hello(), never)));
    const codes = (await Promise.all(asked)).map(({ code }) => code);
    expect(new Set(codes)).toEqual(new Set(["kafka-unreachable"]));
    await sleep(20);
    process.off("warning", hear);
    expect(warned).toEqual([]);
  });

  test("closes at once, with a request under way", async () => {
    await link.send(hello(), never);
    proxy.silence(true);
    const asked = failure(link.send(hello(), never));
    const began = performance.now();
    link.close();
    expect((await asked).code).toMatch(/interrupted|kafka-unreachable/);
    expect(performance.now() - began).toBeLessThan(200);
    expect((await failure(link.send(hello(), never))).code).toBe("interrupted");
  });

  test("is no longer waited for when the signal aborts", async () => {
    proxy.silence(true);
    const began = performance.now();
    const signal = AbortSignal.timeout(50);
    await expect(link.send(hello(), signal)).rejects.toThrow(/timeout/i);
    expect(performance.now() - began).toBeLessThan(400);
  });
});

const until0 = async (proxy: Proxy): Promise<void> => {
  for (let i = 0; i < 100 && proxy.open > 0; i += 1) await sleep(10);
  expect(proxy.open).toBe(0);
};

describe("any broker", () => {
  test("a silent one is passed over", async () => {
    const proxy = await Proxy.open(address(sharedKafka()));
    proxy.silence(true);
    const more = { connectionTimeoutMs: 400, requestTimeoutMs: 400 };
    const began = performance.now();
    const client = await connected(`${proxy.address},${sharedKafka()}`, more);
    expect(performance.now() - began).toBeLessThan(3_000);
    await client.close();
    await proxy.close();
  });
});

describe("a request that the broker holds back", () => {
  test("stands before no other of the group when it was given up", async () => {
    await groupsAreReady();
    const group = named("held");
    const client = await connected();
    const base = { group, instanceId: null, sessionTimeoutMs: 10_000, rebalanceTimeoutMs: 10_000 };
    const join = (memberId: string) =>
      joinGroup({ ...base, memberId, protocol: "p", metadata: Buffer.from("m") });
    const first = await client.sendToCoordinator(group, join(""), never);
    const a = await client.sendToCoordinator(group, join(first.memberId), never);
    const other = await connected();
    const second = await other.sendToCoordinator(group, join(""), never);
    // The broker answers it only when the first member has joined as well.
    const given = AbortSignal.timeout(300);
    await expect(other.sendToCoordinator(group, join(second.memberId), given)).rejects.toThrow(
      /timeout/i,
    );
    const began = performance.now();
    const ref = { group, memberId: a.memberId, instanceId: null, generation: a.generation };
    const answer = await other.sendToCoordinator(group, heartbeat(ref, 2_000), never);
    expect(answer).toBe(27);
    expect(performance.now() - began).toBeLessThan(1_500);
    await Promise.all([client.close(), other.close()]);
  });
});
