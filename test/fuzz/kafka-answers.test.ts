import fc from "fast-check";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { KafkaClient, Sendable } from "../../src/kafka/client/kafka-client.ts";
import * as configs from "../../src/kafka/requests/configs.ts";
import * as topics from "../../src/kafka/requests/create-topics.ts";
import * as uncommitted from "../../src/kafka/requests/fetch-uncommitted.ts";
import * as fetch from "../../src/kafka/requests/fetch.ts";
import { describeGroup } from "../../src/kafka/requests/describe-groups.ts";
import * as group from "../../src/kafka/requests/group.ts";
import * as metadata from "../../src/kafka/requests/metadata.ts";
import * as offsets from "../../src/kafka/requests/offsets.ts";
import * as produce from "../../src/kafka/requests/produce.ts";
import type { KafkaRequest } from "../../src/kafka/requests/request.ts";
import * as transactions from "../../src/kafka/requests/transactions.ts";
import { encodeRecordBatch } from "../../src/record-batch/writer.ts";
import {
  decodeAssignment,
  decodeSubscription,
  encodeAssignment,
  encodePlan,
  encodeSubscription,
} from "../../src/kafka/subscription.ts";
import { connected, createTopic, groupsAreReady, named, never, send } from "../kafka/live-kafka.ts";
import { attempt, mutated, mutations, runs } from "./mutation.ts";

/**
 * Real answers of a real broker, mutated: each decoder gives a value or an error of ours, soon, and never
 * more than the answer could hold.
 */
interface Answer {
  readonly name: string;
  readonly bytes: Buffer;
  readonly decode: (bytes: Buffer) => unknown;
}

const modules = [
  configs,
  topics,
  uncommitted,
  fetch,
  group,
  metadata,
  offsets,
  produce,
  transactions,
];
/** What of these modules is no request. */
const OTHERS = new Set(["byTopic"]);
/** An answer that a decoder has not thrown at is worth something: its size is bounded by the bytes. */
const MAX_PARTS_PER_BYTE = 2;

const answers: Answer[] = [];
let client: KafkaClient;
let node = -1;
const topic = named("fuzz");
const groupId = named("fuzz");
const [p] = [{ topic, partition: 0 }];

/** Sends it, and keeps what came. */
async function ask<T>(name: string, request: KafkaRequest<T>, coordinator = false): Promise<T> {
  const kept: Sendable<T> & KafkaRequest<T> = {
    ...request,
    decode: (bytes) => {
      answers.push({ name, bytes: Buffer.from(bytes), decode: (b) => request.decode(b) });
      return request.decode(bytes);
    },
  };
  return coordinator
    ? client.sendToCoordinator(groupId, kept, never)
    : client.send(node, kept, never);
}

async function askAboutTopic(): Promise<void> {
  const wants = [{ ...p, offset: 0n, maxBytes: 1 << 20 }];
  const found = await ask("metadataV12", metadata.metadataV12([topic]));
  await ask("metadataV8", metadata.metadataV8(null));
  const topicId = found.topics[0]?.topicId ?? "";
  const addressed = wants.map((w) => ({ ...w, topicId, leaderEpoch: -1 }));
  const o = { wants: addressed, maxWaitMs: 100, maxBytes: 1 << 20 };
  for (const version of [11, 17]) {
    const [fetched] = await ask("fetchRecords", fetch.fetchRecords(o, version));
    expect(fetched?.records.length).toBeGreaterThan(100);
  }
  await ask(
    "fetchUncommitted",
    uncommitted.fetchUncommitted({ ...p, offset: 0n, maxBytes: 1 << 20 }, 100),
  );
  await ask("listOffsets", offsets.listOffsets([p], "latest"));
  await ask("offsetForLeaderEpoch", offsets.offsetForLeaderEpoch({ ...p, epoch: 0 }));
  await ask(
    "describeConfigs",
    configs.describeConfigs([{ type: "topic", name: topic }], ["retention.ms"]),
  );
  const only = { timeoutMs: 5_000, validateOnly: true };
  const wanted = { topic: named("fuzz"), partitions: 2, replicationFactor: 1, settings: {} };
  await ask("createTopic", topics.createTopic(wanted, only));
  await ask("createPartitions", topics.createPartitions(topic, 4, only));
}

