import { readFile } from "node:fs/promises";
import { resolve } from "node:path";
import type { KafkaOptions, SaslOptions, TlsOptions } from "../../src/kafka/client/options.ts";
import type { Host, Sink, SinkPlugin } from "../../src/sdk/sink.ts";
import { SinkError } from "../../src/sdk/sink-error.ts";
import { kafkaSchema, type KafkaSinkConfig } from "./kafka-schema.ts";
import { KafkaSink } from "./kafka-sink.ts";
import { TargetCluster } from "./target-cluster.ts";

/** Another Kafka cluster, in transactions. */
export const kafkaPlugin: SinkPlugin<KafkaSinkConfig> = {
  kind: "kafka",
  sdk: 1,
  schema: kafkaSchema,
  readable: () => true,
  open: async (config: KafkaSinkConfig, host: Host, signal: AbortSignal): Promise<Sink> => {
    signal.throwIfAborted();
    const options = await optionsOf(config, host);
    return new KafkaSink(config, host, new TargetCluster(options));
  },
};

async function optionsOf(config: KafkaSinkConfig, host: Host): Promise<KafkaOptions> {
  const { brokers, clientId, ssl, sasl } = config;
  return {
    brokers,
    clientId,
    ...(ssl === undefined ? {} : { ssl: ssl === true ? true : await tlsOptions(ssl, host) }),
    ...(sasl === undefined ? {} : { sasl: saslOptions(sasl, host) }),
  };
}

async function tlsOptions(
  t: Exclude<KafkaSinkConfig["ssl"], true | undefined>,
  host: Host,
): Promise<TlsOptions> {
  const { passphrase, servername, rejectUnauthorized } = t;
  const [ca, cert, key] = await Promise.all(
    [t.ca, t.cert, t.key].map((path) =>
      path === undefined ? Promise.resolve(undefined) : text(path, host),
    ),
  );
  return {
    ...(ca === undefined ? {} : { ca }),
    ...(cert === undefined ? {} : { cert }),
    ...(key === undefined ? {} : { key }),
    ...(passphrase === undefined ? {} : { passphrase }),
    ...(servername === undefined ? {} : { servername }),
    rejectUnauthorized,
  };
}

function saslOptions(s: NonNullable<KafkaSinkConfig["sasl"]>, host: Host): SaslOptions {
  if (s.mechanism !== "oauthbearer") return s;
  const token = async (): Promise<string> => (await text(s.tokenFile, host)).trim();
  return { mechanism: s.mechanism, token };
}

async function text(path: string, host: Host): Promise<string> {
  const file = resolve(host.baseDir, path);
  try {
    return await readFile(file, "utf8");
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new SinkError("sink-permanent", `cannot read ${file}: ${why}`, { cause });
  }
}
