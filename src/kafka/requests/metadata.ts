import { kafkaError, type KafkaError } from "../kafka-error.ts";
import { Reader, Writer } from "../wire.ts";
import type { KafkaRequest } from "./request.ts";

export interface PartitionMetadata {
  readonly partition: number;
  readonly error: KafkaError | undefined;
  /** -1 while there is none. */
  readonly leader: number;
  readonly leaderEpoch: number;
  readonly replicas: readonly number[];
  readonly inSync: readonly number[];
}

export interface TopicMetadata {
  readonly topic: string;
  readonly error: KafkaError | undefined;
  /** base64url without padding; `_` where the broker has none. */
  readonly topicId: string;
  readonly internal: boolean;
  readonly partitions: readonly PartitionMetadata[];
}

export interface Metadata {
  readonly clusterId: string;
  readonly controllerId: number;
  readonly brokers: readonly { nodeId: number; host: string; port: number; rack: string | null }[];
  readonly topics: readonly TopicMetadata[];
}

/** Metadata v12 (topic ids, KIP-516); never creates a topic. Null: all topics. */
export const metadataV12 = (topics: readonly string[] | null): KafkaRequest<Metadata> => ({
  apiKey: 3,
  apiVersion: 12,
  apiName: "Metadata",
  encode: () => {
    // Request header v2 ends with tagged fields, which kafkajs does not write: the first byte here.
    const w = new Writer().tags();
    if (topics === null) w.uvarint(0);
    else {
      w.uvarint(topics.length + 1);
      for (const t of topics) w.noUuid().compactString(t).tags();
    }
    return w.bool(false).bool(false).tags().done();
  },
  decode: (b) => {
    const r = new Reader(b);
    r.tags();
    r.int32();
    const brokers = r.compactArray((x) => {
      const broker = { nodeId: x.int32(), host: x.compactString(), port: x.int32() };
      const rack = x.compactString();
      x.tags();
      return { ...broker, rack: rack === "" ? null : rack };
    });
    const clusterId = r.compactString();
    const controllerId = r.int32();
    return { brokers, clusterId, controllerId, topics: r.compactArray(topicV12) };
  },
});

function topicV12(t: Reader): TopicMetadata {
  const code = t.int16();
  const topic = t.compactString();
  const id = t.uuid();
  const internal = t.bool();
  const partitions = t.compactArray((p): PartitionMetadata => {
    const error = p.int16();
    const partition = p.int32();
    const leader = p.int32();
    const leaderEpoch = p.int32();
    const replicas = p.compactArray((x) => x.int32());
    const inSync = p.compactArray((x) => x.int32());
    p.compactArray((x) => x.int32());
    p.tags();
    return { partition, leader, leaderEpoch, replicas, inSync, error: named(error, topic) };
  });
  t.int32();
  t.tags();
  const topicId = id.every((x) => x === 0) ? "_" : id.toString("base64url");
  return { topic, topicId, internal, partitions, error: named(code, topic) };
}

/** Metadata v8, for brokers before 2.8: no topic ids. */
export const metadataV8 = (topics: readonly string[] | null): KafkaRequest<Metadata> => ({
  apiKey: 3,
  apiVersion: 8,
  apiName: "Metadata",
  encode: () => {
    const w = new Writer();
    if (topics === null) w.int32(-1);
    else w.array(topics, (x, t) => x.string(t));
    return w.bool(false).bool(false).bool(false).done();
  },
  decode: (b) => {
    const r = new Reader(b);
    r.int32();
    const brokers = r.array((x) => ({
      nodeId: x.int32(),
      host: x.string(),
      port: x.int32(),
      rack: x.nullableString(),
    }));
    const clusterId = r.nullableString() ?? "_";
    const controllerId = r.int32();
    return { brokers, clusterId, controllerId, topics: r.array(topicV8) };
  },
});

function topicV8(t: Reader): TopicMetadata {
  const code = t.int16();
  const topic = t.string();
  const internal = t.bool();
  const partitions = t.array((p): PartitionMetadata => {
    const error = p.int16();
    const partition = p.int32();
    const leader = p.int32();
    const leaderEpoch = p.int32();
    const replicas = p.array((x) => x.int32());
    const inSync = p.array((x) => x.int32());
    p.array((x) => x.int32());
    return { partition, leader, leaderEpoch, replicas, inSync, error: named(error, topic) };
  });
  t.int32();
  return { topic, topicId: "_", internal, partitions, error: named(code, topic) };
}

const named = (code: number, topic: string): KafkaError | undefined =>
  kafkaError(code, `metadata of topic ${topic}`);