async function askAsMember(): Promise<void> {
  const ref = { group: groupId, memberId: "", instanceId: "one" };
  await ask("findCoordinator", group.findCoordinator(groupId));
  const protocol = "fuzz";
  const aboutMe = encodeSubscription({ topics: [topic], owned: [], generation: -1, about: {} });
  const times = { sessionTimeoutMs: 6_000, rebalanceTimeoutMs: 6_000 };
  const join = group.joinGroup({ ...ref, ...times, protocol, metadata: aboutMe });
  const { memberId, generation } = await ask("joinGroup", join, true);
  const me = { ...ref, memberId, generation };
  const assignments = [{ memberId, assignment: encodeAssignment([p], encodePlan(new Map())) }];
  const sync = { ...me, assignments, rebalanceTimeoutMs: 6_000 };
  await ask("syncGroup", group.syncGroup(sync), true);
  await ask("heartbeat", group.heartbeat(me, 5_000), true);
  const entries = [{ ...p, offset: 1n, metadata: "so far", leaderEpoch: -1 }];
  await ask("offsetCommit", offsets.offsetCommit({ ...me, entries }), true);
  await ask("offsetFetch", offsets.offsetFetch(groupId, [p]), true);
  const described = await ask("describeGroup", describeGroup(groupId), true);
  expect(described.members.map((m) => [m.memberId, m.instanceId])).toEqual([[memberId, "one"]]);
  await ask("leaveGroup", group.leaveGroup(me), true);
}

async function askAsProducer(): Promise<void> {
  const id = named("fuzz");
  // One broker: it is every coordinator.
  await ask("findTransactionCoordinator", transactions.findTransactionCoordinator(id));
  const ref = await ask("initProducerId", transactions.initProducerId(id, 30_000));
  await ask("addPartitionsToTxn", transactions.addPartitionsToTxn(ref, [p]));
  const records = [{ offset: 0n, timestamp: 1n, key: null, value: Buffer.from("v"), headers: [] }];
  const recordBatch = encodeRecordBatch({
    ...{ baseOffset: 0n, records, producerId: ref.producerId, producerEpoch: ref.epoch },
    ...{ baseSequence: 0, transactional: true },
  });
  const o = { ...p, transactionalId: id, recordBatch, timeoutMs: 5_000 };
  await ask("produce", produce.produce(o));
  await ask("endTxn", transactions.endTxn(ref, true));
}

beforeAll(async () => {
  await groupsAreReady();
  await createTopic(topic, 2);
  await send(
    { topic, codec: "lz4" },
    Array.from({ length: 50 }, (_, i) => `line ${i}`),
  );
  client = await connected();
  node = client.brokerIds[0] ?? -1;
  await askAboutTopic();
  await askAsMember();
  await patiently(askAsProducer);
});

afterAll(() => client.close());

