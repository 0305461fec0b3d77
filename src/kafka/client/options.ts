/** TLS as node:tls takes it; `true`: the system's authorities. */
export interface TlsOptions {
  readonly ca?: string | Buffer;
  readonly cert?: string | Buffer;
  readonly key?: string | Buffer;
  readonly passphrase?: string;
  readonly servername?: string;
  readonly rejectUnauthorized?: boolean;
}

export type SaslOptions =
  | {
      readonly mechanism: "plain" | "scram-sha-256" | "scram-sha-512";
      readonly username: string;
      readonly password: string;
    }
  /** `token` is asked again before each authentication. */
  | { readonly mechanism: "oauthbearer"; readonly token: () => Promise<string> };

export interface KafkaOptions {
  /** `host:port`, any of the cluster. */
  readonly brokers: readonly string[];
  readonly clientId: string;
  /** A function is asked before each connection: certificates are renewed while a daemon runs. */
  readonly ssl?: true | TlsOptions | (() => TlsOptions);
  readonly sasl?: SaslOptions;
  readonly rackId?: string;
  /** @default 10000 */
  readonly connectionTimeoutMs?: number;
  /** Of one request. @default 30000 */
  readonly requestTimeoutMs?: number;
}

/** pino's shape, the part that is used here. */
export interface Log {
  debug(fields: object, text: string): void;
  info(fields: object, text: string): void;
  warn(fields: object, text: string): void;
  error(fields: object, text: string): void;
}
