import { readFileSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { resolve } from "node:path";
import type { KafkaOptions, SaslOptions, TlsOptions } from "../../src/kafka/client/options.ts";
import type { Host, Sink, SinkPlugin } from "../../src/sdk/sink.ts";
import { SinkError } from "../../src/sdk/sink-error.ts";
import { kafkaSchema, type KafkaSinkConfig } from "./kafka-schema.ts";
import { KafkaSink } from "./kafka-sink.ts";
import { TargetCluster } from "../../src/kafka/target/target-cluster.ts";

/** Another Kafka cluster, in transactions. */
export const kafkaPlugin: SinkPlugin<KafkaSinkConfig> = {
  kind: "kafka",
  sdk: 1,
  schema: kafkaSchema,
  where: ({ brokers, topicPrefix }: KafkaSinkConfig) =>
    topicPrefix === "" ? brokers.join(", ") : `${brokers.join(", ")} ${topicPrefix}*`,
  readable: () => true,
  open: (config: KafkaSinkConfig, host: Host, _signal: AbortSignal): Promise<Sink> => {
    const target = new TargetCluster(optionsOf(config, host));
    return Promise.resolve(new KafkaSink(config, host, target));
  },
};

function optionsOf(config: KafkaSinkConfig, host: Host): KafkaOptions {
  const { brokers, clientId, ssl, sasl } = config;
  return {
    brokers,
    clientId,
    ...(ssl === undefined ? {} : { ssl: ssl === true ? true : () => tlsOptions(ssl, host) }),
    ...(sasl === undefined ? {} : { sasl: saslOptions(sasl, host) }),
  };
}

/** Read for each connection, so that renewed certificates need no restart. */
function tlsOptions(t: Exclude<KafkaSinkConfig["ssl"], true | undefined>, host: Host): TlsOptions {
  const { passphrase, servername, rejectUnauthorized } = t;
  const read = (path: string): Buffer => {
    const file = resolve(host.baseDir, path);
    try {
      return readFileSync(file);
    } catch (cause) {
      throw unreadable(file, cause);
    }
  };
  return {
    ...(t.ca === undefined ? {} : { ca: read(t.ca) }),
    ...(t.cert === undefined ? {} : { cert: read(t.cert) }),
    ...(t.key === undefined ? {} : { key: read(t.key) }),
    ...(passphrase === undefined ? {} : { passphrase }),
    ...(servername === undefined ? {} : { servername }),
    rejectUnauthorized,
  };
}

function saslOptions(s: NonNullable<KafkaSinkConfig["sasl"]>, host: Host): SaslOptions {
  if (s.mechanism !== "oauthbearer") return s;
  const file = resolve(host.baseDir, s.tokenFile);
  const token = async (): Promise<string> => {
    try {
      return (await readFile(file, "utf8")).trim();
    } catch (cause) {
      throw unreadable(file, cause);
    }
  };
  return { mechanism: s.mechanism, token };
}

function unreadable(file: string, cause: unknown): SinkError {
  const why = cause instanceof Error ? cause.message : String(cause);
  return new SinkError("sink-unauthorized", `cannot read ${file}: ${why}`, { cause });
}
