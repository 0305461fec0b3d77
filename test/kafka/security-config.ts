import { writeFileSync } from "node:fs";
import { join } from "node:path";
import type { KafkaServer } from "../servers/kafka.ts";
import type { Listener } from "../servers/kafka-security.ts";

/** What stands under `kafka:` besides the brokers, as in the file. */
export interface KafkaKeys {
  readonly listener: Listener;
  readonly ssl?: Readonly<Record<string, unknown>> | true;
  readonly sasl?: Readonly<Record<string, unknown>>;
}

/** A whole configuration for one of the server's listeners; answers the file's path. */
export function securedConfig(
  server: KafkaServer,
  dir: string,
  name: string,
  o: {
    readonly keys: KafkaKeys;
    readonly group: string;
    readonly topic: string;
    readonly extra?: string;
  },
): string {
  const { listener, ssl, sasl } = o.keys;
  const kafka = {
    brokers: server.at(listener).split(","),
    sessionTimeout: "6s",
    heartbeat: "500ms",
    ...(ssl === undefined ? {} : { ssl }),
    ...(sasl === undefined ? {} : { sasl }),
  };
  const lines = [
    `kafka: ${JSON.stringify(kafka)}`,
    `group: ${o.group}`,
    `topics: [${o.topic}]`,
    "batch: { bytes: 64KiB, age: 500ms }",
    "memory: 64MiB",
    "sinks:",
    `  - { name: files, kind: fs, path: ./${o.group} }`,
    o.extra ?? "",
  ];
  const path = join(dir, name);
  writeFileSync(path, `${lines.join("\n")}\n`);
  return path;
}

/** A token as the broker's validator for tests takes it: signed by nobody (RFC 7519, `alg: none`). */
export function unsignedToken(subject: string, lifeMs: number): string {
  const part = (o: object): string => Buffer.from(JSON.stringify(o)).toString("base64url");
  const now = Date.now();
  const claims = { sub: subject, iat: (now - 60_000) / 1000, exp: (now + lifeMs) / 1000 };
  return `${part({ alg: "none" })}.${part(claims)}.`;
}

export function writeToken(dir: string, token: string): string {
  const path = join(dir, "token");
  writeFileSync(path, `${token}\n`);
  return path;
}
