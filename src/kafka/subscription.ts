import { deflateRawSync, inflateRawSync } from "node:zlib";
import { z } from "zod";
import { ArchiverError } from "../core/errors.ts";
import type { TopicPartition } from "./requests/offsets.ts";
import { byTopic } from "./requests/offsets.ts";
import { Reader, Writer } from "./wire.ts";

/** Our assignor's name in JoinGroup: members of another product cannot join the group by mistake. */
export const PROTOCOL = "bulk-archiver-sticky-2";

export interface Subscription {
  readonly topics: readonly string[];
  readonly owned: readonly TopicPartition[];
  /** Of the ownership; -1 for none. */
  readonly generation: number;
  /** What a member tells the others (its HTTP address, version). */
  readonly about: Readonly<Record<string, string>>;
}

const VERSION = 1;

/** What others wrote, perhaps by a later version: keys that are not known here are passed over. */
const userData = z.object({ generation: z.int(), about: z.record(z.string(), z.string()) });
const planData = z.record(z.string(), z.record(z.string(), z.array(z.int().nonnegative())));

/** Kafka's consumer protocol v1 (topics, user data, owned partitions), so that Kafka's tools show it. */
export function encodeSubscription(s: Subscription): Buffer {
  const user = Buffer.from(JSON.stringify({ generation: s.generation, about: s.about }), "utf8");
  return partitions(
    new Writer()
      .int16(VERSION)
      .array(s.topics, (w, t) => w.string(t))
      .bytes(user),
    s.owned,
  ).done();
}

export function decodeSubscription(bytes: Buffer, member: string): Subscription {
  const r = new Reader(bytes);
  const version = r.int16();
  if (version < 1) throw foreign(member, `subscription version ${version}`);
  const topics = r.array((x) => x.string());
  const user = r.bytes().toString("utf8");
  const owned = readPartitions(r);
  try {
    const { generation, about } = userData.parse(JSON.parse(user));
    return { topics, owned, generation, about };
  } catch (cause) {
    throw foreign(member, "user data that is not ours", cause);
  }
}

/** What the leader decided for everyone, by instance id or member id: the next leader starts from it. */
export type GroupPlan = ReadonlyMap<string, readonly TopicPartition[]>;

/**
 * Every member carries the plan of all, and Kafka keeps a group's assignments in one record: so it is
 * written by topic and compressed.
 */
export function encodePlan(plan: GroupPlan): Buffer {
  const lists = [...plan].map(([member, owned]) => {
    const topics = byTopic(owned).map(([t, list]) => [t, list.map((p) => p.partition)]);
    return [member, Object.fromEntries(topics)];
  });
  return deflateRawSync(JSON.stringify(Object.fromEntries(lists)));
}

/** A plan larger than this is no plan. */
const MAX_PLAN_BYTES = 64 << 20;

function decodePlan(bytes: Buffer): GroupPlan {
  if (bytes.length === 0) return new Map();
  const text = inflateRawSync(bytes, { maxOutputLength: MAX_PLAN_BYTES }).toString("utf8");
  const plan = planData.parse(JSON.parse(text));
  const owned = (topics: Record<string, number[]>): TopicPartition[] =>
    Object.entries(topics).flatMap(([topic, list]) =>
      list.map((partition) => ({ topic, partition })),
    );
  return new Map(Object.entries(plan).map(([member, topics]) => [member, owned(topics)]));
}

/** `plan` as `encodePlan` made it. */
export const encodeAssignment = (owned: readonly TopicPartition[], plan: Buffer): Buffer =>
  partitions(new Writer().int16(VERSION), owned).bytes(plan).done();

export interface Assignment {
  readonly owned: readonly TopicPartition[];
  readonly group: GroupPlan;
}

export function decodeAssignment(bytes: Buffer): Assignment {
  // A member that joined without topics gets no bytes at all.
  if (bytes.length === 0) return { owned: [], group: new Map() };
  const r = new Reader(bytes);
  r.int16();
  const owned = readPartitions(r);
  const user = r.bytes();
  try {
    return { owned, group: decodePlan(user) };
  } catch (cause) {
    throw foreign("(leader)", "an assignment that is not ours", cause);
  }
}

const partitions = (w: Writer, owned: readonly TopicPartition[]): Writer =>
  w.array(byTopic(owned), (x, [topic, items]) =>
    x.string(topic).array(items, (y, p) => y.int32(p.partition)),
  );

const readPartitions = (r: Reader): TopicPartition[] =>
  r
    .array((t) => {
      const topic = t.string();
      return t.array((p) => ({ topic, partition: p.int32() }));
    })
    .flat();

const foreign = (member: string, text: string, cause?: unknown): ArchiverError =>
  new ArchiverError("kafka-refused", `member ${member} of the group joined with ${text}`, {
    cause,
  });
