import { kafkaError, type KafkaError } from "../kafka-error.ts";
import { Reader, Writer } from "../wire.ts";
import type { KafkaRequest } from "./request.ts";

export interface NewTopic {
  readonly topic: string;
  readonly partitions: number;
  /** -1: the broker's default. */
  readonly replicationFactor: number;
  readonly settings: Readonly<Record<string, string>>;
}

/** Errors are answers here: that it is there already, for one, is good news to some. */
export interface TopicAnswer {
  readonly error: KafkaError | undefined;
}

interface Options {
  readonly timeoutMs: number;
  /** Only says whether it would be done. */
  readonly validateOnly: boolean;
}

/** CreateTopics v4, one topic, to any broker of a KRaft cluster, else to the controller. */
export const createTopic = (t: NewTopic, o: Options): KafkaRequest<TopicAnswer> => ({
  apiKey: 19,
  apiVersion: 4,
  apiName: "CreateTopics",
  encode: () =>
    new Writer()
      .array([t], (w) =>
        w
          .string(t.topic)
          .int32(t.partitions)
          .int16(t.replicationFactor)
          .array([], () => undefined)
          .array(Object.entries(t.settings), (x, [name, value]) => x.string(name).string(value)),
      )
      .int32(o.timeoutMs)
      .bool(o.validateOnly)
      .done(),
  decode: answered(`creating topic ${t.topic}`),
});

/** CreatePartitions v1: the topic then has `count` partitions. */
export const createPartitions = (
  topic: string,
  count: number,
  o: Options,
): KafkaRequest<TopicAnswer> => ({
  apiKey: 37,
  apiVersion: 1,
  apiName: "CreatePartitions",
  encode: () =>
    new Writer()
      // No assignment of brokers: the controller chooses.
      .array([topic], (w) => w.string(topic).int32(count).int32(-1))
      .int32(o.timeoutMs)
      .bool(o.validateOnly)
      .done(),
  decode: answered(`giving topic ${topic} ${count} partitions`),
});

const answered =
  (what: string) =>
  (b: Buffer): TopicAnswer => {
    const r = new Reader(b);
    r.int32();
    const [answer] = r.array((t) => {
      t.string();
      return { code: t.int16(), text: t.nullableString() };
    });
    const hint = answer?.text == null ? "" : ` (${answer.text})`;
    return { error: kafkaError(answer?.code ?? -1, `${what}${hint}`) };
  };
