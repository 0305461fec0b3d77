import type { KafkaClient } from "../../kafka/client/kafka-client.ts";
import { refuseCode } from "../../kafka/kafka-error.ts";
import type { KafkaRequest } from "../../kafka/requests/request.ts";
import { Reader, Writer } from "../../kafka/wire.ts";

const TOPIC = 2;

/** `cleanup.policy` by topic, of those that may be asked for it. */
export async function cleanupPolicies(
  client: KafkaClient,
  topics: readonly string[],
  signal: AbortSignal,
): Promise<ReadonlyMap<string, string>> {
  const [broker] = client.brokerIds;
  if (broker === undefined) return new Map();
  return client.send(broker, describeConfigs(topics, "cleanup.policy"), signal);
}

/** DescribeConfigs v1: one setting of each topic. */
const describeConfigs = (
  topics: readonly string[],
  setting: string,
): KafkaRequest<ReadonlyMap<string, string>> => ({
  apiKey: 32,
  apiVersion: 1,
  apiName: "DescribeConfigs",
  encode: () =>
    new Writer()
      .array(topics, (w, topic) =>
        w
          .int8(TOPIC)
          .string(topic)
          .array([setting], (x, s) => x.string(s)),
      )
      .bool(false)
      .done(),
  decode: (answer) => {
    const r = new Reader(answer);
    r.int32();
    const found = new Map<string, string>();
    r.array((t) => {
      const code = t.int16();
      t.nullableString();
      t.int8();
      const topic = t.string();
      // An unknown topic has no policy; that it is gone is said elsewhere.
      if (code !== UNKNOWN_TOPIC) refuseCode(code, `settings of topic ${topic}`);
      for (const { name, value } of t.array(readEntry))
        if (name === setting) found.set(topic, value);
    });
    return found;
  },
});

const UNKNOWN_TOPIC = 3;

function readEntry(r: Reader): { name: string; value: string } {
  const entry = { name: r.string(), value: r.nullableString() ?? "" };
  r.bool();
  r.int8();
  r.bool();
  r.array((s) => [s.string(), s.nullableString(), s.int8()]);
  return entry;
}
