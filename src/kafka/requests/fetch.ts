import { kafkaError, type KafkaError } from "../kafka-error.ts";
import { Reader, Writer } from "../wire.ts";
import { byTopic, type TopicPartition } from "./offsets.ts";
import type { KafkaRequest } from "./request.ts";

export interface FetchWant extends TopicPartition {
  readonly offset: bigint;
  readonly maxBytes: number;
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
  readonly wants: readonly FetchWant[];
  readonly maxWaitMs: number;
  readonly maxBytes: number;
}

/** Fetch v11, without a session, read_committed: the broker sends whole batches and the aborted list. */
export const fetchRecords = (o: FetchOptions): KafkaRequest<FetchedPartition[]> => ({
  apiKey: 1,
  apiVersion: 11,
  apiName: "Fetch",
  encode: () =>
    new Writer()
      .int32(-1)
      .int32(o.maxWaitMs)
      .int32(1)
      .int32(o.maxBytes)
      .int8(1)
      .int32(0)
      .int32(-1)
      .array(byTopic(o.wants), (w, [topic, wants]) =>
        w
          .string(topic)
          .array(wants, (p, want) =>
            p.int32(want.partition).int32(-1).int64(want.offset).int64(-1n).int32(want.maxBytes),
          ),
      )
      .int32(0)
      .string("")
      .done(),
  decode: (b) => decodeFetch(b, o.wants),
});

function decodeFetch(b: Buffer, wants: readonly FetchWant[]): FetchedPartition[] {
  const asked = new Map(wants.map((w) => [`${w.topic}/${w.partition}`, w.offset]));
  const r = new Reader(b);
  r.int32();
  const error = kafkaError(r.int16(), "fetch");
  if (error !== undefined) throw error;
  r.int32();
  return r
    .array((t) => {
      const topic = t.string();
      return t.array((p): FetchedPartition => {
        const partition = p.int32();
        const code = p.int16();
        const highWatermark = p.int64();
        const lastStableOffset = p.int64();
        const logStartOffset = p.int64();
        const aborted = p.array((a) => ({ producerId: a.int64(), firstOffset: a.int64() }));
        p.int32();
        const offset = asked.get(`${topic}/${partition}`) ?? -1n;
        return {
          topic,
          partition,
          offset,
          error: kafkaError(code, `fetch of ${topic}/${partition} at ${offset}`),
          highWatermark,
          lastStableOffset,
          logStartOffset,
          aborted,
          records: p.bytes(),
        };
      });
    })
    .flat();
}