/** The topic of transactions is made when it is first asked for. */
async function patiently(work: () => Promise<void>): Promise<void> {
  for (let tries = 1; ; tries++) {
    try {
      return await work();
    } catch (error) {
      if (tries === 100 || (error as { retriable?: boolean }).retriable !== true) throw error;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }
}

/** How many values there are in it, whatever it is made of. */
function parts(value: unknown): number {
  if (Buffer.isBuffer(value) || typeof value !== "object" || value === null) return 1;
  const inside = value instanceof Map ? [...value.keys(), ...value.values()] : Object.values(value);
  return inside.reduce((n: number, v) => n + parts(v), 1);
}

test("there is an answer to every request that there is", () => {
  const requests = modules
    .flatMap((m) => Object.entries(m))
    .filter(([name, value]) => typeof value === "function" && !OTHERS.has(name))
    .map(([name]) => name);
  const asked = new Set(answers.map((a) => a.name));
  expect(requests.filter((name) => !asked.has(name))).toEqual([]);
});

test("mutated answers: a value or an error, soon, and in proportion", () => {
  const refused = new Map<string, number>();
  fc.assert(
    fc.property(fc.nat(), mutations, (which, list) => {
      const { name, bytes, decode } = answers[which % answers.length] as Answer;
      const changed = mutated(bytes, list);
      const began = performance.now();
      const value = attempt(() => decode(changed));
      expect(performance.now() - began).toBeLessThan(1_000);
      if (value === undefined) refused.set(name, (refused.get(name) ?? 0) + 1);
      else expect(parts(value)).toBeLessThanOrEqual(20 + MAX_PARTS_PER_BYTE * changed.length);
    }),
    runs(5_000),
  );
  // Those whose answer is a number or two take almost anything.
  expect(refused.size).toBeGreaterThan(10);
});

test("cut answers are refused, wherever they are cut", () => {
  const whole = new Set(["metadataV12", "fetchRecords", "offsetFetch"]);
  for (const { name, bytes, decode } of answers) {
    for (let to = 0; to < bytes.length; to++) {
      const value = attempt(() => decode(bytes.subarray(0, to)));
      // Tagged fields at the end, and what is not looked at, may be missing.
      if (to < bytes.length / 2 && whole.has(name))
        expect([name, to, value]).toEqual([name, to, undefined]);
    }
  }
});

test("any bytes at all", () => {
  fc.assert(
    fc.property(fc.nat(), fc.uint8Array({ maxLength: 120 }), (which, bytes) => {
      const { decode } = answers[which % answers.length] as Answer;
      const value = attempt(() => decode(Buffer.from(bytes)));
      if (value !== undefined)
        expect(parts(value)).toBeLessThanOrEqual(20 + MAX_PARTS_PER_BYTE * bytes.length);
    }),
    runs(3_000),
  );
});

test("what members tell each other: read, or refused as not ours", () => {
  const owned = [p, { topic, partition: 1 }, { topic: "other", partition: 7 }];
  const plan = new Map([["one", owned]]);
  const good = [
    encodeSubscription({ topics: [topic], owned, generation: 3, about: { version: "1" } }),
    encodeAssignment(owned, encodePlan(plan)),
  ];
  const isPartition = (x: { topic: string; partition: number }): boolean =>
    typeof x.topic === "string" && Number.isInteger(x.partition);
  fc.assert(
    fc.property(fc.constantFrom(...good), mutations, (bytes, list) => {
      const changed = mutated(bytes, list);
      const s = attempt(() => decodeSubscription(changed, "one"));
      const a = attempt(() => decodeAssignment(changed));
      if (s !== undefined) {
        expect(Number.isInteger(s.generation)).toBe(true);
        expect(s.owned.every(isPartition)).toBe(true);
        expect(Object.values(s.about).every((v) => typeof v === "string")).toBe(true);
      }
      for (const list2 of a === undefined ? [] : [a.owned, ...a.group.values()]) {
        expect(list2.every(isPartition)).toBe(true);
      }
    }),
    runs(3_000),
  );
  const user = (text: string): Buffer => {
    const bytes = encodeSubscription({ topics: [], owned: [], generation: 1, about: {} });
    const at = bytes.indexOf("{");
    const length = bytes.readInt32BE(at - 4);
    const size = Buffer.alloc(4);
    size.writeInt32BE(Buffer.byteLength(text));
    return Buffer.concat([
      bytes.subarray(0, at - 4),
      size,
      Buffer.from(text),
      bytes.subarray(at + length),
    ]);
  };
  for (const text of [
    "null",
    "[]",
    "1",
    '{"generation":"1","about":{}}',
    '{"generation":1}',
    '{"generation":1.5,"about":{}}',
    '{"generation":1,"about":{"a":1}}',
  ]) {
    expect([text, attempt(() => decodeSubscription(user(text), "one"))]).toEqual([text, undefined]);
  }
});
