import { diverging, kafkaError, type KafkaError } from "../kafka-error.ts";
import { Reader, Writer } from "../wire.ts";
import { byTopic, type TopicPartition } from "./offsets.ts";
import type { KafkaRequest } from "./request.ts";

export interface FetchWant extends TopicPartition {
  readonly offset: bigint;
  readonly maxBytes: number;
  /**
   * Leader epoch of the record batch before `offset`. The broker then compares its log with it: where
   * that epoch ended before `offset`, the log was cut short and the answer is the error `log-changed`.
   */
  readonly lastEpoch?: number;
  /** Read from a follower where there is one. Only for single fetches. */
  readonly avoidLeader?: boolean;
}

/** A want as the fetcher sends it. */
export interface AddressedWant extends FetchWant {
  /** `_` where the broker has none. */
  readonly topicId: string;
  /** As we know it: a broker that knows another refuses; -1 asks for no check. */
  readonly leaderEpoch: number;
}

export interface FetchedPartition extends TopicPartition {
  readonly error: KafkaError | undefined;
  /** What was asked for. */
  readonly offset: bigint;
  readonly highWatermark: bigint;
  readonly lastStableOffset: bigint;
  readonly logStartOffset: bigint;
  readonly aborted: readonly { producerId: bigint; firstOffset: bigint }[];
  /** Record batches back to back, the last one perhaps cut off: a view of the answer. */
  readonly records: Buffer;
}

export interface FetchOptions {
  readonly wants: readonly AddressedWant[];
  readonly maxWaitMs: number;
  readonly maxBytes: number;
}

export const FETCH_KEY = 1;

/**
 * Fetch without a session, read_committed: the broker sends whole record batches and the aborted list.
 * v13 where it can be, because it names topics by id: a topic that was deleted and created again then
 * answers UNKNOWN_TOPIC_ID instead of its new records. v11 for brokers before 3.1 and topics without ids.
 */
export const fetchRecords = (
  o: FetchOptions,
  maxVersion: number,
): KafkaRequest<FetchedPartition[]> => {
  const byId = maxVersion >= 13 && o.wants.every((w) => w.topicId !== "_");
  return {
    apiKey: FETCH_KEY,
    apiVersion: byId ? 13 : 11,
    apiName: "Fetch",
    encode: () => (byId ? encodeV13(o) : encodeV11(o)),
    decode: (b) => (byId ? decodeV13(b, o.wants) : decodeV11(b, o.wants)),
  };
};

const READ_COMMITTED = 1;
const MIN_BYTES = 1;

/** Replica -1: a consumer. Session 0 of epoch -1: none. */
const head = (w: Writer, o: FetchOptions): Writer =>
  w
    .int32(-1)
    .int32(o.maxWaitMs)
    .int32(MIN_BYTES)
    .int32(o.maxBytes)
    .int8(READ_COMMITTED)
    .int32(0)
    .int32(-1);

const encodeV11 = (o: FetchOptions): Buffer =>
  head(new Writer(), o)
    .array(byTopic(o.wants), (w, [topic, wants]) =>
      w
        .string(topic)
        .array(wants, (p, want) =>
          p
            .int32(want.partition)
            .int32(want.leaderEpoch)
            .int64(want.offset)
            .int64(-1n)
            .int32(want.maxBytes),
        ),
    )
    .int32(0)
    .string("")
    .done();

const encodeV13 = (o: FetchOptions): Buffer =>
  // Request header v2 ends with tagged fields, which kafkajs does not write: the first byte here.
  head(new Writer().tags(), o)
    .compactArray(byTopic(o.wants), (w, [, wants]) =>
      w
        .uuid(wants[0]?.topicId ?? "")
        .compactArray(wants, (p, want) =>
          p
            .int32(want.partition)
            .int32(want.leaderEpoch)
            .int64(want.offset)
            .int32(want.lastEpoch ?? -1)
            .int64(-1n)
            .int32(want.maxBytes)
            .tags(),
        )
        .tags(),
    )
    .compactArray([], () => undefined)
    .compactString("")
    .tags()
    .done();

type Asked = ReadonlyMap<string, FetchWant>;

const askedOf = (wants: readonly FetchWant[]): Asked =>
  new Map(wants.map((w) => [`${w.topic}/${w.partition}`, w]));

const abortedOf = (r: Reader): { producerId: bigint; firstOffset: bigint } => ({
  producerId: r.int64(),
  firstOffset: r.int64(),
});

function decodeV11(b: Buffer, wants: readonly FetchWant[]): FetchedPartition[] {
  const asked = askedOf(wants);
  const r = started(new Reader(b));
  return r
    .array((t) => {
      const topic = t.string();
      return t.array((p) => {
        const answer = offsetsOf(p, topic, asked);
        const aborted = p.array(abortedOf);
        p.int32();
        return { ...answer, aborted, records: p.bytes() };
      });
    })
    .flat();
}

function decodeV13(b: Buffer, wants: readonly AddressedWant[]): FetchedPartition[] {
  const asked = askedOf(wants);
  const names = new Map(wants.map((w) => [w.topicId, w.topic]));
  const r = new Reader(b);
  r.tags();
  return started(r)
    .compactArray((t) => {
      const id = t.uuid().toString("base64url");
      const topic = names.get(id) ?? id;
      const partitions = t.compactArray((p) => partitionV13(p, topic, asked));
      t.tags();
      return partitions;
    })
    .flat();
}

/** Past throttle time, error and session of the whole answer. */
function started(r: Reader): Reader {
  r.int32();
  const error = kafkaError(r.int16(), "fetch");
  if (error !== undefined) throw error;
  r.int32();
  return r;
}

/** Tag 0 of a partition's answer (KIP-595): where the log and `lastEpoch` part. */
const DIVERGING_EPOCH = 0;

function partitionV13(p: Reader, topic: string, asked: Asked): FetchedPartition {
  const answer = offsetsOf(p, topic, asked);
  const aborted = p.compactArray((a) => {
    const found = abortedOf(a);
    a.tags();
    return found;
  });
  p.int32();
  const records = p.compactBytes();
  const parted = p.tags().get(DIVERGING_EPOCH);
  if (parted === undefined) return { ...answer, aborted, records };
  const at = new Reader(parted);
  const log = { epoch: at.int32(), endOffset: at.int64() };
  const epoch = asked.get(`${topic}/${answer.partition}`)?.lastEpoch ?? -1;
  const error = diverging(answer, { offset: answer.offset, epoch }, log);
  return { ...answer, error: answer.error ?? error, aborted, records };
}

function offsetsOf(
  p: Reader,
  topic: string,
  asked: Asked,
): Omit<FetchedPartition, "aborted" | "records"> {
  const partition = p.int32();
  const code = p.int16();
  const offset = asked.get(`${topic}/${partition}`)?.offset ?? -1n;
  return {
    topic,
    partition,
    offset,
    error: kafkaError(code, `fetch of ${topic}/${partition} at ${offset}`),
    highWatermark: p.int64(),
    lastStableOffset: p.int64(),
    logStartOffset: p.int64(),
  };
}
