import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import type { ConnectionOptions } from "node:tls";
import { ArchiverError } from "../../src/core/errors.ts";
import { messageOf } from "../../src/core/message.ts";
import type { Host, Sink } from "../../src/sdk/sink.ts";
import type { CassandraConfig } from "./cassandra-plugin.ts";
import { CassandraSession, type SessionOptions } from "./cassandra-session.ts";
import { CassandraSink } from "./cassandra-sink.ts";
import { CassandraTables } from "./cassandra-tables.ts";

const NOT_OURS =
  "createSchema is false: create what docs/sinks/cassandra.md lists, or correct `keyspace`";

/** Opening asks no node: one that does not answer now is waited for when it is needed. */
export function openCassandra(config: CassandraConfig, host: Host): Sink {
  const { username, password, replication, createSchema } = config;
  const options: SessionOptions = {
    contactPoints: config.contactPoints,
    localDataCenter: config.localDataCenter,
    keyspace: config.keyspace,
    consistency: config.consistency,
    serialConsistency: config.serialConsistency,
    requestTimeoutMs: config.requestTimeout,
    chunksAtOnce: config.chunksAtOnce,
    ...(username === undefined || password === undefined
      ? {}
      : { credentials: { username, password } }),
    ...(config.tls === undefined ? {} : { tls: tlsOptions(config.tls, host.baseDir) }),
  };
  const schema = {
    refusal: createSchema ? undefined : NOT_OURS,
    ...(replication === undefined ? {} : { replication }),
  };
  return new CassandraSink(new CassandraTables(new CassandraSession(options), schema));
}

/** The driver trusts anybody unless it is told not to. */
function tlsOptions(config: CassandraConfig["tls"] & {}, baseDir: string): ConnectionOptions {
  if (config === true) return { rejectUnauthorized: true };
  const { ca, cert, key, passphrase, servername, rejectUnauthorized } = config;
  const read = (file: string): Buffer => {
    const full = resolve(baseDir, file);
    try {
      return readFileSync(full);
    } catch (cause) {
      throw new ArchiverError("config-invalid", `tls: ${full}: ${messageOf(cause)}`, { cause });
    }
  };
  return {
    rejectUnauthorized,
    ...(ca === undefined ? {} : { ca: read(ca) }),
    ...(cert === undefined ? {} : { cert: read(cert) }),
    ...(key === undefined ? {} : { key: read(key) }),
    ...(passphrase === undefined ? {} : { passphrase }),
    ...(servername === undefined ? {} : { servername }),
  };
}
