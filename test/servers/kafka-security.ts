import { join } from "node:path";
import { Authority, type Certificate } from "./certificates.ts";

/**
 * Listeners beside the plain one: `sasl` (SASL_SSL), `clear` (SASL_PLAINTEXT), `mutual` (TLS that wants
 * a client certificate), `expired` (TLS whose own certificate has expired).
 */
export const LISTENERS = ["sasl", "clear", "mutual", "expired"] as const;
export type Listener = (typeof LISTENERS)[number];

export interface SecurityOptions {
  /** Name to password, of PLAIN and of both SCRAM mechanisms. */
  readonly users: Readonly<Record<string, string>>;
  /** Connections authenticated by SASL have to do it again after so long; left out: never. */
  readonly reauthenticateMs?: number;
}

const PROTOCOLS: Readonly<Record<Listener, string>> = {
  sasl: "SASL_SSL",
  clear: "SASL_PLAINTEXT",
  mutual: "SSL",
  expired: "SSL",
};
const SCRAM = ["SCRAM-SHA-256", "SCRAM-SHA-512"] as const;
const MODULES = "org.apache.kafka.common.security";

/** Certificates, users and listeners of a broker that is secured in every way that a client can meet. */
export class KafkaSecurity {
  readonly authority: Authority;
  readonly client: Certificate;
  readonly #options: SecurityOptions;
  readonly #good: Certificate;
  readonly #expired: Certificate;

  constructor(dir: string, options: SecurityOptions) {
    this.authority = new Authority(join(dir, "authority"), "archiver test authority");
    this.#options = options;
    this.#good = this.authority.issue("broker");
    this.#expired = this.authority.issue("broker-expired", { expired: true });
    this.client = this.authority.issue("client");
  }

  /** For `kafka-storage format`: SCRAM users exist from the first start. */
  formatArguments(): string[] {
    return Object.entries(this.#options.users).flatMap(([name, password]) =>
      SCRAM.flatMap((m) => ["--add-scram", `${m}=[name=${name},password=${password}]`]),
    );
  }

  protocolMap(): string {
    return LISTENERS.map((l) => `${l.toUpperCase()}:${PROTOCOLS[l]}`).join(",");
  }

  properties(): Record<string, string> {
    const { users, reauthenticateMs } = this.#options;
    const all: Record<string, string> = {};
    const set = (listener: Listener, key: string, value: string): void => {
      all[`listener.name.${listener}.${key}`] = value;
    };
    for (const l of LISTENERS) if (l !== "clear") this.#keyStore(l, set);
    set("mutual", "ssl.client.auth", "required");
    const plain = Object.entries(users).map(
      ([name, password]) => `user_${name}="${escaped(password)}"`,
    );
    for (const l of ["sasl", "clear"] as const) {
      set(l, "sasl.enabled.mechanisms", ["PLAIN", ...SCRAM, "OAUTHBEARER"].join(","));
      const module = (mechanism: string, text: string): void =>
        set(l, `${mechanism}.sasl.jaas.config`, `${MODULES}.${text};`);
      module("plain", `plain.PlainLoginModule required ${plain.join(" ")}`);
      for (const m of SCRAM) module(m.toLowerCase(), "scram.ScramLoginModule required");
      module("oauthbearer", "oauthbearer.OAuthBearerLoginModule required");
      if (reauthenticateMs === undefined) continue;
      for (const m of ["plain", "scram-sha-256", "scram-sha-512", "oauthbearer"]) {
        set(l, `${m}.connections.max.reauth.ms`, String(reauthenticateMs));
      }
    }
    return all;
  }

  #keyStore(l: Listener, set: (l: Listener, key: string, value: string) => void): void {
    set(l, "ssl.keystore.type", "PEM");
    set(l, "ssl.keystore.location", (l === "expired" ? this.#expired : this.#good).both);
    set(l, "ssl.truststore.type", "PEM");
    set(l, "ssl.truststore.location", this.authority.ca);
  }
}

/** A properties file is Latin-1. */
const escaped = (text: string): string =>
  text.replaceAll(/[^\x20-\x7e]/g, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, "0")}`);
