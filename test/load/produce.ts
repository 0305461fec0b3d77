import kafkajs from "kafkajs";
import { compressFrameSync } from "lz4-napi";
// Without kafkajs's warnings of negative timers.
import "../../src/kafka/client/internals.ts";
import { logEvents } from "./events.ts";

const { CompressionCodecs, CompressionTypes, Kafka, logLevel } = kafkajs;
CompressionCodecs[CompressionTypes.LZ4] = () => ({
  compress: (encoder: { buffer: Buffer }) => Promise.resolve(compressFrameSync(encoder.buffer)),
  decompress: () => Promise.reject(new Error("the producer reads nothing")),
});

export interface ProduceOptions {
  readonly bootstrap: string;
  readonly topic: string;
  readonly partitions: number;
  readonly records: number;
  /** Of one value, about. */
  readonly bytes: number;
  readonly seed: number;
  readonly codec: "none" | "gzip" | "lz4";
  /** Records of one request, spread over the partitions in runs. */
  readonly perRequest?: number;
  readonly onProgress?: (sent: number) => void;
}

const CODEC = {
  none: CompressionTypes.None,
  gzip: CompressionTypes.GZIP,
  lz4: CompressionTypes.LZ4,
};

/** Creates the topic and fills it; resolves to the bytes of all keys and values. */
export async function produce(o: ProduceOptions): Promise<number> {
  const kafka = new Kafka({ brokers: o.bootstrap.split(","), logLevel: logLevel.NOTHING });
  const admin = kafka.admin();
  await admin.connect();
  const topics = [{ topic: o.topic, numPartitions: o.partitions }];
  await admin.createTopics({ topics, waitForLeaders: true });
  await admin.disconnect();
  const producer = kafka.producer({ allowAutoTopicCreation: false, maxInFlightRequests: 4 });
  await producer.connect();
  const source = logEvents(o.seed, o.bytes);
  const perRequest = o.perRequest ?? 4_000;
  let bytes = 0;
  for (let sent = 0; sent < o.records;) {
    const n = Math.min(perRequest, o.records - sent);
    const messages = Array.from({ length: n }, (_, i) => {
      const { key, value, headers } = source.next().value;
      bytes += key.length + value.length;
      const partition = Math.floor((i * o.partitions) / n);
      return { key, value, headers, partition };
    });
    await producer.send({ topic: o.topic, messages, acks: -1, compression: CODEC[o.codec] });
    sent += n;
    o.onProgress?.(sent);
  }
  await producer.disconnect();
  return bytes;
}
