import type { KafkaRequest } from "../../src/kafka/requests/request.ts";
import { Reader, Writer } from "../../src/kafka/wire.ts";

/** What a transactional producer sends; the product writes no topic yet, so these live with the tests. */
export interface ProducerRef {
  readonly transactionalId: string | null;
  readonly producerId: bigint;
  readonly epoch: number;
}

/** FindCoordinator v1 of a transactional id; the broker makes the topic of transactions then. */
export const findTransactionCoordinator = (id: string): KafkaRequest<number> => ({
  apiKey: 10,
  apiVersion: 1,
  apiName: "FindCoordinator",
  encode: () => new Writer().string(id).int8(1).done(),
  decode: afterThrottle,
});

/** InitProducerId v1. */
export const initProducerId = (
  id: string | null,
): KafkaRequest<{ error: number; producerId: bigint; epoch: number }> => ({
  apiKey: 22,
  apiVersion: 1,
  apiName: "InitProducerId",
  encode: () => new Writer().string(id).int32(600_000).done(),
  decode: (b) => {
    const r = new Reader(b);
    r.int32();
    return { error: r.int16(), producerId: r.int64(), epoch: r.int16() };
  },
});

/** AddPartitionsToTxn v1, one partition; answers Kafka's error code. */
export const addPartition = (
  p: ProducerRef,
  topic: string,
  partition: number,
): KafkaRequest<number> => ({
  apiKey: 24,
  apiVersion: 1,
  apiName: "AddPartitionsToTxn",
  encode: () =>
    refOf(p)
      .array([partition], (w, n) => w.string(topic).array([n], (x, i) => x.int32(i)))
      .done(),
  decode: (b) => {
    const r = new Reader(b);
    r.int32();
    const codes = r.array((t) => {
      t.string();
      return t.array((x) => [x.int32(), x.int16()] as const);
    });
    return codes[0]?.[0]?.[1] ?? 0;
  },
});

/** EndTxn v1; answers Kafka's error code. */
export const endTransaction = (p: ProducerRef, commit: boolean): KafkaRequest<number> => ({
  apiKey: 26,
  apiVersion: 1,
  apiName: "EndTxn",
  encode: () => refOf(p).bool(commit).done(),
  decode: afterThrottle,
});

/** Produce v7, one record batch to one partition, acknowledged by all replicas. */
export const produceBatch = (
  transactionalId: string | null,
  topic: string,
  partition: number,
  batch: Buffer,
): KafkaRequest<{ error: number; baseOffset: bigint }> => ({
  apiKey: 0,
  apiVersion: 7,
  apiName: "Produce",
  encode: () =>
    new Writer()
      .string(transactionalId)
      .int16(-1)
      .int32(20_000)
      .array([topic], (w, t) => w.string(t).array([partition], (x, n) => x.int32(n).bytes(batch)))
      .done(),
  decode: (b) => {
    const topics = new Reader(b).array((t) => {
      t.string();
      return t.array((p) => {
        p.int32();
        const answer = { error: p.int16(), baseOffset: p.int64() };
        p.int64();
        p.int64();
        return answer;
      });
    });
    return topics[0]?.[0] ?? { error: -1, baseOffset: -1n };
  },
});

const refOf = (p: ProducerRef): Writer =>
  new Writer().string(p.transactionalId).int64(p.producerId).int16(p.epoch);

function afterThrottle(b: Buffer): number {
  const r = new Reader(b);
  r.int32();
  return r.int16();
}
