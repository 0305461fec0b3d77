import type { BatchKey } from "../../src/core/scope.ts";
import type { Tag } from "../../src/sdk/sink.ts";
import { SinkError } from "../../src/sdk/sink-error.ts";
import {
  type BatchRow,
  type BatchRows,
  bucketOf,
  SCOPE_IS,
  scopeParameters,
} from "./batch-rows.ts";
import type { Parameter } from "./cassandra-session.ts";
import type { CassandraTables } from "./cassandra-tables.ts";
import { partCount } from "./chunk-store.ts";

export interface Stored {
  readonly tables: CassandraTables;
  readonly rows: BatchRows;
}

/** Copies a batch to the quarantine tables, as it is, then removes it. */
export async function setBatchAside(
  stored: Stored,
  key: BatchKey,
  seen: Tag,
  signal: AbortSignal,
): Promise<void> {
  const row = await seenRow(stored, key, seen, signal);
  for (let part = 0; part < parts(row); part++) {
    await copyPart(stored.tables, key, row, part, signal);
  }
  const { keyspace } = stored.tables;
  const columns = "topic, topic_id, partition, branch, bucket, start, put_id, path, size, digest";
  const { putId, path, size, digest, description, manifest } = row;
  const values = [putId, path, BigInt(size), digest, description, manifest ?? null];
  await stored.tables.write(
    "setting a batch aside",
    {
      cql: `INSERT INTO ${keyspace}.quarantine (${columns}, description, manifest) VALUES (${"?, ".repeat(11)}?)`,
      parameters: [...scopeParameters(key), bucketOf(key.start), key.start, ...values],
    },
    signal,
  );
  await removeSeen(stored, key, row, signal);
}

/** Removes a batch for good: its row first, so that no row is without its data. */
export async function removeBatch(
  stored: Stored,
  key: BatchKey,
  seen: Tag,
  signal: AbortSignal,
): Promise<void> {
  await removeSeen(stored, key, await seenRow(stored, key, seen, signal), signal);
}

const parts = (row: BatchRow): number => partCount(Math.max(0, row.size));

async function seenRow(
  { rows }: Stored,
  key: BatchKey,
  seen: Tag,
  signal: AbortSignal,
): Promise<BatchRow> {
  const row = await rows.read(key, "serial", signal);
  if (row?.putId === seen) return row;
  throw new SinkError(
    "sink-permanent",
    `batch ${key.start} is no longer what was seen; look again`,
  );
}

async function removeSeen(
  { tables, rows }: Stored,
  key: BatchKey,
  row: BatchRow,
  signal: AbortSignal,
): Promise<void> {
  // Chunks are deleted as of when they were written: those of a later put stay.
  const written = await lastWritten(tables, key, row, signal);
  const left = await rows.remove(key, row.putId, signal);
  if (left?.putId === row.putId) {
    throw new SinkError("sink-transient", `${row.path} was not removed; look again`);
  }
  for (const [part, timestampUs] of written.entries()) {
    if (timestampUs === undefined) continue;
    const cql = `DELETE FROM ${tables.keyspace}.chunks WHERE ${PART_IS}`;
    const parameters = partOf(key, row, part);
    await tables.write("removing chunks", { cql, parameters, timestampUs }, signal);
  }
}

const PART_IS = `${SCOPE_IS} AND start = ? AND digest = ? AND part = ?`;
const partOf = (key: BatchKey, row: BatchRow, part: number): readonly Parameter[] => [
  ...scopeParameters(key),
  key.start,
  row.digest,
  part,
];

/** By part: the greatest timestamp of a chunk, in microseconds; undefined where there is none. */
async function lastWritten(
  tables: CassandraTables,
  key: BatchKey,
  row: BatchRow,
  signal: AbortSignal,
): Promise<readonly (number | undefined)[]> {
  const found: (number | undefined)[] = [];
  const cql = `SELECT writetime(size) AS written, writetime(data) AS changed FROM ${tables.keyspace}.chunks WHERE ${PART_IS}`;
  for (let part = 0; part < parts(row); part++) {
    const parameters = partOf(key, row, part);
    const rows = await tables.read("looking at chunks", { cql, parameters }, signal);
    const times = rows.flatMap(({ written, changed }) =>
      [written, changed].filter((at) => typeof at === "bigint"),
    );
    found.push(times.length === 0 ? undefined : Math.max(...times.map(Number)));
  }
  return found;
}

async function copyPart(
  tables: CassandraTables,
  key: BatchKey,
  row: BatchRow,
  part: number,
  signal: AbortSignal,
): Promise<void> {
  const { keyspace, session } = tables;
  const chunks = await tables.read(
    "looking at chunks",
    {
      cql: `SELECT chunk FROM ${keyspace}.chunks WHERE ${PART_IS}`,
      parameters: partOf(key, row, part),
    },
    signal,
  );
  for (const { chunk } of chunks) {
    const parameters = [...partOf(key, row, part), Number(chunk)];
    const cql = `SELECT size, data FROM ${keyspace}.chunks WHERE ${PART_IS} AND chunk = ?`;
    const [stored] = await session.chunk("reading a chunk", { cql, parameters }, signal);
    const { size = null, data = null } = (stored ?? {}) as { size?: number; data?: Buffer };
    await session.chunk(
      "setting a chunk aside",
      {
        cql: `INSERT INTO ${keyspace}.quarantined_chunks (put_id, part, chunk, size, data) VALUES (?, ?, ?, ?, ?)`,
        parameters: [row.putId, part, Number(chunk), size, data],
      },
      signal,
    );
  }
}
