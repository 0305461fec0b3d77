import { accessSync, constants } from "node:fs";
import { resolve } from "node:path";
import { messageOf } from "../core/message.ts";
import { Secret } from "../core/secret.ts";
import type {
  Config,
  HeadsConfig,
  KafkaConfig,
  PipelineConfig,
  SaslConfig,
  SinkConfig,
} from "./config.ts";
import { crossCheck } from "./cross-check.ts";
import type { ConfigDocument } from "./document.ts";
import { httpConfig } from "./http.ts";
import { telemetryConfig } from "./telemetry.ts";
import type { Path } from "./problems.ts";
import type { GeneralInput, KafkaInput, PipelineInput, SingleInput, SinkInput } from "./schema.ts";
import type { ParsedSink } from "./sinks.ts";
import { tlsConfig } from "./tls.ts";

export interface NormaliseContext {
  readonly document: ConfigDocument;
  readonly baseDir: string;
  readonly file: string;
  readonly secrets: readonly Secret[];
}

const DEFAULT_LEVEL = { zstd: 3, gzip: 6, none: 0 } as const;

/** One shape out of both forms; what contradicts itself or is not there is reported at its place. */
export function normalise(
  input: SingleInput | GeneralInput,
  parsed: readonly (ParsedSink | undefined)[],
  context: NormaliseContext,
): Config {
  const sinks = input.sinks.flatMap((sink, i) => {
    const own = parsed[i];
    return own === undefined ? [] : [sinkConfig(sink, own)];
  });
  const pipelines =
    "pipelines" in input
      ? input.pipelines.map((p, i) => pipelineConfig(p, ["pipelines", i], sinks, context))
      : [single(input, sinks, context)];
  const kafka = kafkaConfig(input.kafka, context);
  const telemetry = telemetryConfig(input.telemetry);
  const config: Config = {
    file: context.file,
    baseDir: context.baseDir,
    kafka,
    memoryBytes: input.memory,
    http: input.http === undefined ? null : httpConfig(input.http, context),
    telemetry,
    log: input.log,
    drainTimeoutMs: input.drainTimeout,
    sinks,
    pipelines,
    secrets: [...context.secrets, ...Object.values(telemetry.otlp?.headers ?? {})],
  };
  crossCheck(config, "pipelines" in input, context.document);
  return config;
}

function single(
  input: SingleInput,
  sinks: readonly SinkConfig[],
  context: NormaliseContext,
): PipelineConfig {
  const names = sinks.map((s) => s.name);
  return pipelineConfig({ ...input, name: "main", sinks: names }, [], sinks, context);
}

function pipelineConfig(
  p: PipelineInput,
  at: Path,
  sinks: readonly SinkConfig[],
  context: NormaliseContext,
): PipelineConfig {
  const { codec, level, recompress } = p.compression;
  const { encryption, signing, heads } = p;
  return {
    name: p.name,
    group: p.group,
    topics: p.topics,
    start: p.start,
    batch: { bytes: p.batch.bytes, ageMs: p.batch.age, idleMs: p.batch.idle ?? null },
    format: p.format,
    compression: { codec, level: level ?? DEFAULT_LEVEL[codec], recompress },
    onPoison: p.onPoison,
    encryption:
      encryption === undefined
        ? null
        : {
            recipients: encryption.recipients,
            seedFile: readable([...at, "encryption", "seedFile"], encryption.seedFile, context),
          },
    signing:
      signing === undefined
        ? null
        : {
            keyFile: readable([...at, "signing", "keyFile"], signing.keyFile, context),
            keyId: signing.keyId ?? null,
          },
    heads: heads === undefined ? null : headsConfig(heads, context),
    retentionMs: p.retention ?? null,
    sinks: p.sinks.flatMap((name) => sinks.filter((s) => s.name === name)),
  };
}

function headsConfig(
  { topic, file, sink, every }: NonNullable<PipelineInput["heads"]>,
  { baseDir }: NormaliseContext,
): HeadsConfig {
  if (topic !== undefined) return { place: { topic }, everyMs: every };
  if (file !== undefined) return { place: { file: resolve(baseDir, file) }, everyMs: every };
  return { place: { sink: sink ?? "" }, everyMs: every };
}

function sinkConfig(s: SinkInput, { plugin, config }: ParsedSink): SinkConfig {
  const { concurrency, rate, timeout } = s.limits;
  return {
    name: s.name,
    kind: s.kind,
    plugin,
    config,
    limits: {
      limit: { concurrency, ...(rate === undefined ? {} : { bytesPerSecond: rate }) },
      tryTimeoutMs: timeout,
    },
    whenAway: { detachMs: s.whenAway === "wait" ? null : s.whenAway.detach },
    backfill: s.backfill,
    plaintext: s.plaintext,
  };
}

function kafkaConfig(k: KafkaInput, context: NormaliseContext): KafkaConfig {
  return {
    brokers: k.brokers,
    clientId: k.clientId,
    instanceId: k.instanceId ?? null,
    ssl:
      k.ssl === undefined
        ? null
        : k.ssl === true
          ? true
          : tlsConfig(k.ssl, ["kafka", "ssl"], context),
    sasl: k.sasl === undefined ? null : saslConfig(k.sasl, context),
    sessionTimeoutMs: k.sessionTimeout,
    heartbeatMs: k.heartbeat,
  };
}

function saslConfig(s: NonNullable<KafkaInput["sasl"]>, context: NormaliseContext): SaslConfig {
  if (s.mechanism !== "oauthbearer") {
    const { mechanism, username, password } = s;
    return { mechanism, username, password: new Secret(password) };
  }
  if (s.tokenFile !== undefined) {
    const file = readable(["kafka", "sasl", "tokenFile"], s.tokenFile, context);
    return { mechanism: "oauthbearer", source: { file } };
  }
  const source = {
    endpoint: s.tokenEndpoint ?? "",
    clientId: s.clientId ?? "",
    clientSecret: new Secret(s.clientSecret ?? ""),
    scope: s.scope ?? null,
  };
  return { mechanism: "oauthbearer", source };
}

/** The absolute path of a file that has to be readable now. */
function readable(at: Path, path: string, { document, baseDir }: NormaliseContext): string {
  const file = resolve(baseDir, path);
  try {
    accessSync(file, constants.R_OK);
  } catch (error) {
    document.report(at, `cannot read ${file}: ${messageOf(error)}`);
  }
  return file;
}
