import { randomBytes } from "node:crypto";
import type { Finding } from "../../src/sdk/sink.ts";
import { SinkError } from "../../src/sdk/sink-error.ts";
import type { BatchRows } from "./batch-rows.ts";
import type { CassandraTables } from "./cassandra-tables.ts";
import type { ChunkStore } from "./chunk-store.ts";
import { probe } from "./probe.ts";

export interface Checked {
  readonly tables: CassandraTables;
  readonly rows: BatchRows;
  readonly chunks: ChunkStore;
}

const MAX_NODES = 100;
const MAX_SKEW_MS = 1000;
/** Fewer copies than this, and one node that is away stops a quorum. */
const SAFE_COPIES = 3;

/** Does what archiving does, and reads every setting that can lose what was acknowledged. */
export async function checkCassandra(c: Checked, signal: AbortSignal): Promise<readonly Finding[]> {
  try {
    const made = await c.tables.ensure(signal);
    const text = `keyspace ${c.tables.keyspace}: made ${made.join(", ")}`;
    return [
      ...(made.length === 0 ? [] : [finding("ok", "schema-made", text)]),
      ...(await replicationFindings(c.tables, signal)),
      ...(await nodeFindings(c.tables, signal)),
      ...(await probe(c, randomBytes(8).toString("hex"), signal)),
    ];
  } catch (error) {
    if (!(error instanceof SinkError)) throw error;
    return [finding("error", error.code, error.message)];
  }
}

const finding = (level: Finding["level"], code: string, text: string): Finding => ({
  level,
  code,
  text,
});

async function replicationFindings(
  tables: CassandraTables,
  signal: AbortSignal,
): Promise<readonly Finding[]> {
  const cql =
    "SELECT durable_writes, replication FROM system_schema.keyspaces WHERE keyspace_name = ?";
  const statement = { cql, parameters: [tables.keyspace] };
  const [row] = await tables.session.rows("reading the replication", statement, signal);
  const found: Finding[] = [];
  if (row?.["durable_writes"] === false) {
    const text = `keyspace ${tables.keyspace} has durable_writes = false: what is acknowledged is in memory only`;
    found.push(finding("error", "cassandra-not-durable", text));
  }
  const { localDataCenter } = tables.session;
  const replication = (row?.["replication"] ?? {}) as Readonly<Record<string, string>>;
  const copies = Number(replication[localDataCenter] ?? replication["replication_factor"] ?? 0);
  if (copies === 0) {
    const text = `keyspace ${tables.keyspace} has no copies in data centre ${localDataCenter}: ${JSON.stringify(replication)}`;
    found.push(finding("error", "cassandra-no-copies", text));
  } else if (copies < SAFE_COPIES) {
    const text = `keyspace ${tables.keyspace} keeps ${copies} of each row in ${localDataCenter}; with ${SAFE_COPIES} a node may be away or lost`;
    found.push(finding("warning", "cassandra-few-copies", text));
  }
  return found;
}

/** Of every node of the local data centre: its commit log and its clock. */
async function nodeFindings(
  tables: CassandraTables,
  signal: AbortSignal,
): Promise<readonly Finding[]> {
  const { session } = tables;
  const found: Finding[] = [];
  const hosts = (await session.hosts(signal)).filter(
    (host) => host.datacenter === session.localDataCenter,
  );
  if (hosts.length === 0) {
    const text = `no node is in data centre ${session.localDataCenter}`;
    found.push(finding("error", "cassandra-no-local-node", text));
  }
  for (const host of hosts.slice(0, MAX_NODES)) {
    if (!host.isUp()) {
      found.push(finding("warning", "cassandra-node-down", `node ${host.address} is down`));
      continue;
    }
    const clock = "SELECT toUnixTimestamp(now()) AS now_ms FROM system.local";
    const [row] = await session.rows("reading a node's clock", { cql: clock, host }, signal);
    const skewMs = Number(row?.["now_ms"] ?? Number.NaN) - Date.now();
    if (Math.abs(skewMs) > MAX_SKEW_MS) {
      const text = `the clock of node ${host.address} is ${skewMs} ms from this machine's`;
      found.push(finding("warning", "cassandra-clock", text));
    }
    found.push(commitLog(host.address, await commitLogSync(tables, host, signal)));
  }
  return found;
}

type NodeHost = Awaited<ReturnType<CassandraTables["session"]["hosts"]>>[number];

/** Undefined where the node does not tell: before Cassandra 4.0, or without the right to read it. */
async function commitLogSync(
  tables: CassandraTables,
  host: NodeHost,
  signal: AbortSignal,
): Promise<string | undefined> {
  const cql = "SELECT value FROM system_views.settings WHERE name = 'commitlog_sync'";
  try {
    const [row] = await tables.session.rows("reading settings", { cql, host }, signal);
    return typeof row?.["value"] === "string" ? row["value"] : undefined;
  } catch (error) {
    if (error instanceof SinkError && error.code !== "sink-transient") return undefined;
    throw error;
  }
}

function commitLog(node: string, sync: string | undefined): Finding {
  if (sync === "batch" || sync === "group") {
    return finding("ok", "cassandra-commitlog", `node ${node}: commitlog_sync is ${sync}`);
  }
  if (sync === undefined) {
    const text = `node ${node} does not tell commitlog_sync; see that it is batch or group`;
    return finding("warning", "cassandra-commitlog-unknown", text);
  }
  const text =
    `node ${node}: commitlog_sync is ${sync}: a crash loses what it acknowledged since the last ` +
    "sync, up to 10 s by default; when the nodes of a quorum crash together, committed batches " +
    "are gone. Set it to batch or group";
  return finding("warning", "cassandra-commitlog-periodic", text);
}
