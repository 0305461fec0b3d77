import { mkdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { CassandraAddress } from "../../servers/cassandra.ts";
import { CqlWire, type WireRow } from "./cql-wire.ts";

const quoted = (text: unknown): string => `'${String(text).replaceAll("'", "''")}'`;

/**
 * Writes what the keyspace holds as files, as docs/sinks/cassandra.md says that anybody can read it:
 * `archive.json`, data under the row's path, manifests where the layout of folders has them.
 */
export async function unload(
  address: CassandraAddress,
  keyspace: string,
  into: string,
): Promise<void> {
  const wire = await CqlWire.open(address);
  for await (const { name, content } of wire.rows(`SELECT * FROM ${keyspace}.archive`, 10)) {
    await put(join(into, String(name)), Buffer.from(String(content), "utf8"));
  }
  for await (const row of wire.rows(`SELECT * FROM ${keyspace}.batches`, 3)) {
    await put(join(into, String(row["path"])), await dataOf(address, keyspace, row));
    const { topic, topic_id: id, partition, branch, start, manifest } = row;
    if (manifest === null) continue;
    const fanOut = (BigInt(String(start)) / 1_000_000_000n).toString().padStart(11, "0");
    const name = `${String(start).padStart(20, "0")}.json`;
    const path = join("manifests", ...[topic, id, partition, branch].map(String), fanOut, name);
    await put(join(into, path), Buffer.from(String(manifest), "utf8"));
  }
  wire.close();
}

async function dataOf(address: CassandraAddress, keyspace: string, row: WireRow): Promise<Buffer> {
  const wire = await CqlWire.open(address);
  const texts = ["topic", "topic_id", "digest"].map((name) => `${name} = ${quoted(row[name])}`);
  const numbers = ["partition", "branch", "start"].map((name) => `${name} = ${String(row[name])}`);
  const key = [...texts, ...numbers].join(" AND ");
  const pieces: Buffer[] = [];
  for (let part = 0; part < Math.ceil(Number(row["size"]) / (32 << 20)); part++) {
    const cql = `SELECT chunk, data FROM ${keyspace}.chunks WHERE ${key} AND part = ${part}`;
    for await (const { data } of wire.rows(cql, 4)) pieces.push(data as Buffer);
  }
  wire.close();
  return Buffer.concat(pieces);
}

async function put(path: string, bytes: Buffer): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, bytes);
}
