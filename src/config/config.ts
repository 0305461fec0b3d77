import type { Secret } from "../core/secret.ts";
import type { Codec, Format } from "../core/description.ts";
import type { SinkPlugin } from "../sdk/sink.ts";

/** The configuration as the rest of the product sees it: both forms of the file become this one. */
export interface Config {
  /** Absolute path of the file. */
  readonly file: string;
  /** Folder that relative paths are relative to. */
  readonly baseDir: string;
  readonly kafka: KafkaConfig;
  readonly memoryBytes: number;
  readonly http: HttpConfig | null;
  readonly telemetry: TelemetryConfig;
  readonly log: { readonly level: "trace" | "debug" | "info" | "warn" | "error" | "silent" };
  readonly drainTimeoutMs: number;
  readonly sinks: readonly SinkConfig[];
  readonly pipelines: readonly PipelineConfig[];
  /** Values that no log line may show. */
  readonly secrets: readonly Secret[];
}

export interface KafkaConfig {
  readonly brokers: readonly string[];
  readonly clientId: string;
  readonly instanceId: string | null;
  readonly ssl: true | TlsConfig | null;
  readonly sasl: SaslConfig | null;
  readonly sessionTimeoutMs: number;
  readonly heartbeatMs: number;
}

/** PEM texts, already read, and the absolute paths of the files they come from. */
export interface TlsConfig {
  readonly files: {
    readonly ca: string | null;
    readonly cert: string | null;
    readonly key: string | null;
  };
  readonly ca: string | null;
  readonly cert: string | null;
  readonly key: Secret | null;
  readonly passphrase: Secret | null;
  readonly servername: string | null;
  readonly rejectUnauthorized: boolean;
}

export type SaslConfig =
  | {
      readonly mechanism: "plain" | "scram-sha-256" | "scram-sha-512";
      readonly username: string;
      readonly password: Secret;
    }
  | { readonly mechanism: "oauthbearer"; readonly source: TokenSource };

export type TokenSource =
  | { readonly file: string }
  | {
      readonly endpoint: string;
      readonly clientId: string;
      readonly clientSecret: Secret;
      readonly scope: string | null;
    };

export interface HttpConfig {
  readonly host: string;
  readonly port: number;
  /** Names by which it may be asked, beside localhost and IP addresses. */
  readonly hosts: readonly string[];
  /** Null: none is configured. Asked at each request; throws when its file cannot be read. */
  readonly token: (() => Secret) | null;
  /** Paths that need no token. */
  readonly publicPaths: readonly string[];
}

export interface TelemetryConfig {
  /** Lag and age of each partition as series of their own. */
  readonly perPartition: boolean;
  /** Null: no export. */
  readonly otlp: OtlpConfig | null;
}

export interface OtlpConfig {
  /** Base URL; `/v1/metrics` and `/v1/traces` are added. */
  readonly endpoint: string;
  readonly headers: Readonly<Record<string, Secret>>;
  readonly metrics: boolean;
  readonly traces: boolean;
  readonly intervalMs: number;
  readonly attributes: Readonly<Record<string, string>>;
}

export type TopicSelector = string | { readonly regex: string };

export interface PipelineConfig {
  /** `main` when the file has the form with one pipeline. */
  readonly name: string;
  readonly group: string;
  readonly topics: readonly TopicSelector[];
  readonly start: "earliest" | "latest";
  readonly batch: {
    readonly bytes: number;
    readonly ageMs: number;
    /** Null: no such rule. */
    readonly idleMs: number | null;
  };
  readonly format: Format;
  readonly compression: {
    readonly codec: Codec;
    /** 0 with codec none. */
    readonly level: number;
    readonly recompress: "auto" | "always" | "never";
  };
  readonly onPoison: "keep" | "stop";
  readonly encryption: EncryptionConfig | null;
  readonly signing: SigningConfig | null;
  readonly heads: HeadsConfig | null;
  /** Older data may be gone; null: never. */
  readonly retentionMs: number | null;
  /** In the order of the configuration. */
  readonly sinks: readonly SinkConfig[];
}

export interface EncryptionConfig {
  readonly recipients: readonly string[];
  /** Absolute path. */
  readonly seedFile: string;
}

export interface SigningConfig {
  /** Absolute path. */
  readonly keyFile: string;
  /** Null: named after the public key. */
  readonly keyId: string | null;
}

export interface HeadsConfig {
  readonly place:
    | { readonly topic: string }
    | { readonly file: string }
    | { readonly sink: string };
  readonly everyMs: number;
}

export interface SinkConfig {
  readonly name: string;
  readonly kind: string;
  readonly plugin: SinkPlugin;
  /** What the plugin's schema made of its part; may hold secrets, so it is never logged. */
  readonly config: unknown;
  readonly limits: {
    readonly limit: { readonly concurrency: number; readonly bytesPerSecond?: number };
    readonly tryTimeoutMs: number;
  };
  readonly whenAway: { readonly detachMs: number | null };
  readonly backfill: "wait" | "auto";
  readonly plaintext: "refuse" | "allow";
}
