import { refuseCode } from "../kafka-error.ts";
import { Reader, Writer } from "../wire.ts";
import { byTopic, type TopicPartition } from "./offsets.ts";
import type { KafkaRequest } from "./request.ts";

const TRANSACTION = 1;

/** FindCoordinator v1 of a transactional id; any broker answers. */
export const findTransactionCoordinator = (
  transactionalId: string,
): KafkaRequest<{ nodeId: number }> => ({
  apiKey: 10,
  apiVersion: 1,
  apiName: "FindCoordinator",
  encode: () => new Writer().string(transactionalId).int8(TRANSACTION).done(),
  decode: (b) => {
    const r = new Reader(b);
    r.int32();
    const error = r.int16();
    const text = r.nullableString();
    const hint = text === null ? "" : ` (${text})`;
    refuseCode(error, `the coordinator of transactional id ${transactionalId}${hint}`);
    return { nodeId: r.int32() };
  },
});

/** A producer as its coordinator knows it: a later epoch of the same id fences it. */
export interface ProducerRef {
  readonly transactionalId: string;
  readonly producerId: bigint;
  readonly epoch: number;
}

/**
 * InitProducerId v1: a new epoch for this transactional id. What an earlier epoch had begun is ended
 * first; until it is, the answer is CONCURRENT_TRANSACTIONS.
 */
export const initProducerId = (
  transactionalId: string,
  timeoutMs: number,
): KafkaRequest<ProducerRef> => ({
  apiKey: 22,
  apiVersion: 1,
  apiName: "InitProducerId",
  encode: () => new Writer().string(transactionalId).int32(timeoutMs).done(),
  decode: (b) => {
    const r = new Reader(b);
    r.int32();
    refuseCode(r.int16(), `a producer id for ${transactionalId}`);
    return { transactionalId, producerId: r.int64(), epoch: r.int16() };
  },
});

/** AddPartitionsToTxn v1: must be answered before the first record goes to a partition. */
export const addPartitionsToTxn = (
  p: ProducerRef,
  partitions: readonly TopicPartition[],
): KafkaRequest<true> => ({
  apiKey: 24,
  apiVersion: 1,
  apiName: "AddPartitionsToTxn",
  encode: () =>
    new Writer()
      .string(p.transactionalId)
      .int64(p.producerId)
      .int16(p.epoch)
      .array(byTopic(partitions), (w, [topic, items]) =>
        w.string(topic).array(items, (x, e) => x.int32(e.partition)),
      )
      .done(),
  decode: (b) => {
    const r = new Reader(b);
    r.int32();
    const answers = r.array((t) => {
      const topic = t.string();
      return t.array((x) => ({ topic, partition: x.int32(), error: x.int16() }));
    });
    for (const a of answers.flat()) {
      refuseCode(a.error, `${a.topic}/${a.partition} in a transaction of ${p.transactionalId}`);
    }
    return true;
  },
});

/** EndTxn v1. Once it is answered the outcome is durable; the markers follow. */
export const endTxn = (p: ProducerRef, commit: boolean): KafkaRequest<true> => ({
  apiKey: 26,
  apiVersion: 1,
  apiName: "EndTxn",
  encode: () =>
    new Writer().string(p.transactionalId).int64(p.producerId).int16(p.epoch).bool(commit).done(),
  decode: (b) => {
    const r = new Reader(b);
    r.int32();
    const what = commit ? "committing" : "aborting";
    refuseCode(r.int16(), `${what} a transaction of ${p.transactionalId}`);
    return true;
  },
});
