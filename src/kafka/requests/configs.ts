import { refuseCode } from "../kafka-error.ts";
import { Reader, Writer } from "../wire.ts";
import type { KafkaRequest } from "./request.ts";

const TYPES = { topic: 2, broker: 4 } as const;

export interface ConfigResource {
  readonly type: keyof typeof TYPES;
  /** A topic's name, a broker's id. */
  readonly name: string;
}

export interface ResourceSettings extends ConfigResource {
  /** By name; sensitive ones are empty. */
  readonly settings: ReadonlyMap<string, string>;
}

/** DescribeConfigs v1 of these settings. A broker is asked about itself; any broker about topics. */
export const describeConfigs = (
  resources: readonly ConfigResource[],
  names: readonly string[],
): KafkaRequest<ResourceSettings[]> => ({
  apiKey: 32,
  apiVersion: 1,
  apiName: "DescribeConfigs",
  encode: () =>
    new Writer()
      .array(resources, (w, { type, name }) =>
        w
          .int8(TYPES[type])
          .string(name)
          .array(names, (x, n) => x.string(n)),
      )
      .bool(false)
      .done(),
  decode: (answer) => {
    const r = new Reader(answer);
    r.int32();
    return r.array((x) => {
      const code = x.int16();
      x.nullableString();
      const type = x.int8() === TYPES.topic ? "topic" : "broker";
      const name = x.string();
      const settings = new Map(x.array(readSetting));
      refuseCode(code, `settings of ${type} ${name}`);
      return { type, name, settings };
    });
  },
});

function readSetting(r: Reader): [name: string, value: string] {
  const name = r.string();
  const value = r.nullableString() ?? "";
  r.bool();
  r.int8();
  r.bool();
  r.array((s) => [s.string(), s.nullableString(), s.int8()]);
  return [name, value];
}
