import { SinkError } from "../../src/sdk/sink-error.ts";
import { SchemaMissingError } from "./cassandra-error.ts";
import type { CassandraSession } from "./cassandra-session.ts";

const SCOPE = "topic text, topic_id text, partition int, branch int";
const SCOPE_KEY = "topic, topic_id, partition, branch";
const BATCH = "put_id text, path text, size bigint, digest text, description text, manifest text";
/** Sealed bytes do not compress again. */
const PLAIN = " WITH compression = {'enabled': false}";

const KEYSPACE = "the keyspace";

/** docs/sinks/cassandra.md says what is in each. */
const TABLES: Readonly<Record<string, string>> = {
  archive: "(name text PRIMARY KEY, content text)",
  scopes: `(layout int, ${SCOPE}, PRIMARY KEY (layout, ${SCOPE_KEY}))`,
  folders:
    `(${SCOPE}, level int, parent bigint, child bigint, ` +
    `PRIMARY KEY ((${SCOPE_KEY}, level, parent), child))`,
  batches:
    `(${SCOPE}, bucket bigint, start bigint, ${BATCH}, ` +
    `PRIMARY KEY ((${SCOPE_KEY}, bucket), start))`,
  chunks:
    `(${SCOPE}, start bigint, digest text, part int, chunk int, size int, data blob, ` +
    `PRIMARY KEY ((${SCOPE_KEY}, start, digest, part), chunk))${PLAIN}`,
  quarantine:
    `(${SCOPE}, bucket bigint, start bigint, ${BATCH}, ` +
    `PRIMARY KEY ((${SCOPE_KEY}, bucket), start, put_id))`,
  quarantined_chunks:
    `(put_id text, part int, chunk int, size int, data blob, ` +
    `PRIMARY KEY ((put_id, part), chunk))${PLAIN}`,
};

export interface SchemaOptions {
  /** Why nothing may be made: then what is missing is an error. */
  readonly refusal: string | undefined;
  /** Copies by data centre, for a keyspace that is not there yet. */
  readonly replication?: Readonly<Record<string, number>>;
}

function keyspaceStatement(
  keyspace: string,
  replication: Readonly<Record<string, number>>,
): string {
  const copies = Object.entries(replication).map(([dc, n]) => `, '${dc}': ${n}`);
  const strategy = `{'class': 'NetworkTopologyStrategy'${copies.join("")}}`;
  return `CREATE KEYSPACE IF NOT EXISTS ${keyspace} WITH replication = ${strategy}`;
}

const tableStatement = (keyspace: string, name: string, columns: string): string =>
  `CREATE TABLE IF NOT EXISTS ${keyspace}.${name} ${columns}`;

/** Makes what is missing, when that is wanted; resolves to the names of what was made. */
export async function ensureSchema(
  session: CassandraSession,
  options: SchemaOptions,
  signal: AbortSignal,
): Promise<readonly string[]> {
  const { keyspace } = session;
  const missing = await missingTables(session, signal);
  if (missing.length === 0) return [];
  if (options.refusal !== undefined) {
    const text = `keyspace ${keyspace} lacks ${missing.join(", ")}; ${options.refusal}`;
    throw new SchemaMissingError(text);
  }
  const all = missing.includes(KEYSPACE);
  if (all) {
    const replication = options.replication ?? (await defaultReplication(session, signal));
    await define(session, KEYSPACE, keyspaceStatement(keyspace, replication), signal);
  }
  for (const [name, columns] of Object.entries(TABLES)) {
    if (!all && !missing.includes(name)) continue;
    const cql = tableStatement(keyspace, name, columns);
    await define(session, `table ${name}`, cql, signal);
  }
  return missing;
}

/** Every node has a change before the next one: two versions of a schema can lose writes. */
async function define(
  session: CassandraSession,
  name: string,
  cql: string,
  signal: AbortSignal,
): Promise<void> {
  if (await session.define(`creating ${name}`, cql, signal)) return;
  const text = `keyspace ${session.keyspace}: the nodes do not agree about ${name} yet`;
  throw new SinkError("sink-transient", text);
}

async function missingTables(
  session: CassandraSession,
  signal: AbortSignal,
): Promise<readonly string[]> {
  const parameters = [session.keyspace];
  const keyspaces = await session.rows(
    "reading the schema",
    {
      cql: "SELECT keyspace_name FROM system_schema.keyspaces WHERE keyspace_name = ?",
      parameters,
    },
    signal,
  );
  if (keyspaces.length === 0) return [KEYSPACE];
  const tables = await session.rows(
    "reading the schema",
    { cql: "SELECT table_name FROM system_schema.tables WHERE keyspace_name = ?", parameters },
    signal,
  );
  const there = new Set(tables.map((row) => row["table_name"]));
  return Object.keys(TABLES).filter((name) => !there.has(name));
}

/** Three copies, or as many as there are nodes in the local data centre. */
async function defaultReplication(
  session: CassandraSession,
  signal: AbortSignal,
): Promise<Readonly<Record<string, number>>> {
  const hosts = await session.hosts(signal);
  const local = hosts.filter((host) => host.datacenter === session.localDataCenter);
  return { [session.localDataCenter]: Math.max(1, Math.min(3, local.length)) };
}
