import { kafkaError, type KafkaError, refuseCode } from "../kafka-error.ts";
import { Reader, Writer } from "../wire.ts";
import type { KafkaRequest } from "./request.ts";

export interface TopicPartition {
  readonly topic: string;
  readonly partition: number;
}

export interface CommitEntry extends TopicPartition {
  readonly offset: bigint;
  readonly metadata: string;
  readonly leaderEpoch: number;
}

/** Items by topic, as every request wants them. */
export function byTopic<T extends TopicPartition>(items: Iterable<T>): [string, T[]][] {
  const topics = new Map<string, T[]>();
  for (const item of items) {
    const of = topics.get(item.topic);
    if (of === undefined) topics.set(item.topic, [item]);
    else of.push(item);
  }
  return [...topics];
}

export interface CommitOptions {
  readonly group: string;
  readonly generation: number;
  readonly memberId: string;
  readonly instanceId: string | null;
  readonly entries: readonly CommitEntry[];
}

/** OffsetCommit v7 (KIP-345): one error code per partition, in Kafka's order. */
export const offsetCommit = (
  o: CommitOptions,
): KafkaRequest<(TopicPartition & { error: number })[]> => ({
  apiKey: 8,
  apiVersion: 7,
  apiName: "OffsetCommit",
  encode: () =>
    new Writer()
      .string(o.group)
      .int32(o.generation)
      .string(o.memberId)
      .string(o.instanceId)
      .array(byTopic(o.entries), (w, [topic, entries]) =>
        w
          .string(topic)
          .array(entries, (p, e) =>
            p.int32(e.partition).int64(e.offset).int32(e.leaderEpoch).string(e.metadata),
          ),
      )
      .done(),
  decode: (b) => {
    const r = new Reader(b);
    r.int32();
    return r
      .array((t) => {
        const topic = t.string();
        return t.array((p) => ({ topic, partition: p.int32(), error: p.int16() }));
      })
      .flat();
  },
});

export interface CommittedOffset extends TopicPartition {
  /** Null when the group has none. */
  readonly offset: bigint | null;
  readonly leaderEpoch: number;
  readonly metadata: string;
}

/**
 * OffsetFetch v7: `requireStable` makes the broker answer only what can no longer change. Null: whatever
 * the group has committed.
 */
export const offsetFetch = (
  group: string,
  partitions: readonly TopicPartition[] | null,
): KafkaRequest<CommittedOffset[]> => ({
  apiKey: 9,
  apiVersion: 7,
  apiName: "OffsetFetch",
  encode: () => {
    const w = new Writer().tags().compactString(group);
    const topics = byTopic(partitions ?? []);
    w.uvarint(partitions === null ? 0 : topics.length + 1);
    for (const [topic, items] of topics) {
      w.compactString(topic).uvarint(items.length + 1);
      for (const p of items) w.int32(p.partition);
      w.tags();
    }
    return w.bool(true).tags().done();
  },
  decode: (b) => {
    const r = new Reader(b);
    r.tags();
    r.int32();
    const found = r
      .compactArray((t) => {
        const topic = t.compactString();
        const items = t.compactArray((p) => {
          const partition = p.int32();
          const offset = p.int64();
          const leaderEpoch = p.int32();
          const metadata = p.compactString();
          refuseCode(p.int16(), `the committed offset of ${topic}/${partition}`);
          p.tags();
          return { topic, partition, offset: offset < 0n ? null : offset, leaderEpoch, metadata };
        });
        t.tags();
        return items;
      })
      .flat();
    refuseCode(r.int16(), `the committed offsets of group ${group}`);
    return found;
  },
});

/** A time in milliseconds, or which end of the log. */
export type OffsetSpec = "earliest" | "latest" | bigint;
const SPEC = { earliest: -2n, latest: -1n };

export interface FoundOffset extends TopicPartition {
  readonly error: KafkaError | undefined;
  /** -1 when there is no record at or after the time. */
  readonly offset: bigint;
  readonly timestamp: bigint;
  /** Of the record found; of `latest` the leader's own, under which nothing is written yet perhaps. */
  readonly leaderEpoch: number;
}

/** ListOffsets v5, read_committed: `latest` is the last stable offset. To the leader of each. */
export const listOffsets = (
  partitions: readonly TopicPartition[],
  spec: OffsetSpec,
): KafkaRequest<FoundOffset[]> => ({
  apiKey: 2,
  apiVersion: 5,
  apiName: "ListOffsets",
  encode: () =>
    new Writer()
      .int32(-1)
      .int8(1)
      .array(byTopic(partitions), (w, [topic, items]) =>
        w.string(topic).array(items, (p, e) =>
          p
            .int32(e.partition)
            .int32(-1)
            .int64(typeof spec === "bigint" ? spec : SPEC[spec]),
        ),
      )
      .done(),
  decode: (b) => {
    const r = new Reader(b);
    r.int32();
    return r
      .array((t) => {
        const topic = t.string();
        return t.array((p) => {
          const partition = p.int32();
          const error = kafkaError(p.int16(), `offsets of ${topic}/${partition}`);
          const timestamp = p.int64();
          return { topic, partition, error, timestamp, offset: p.int64(), leaderEpoch: p.int32() };
        });
      })
      .flat();
  },
});

export interface EpochWant extends TopicPartition {
  readonly epoch: number;
  /** Of the leader that is to answer: a broker that knows another refuses; left out asks for no check. */
  readonly leaderEpoch?: number;
}

export interface EpochEnd extends TopicPartition {
  readonly error: KafkaError | undefined;
  /** The greatest one up to the epoch that was asked for; -1 when it is unknown. */
  readonly epoch: number;
  readonly endOffset: bigint;
}

/** OffsetForLeaderEpoch v3: where the given epochs end in the log. To the leader of each. */
export const offsetForLeaderEpoch = (wants: readonly EpochWant[]): KafkaRequest<EpochEnd[]> => ({
  apiKey: 23,
  apiVersion: 3,
  apiName: "OffsetForLeaderEpoch",
  encode: () =>
    new Writer()
      .int32(-1)
      .array(byTopic(wants), (w, [topic, items]) =>
        w.string(topic).array(items, (x, e) =>
          x
            .int32(e.partition)
            .int32(e.leaderEpoch ?? -1)
            .int32(e.epoch),
        ),
      )
      .done(),
  decode: (b) => {
    const r = new Reader(b);
    r.int32();
    return r
      .array((t) => {
        const topic = t.string();
        return t.array((x) => {
          const code = x.int16();
          const partition = x.int32();
          const error = kafkaError(code, `the end of an epoch of ${topic}/${partition}`);
          return { topic, partition, error, epoch: x.int32(), endOffset: x.int64() };
        });
      })
      .flat();
  },
});
