import { kafkaError, KafkaError } from "../kafka-error.ts";
import { Reader, Writer } from "../wire.ts";
import type { TopicPartition } from "./offsets.ts";
import type { KafkaRequest } from "./request.ts";

export interface UncommittedFetch {
  readonly error: KafkaError | undefined;
  readonly highWatermark: bigint;
  readonly logStartOffset: bigint;
  /** Record batches back to back, control batches and open transactions among them. */
  readonly records: Buffer;
}

const READ_UNCOMMITTED = 0;

/**
 * Fetch v11 of one partition, read_uncommitted: up to the high watermark, past transactions that are
 * still open. For who tells by itself which records are committed.
 */
export const fetchUncommitted = (
  p: TopicPartition & { readonly offset: bigint; readonly maxBytes: number },
  maxWaitMs: number,
): KafkaRequest<UncommittedFetch> => ({
  apiKey: 1,
  apiVersion: 11,
  apiName: "Fetch",
  encode: () =>
    new Writer()
      .int32(-1)
      .int32(maxWaitMs)
      .int32(1)
      .int32(p.maxBytes)
      .int8(READ_UNCOMMITTED)
      .int32(0)
      .int32(-1)
      .array([p], (w) =>
        w
          .string(p.topic)
          .array([p], (x) =>
            x.int32(p.partition).int32(-1).int64(p.offset).int64(-1n).int32(p.maxBytes),
          ),
      )
      .int32(0)
      .string("")
      .done(),
  decode: (b) => {
    const what = `fetch of ${p.topic}/${p.partition} at ${p.offset}`;
    const r = new Reader(b);
    r.int32();
    const whole = kafkaError(r.int16(), what);
    r.int32();
    const [found] = r
      .array((t) => {
        t.string();
        return t.array((x) => partitionAnswer(x, what));
      })
      .flat();
    if (whole !== undefined) throw whole;
    if (found !== undefined) return found;
    throw new KafkaError("kafka-refused", "NONE", true, `${what}: the answer names no partition`);
  },
});

function partitionAnswer(p: Reader, what: string): UncommittedFetch {
  p.int32();
  const error = kafkaError(p.int16(), what);
  const highWatermark = p.int64();
  p.int64();
  const logStartOffset = p.int64();
  p.array((a) => [a.int64(), a.int64()]);
  p.int32();
  return { error, highWatermark, logStartOffset, records: p.bytes() };
}
