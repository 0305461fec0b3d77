import { kafkaError, KafkaError } from "../kafka-error.ts";
import { Reader, Writer } from "../wire.ts";
import type { TopicPartition } from "./offsets.ts";
import type { KafkaRequest } from "./request.ts";

const ALL_IN_SYNC = -1;

export interface ProduceOptions extends TopicPartition {
  /** Null: outside any transaction. */
  readonly transactionalId: string | null;
  /** One record batch, magic 2, of this producer. */
  readonly recordBatch: Uint8Array;
  /** What the leader waits for its followers. */
  readonly timeoutMs: number;
}

/** Produce v8, acks=all, one record batch to the leader of one partition; its offset in the log. */
export const produce = (o: ProduceOptions): KafkaRequest<{ baseOffset: bigint }> => ({
  apiKey: 0,
  apiVersion: 8,
  apiName: "Produce",
  encode: () => written(o).done(),
  encodeParts: () => written(o).parts(),
  decode: (b) => {
    const [answer] = new Reader(b)
      .array((t) => {
        t.string();
        return t.array(partitionAnswer);
      })
      .flat();
    const what = `records for ${o.topic}/${o.partition}`;
    const error = answer === undefined ? undefined : kafkaError(answer.code, what);
    if (answer === undefined || error !== undefined) throw explained(error, answer, what);
    return { baseOffset: answer.baseOffset };
  },
});

const written = (o: ProduceOptions): Writer =>
  new Writer()
    .string(o.transactionalId)
    .int16(ALL_IN_SYNC)
    .int32(o.timeoutMs)
    .array([o], (w) =>
      w.string(o.topic).array([o], (p) => p.int32(o.partition).bytes(o.recordBatch)),
    );

interface PartitionAnswer {
  readonly code: number;
  readonly baseOffset: bigint;
  readonly text: string;
}

function partitionAnswer(p: Reader): PartitionAnswer {
  p.int32();
  const code = p.int16();
  const baseOffset = p.int64();
  p.int64();
  p.int64();
  const of = p.array((e) => `record ${e.int32()}: ${e.string()}`);
  const text = [p.nullableString() ?? "", ...of.slice(0, 3)].filter((t) => t !== "").join("; ");
  return { code, baseOffset, text };
}

function explained(
  error: KafkaError | undefined,
  answer: PartitionAnswer | undefined,
  what: string,
): KafkaError {
  if (error === undefined || answer === undefined) {
    return new KafkaError("kafka-refused", "NONE", true, `${what}: the answer names no partition`);
  }
  const { code, kafkaCode, retriable, message } = error;
  const text = answer.text === "" ? message : `${message} (${answer.text})`;
  return new KafkaError(code, kafkaCode, retriable, text);
}
