import type { Manifest } from "../../src/core/description.ts";
import { manifestPath } from "../../src/core/layout.ts";
import { parseManifest } from "../../src/core/manifest.ts";
import type { Scope } from "../../src/core/scope.ts";
import type { Listed } from "../../src/sdk/sink.ts";
import { SCOPE_IS, scopeParameters } from "./batch-rows.ts";
import type { CassandraTables } from "./cassandra-tables.ts";
import type { Folders } from "./folders.ts";

/** A manifest is some KiB; the tip alone may lack one, so few rows are looked at. */
const FLOOR_PAGE = 4;
const LIST_PAGE = 1000;

/** The manifest with the greatest start ≤ offset, by the clustering order of each bucket. */
export async function floor(
  tables: CassandraTables,
  folders: Folders,
  scope: Scope,
  offset: bigint,
  signal: AbortSignal,
): Promise<Manifest | undefined> {
  const cql =
    `SELECT manifest FROM ${tables.keyspace}.batches WHERE ${SCOPE_IS} AND bucket = ? ` +
    "AND start <= ? ORDER BY start DESC";
  for await (const bucket of folders.buckets(scope, offset, "descending", signal)) {
    const parameters = [...scopeParameters(scope), bucket, offset];
    const statement = { cql, parameters, pageRows: FLOOR_PAGE };
    for await (const { manifest } of tables.each("looking for a batch", statement, signal)) {
      if (typeof manifest === "string") return parseManifest(Buffer.from(manifest, "utf8"));
    }
  }
  return undefined;
}

/** One row is one batch: data, and the manifest when it is there. */
export async function* list(
  tables: CassandraTables,
  folders: Folders,
  scope: Scope,
  from: bigint,
  signal: AbortSignal,
): AsyncGenerator<Listed> {
  const cql =
    `SELECT start, path, size, writetime(manifest) AS described FROM ${tables.keyspace}.batches ` +
    `WHERE ${SCOPE_IS} AND bucket = ? AND start >= ? ORDER BY start ASC`;
  for await (const bucket of folders.buckets(scope, from, "ascending", signal)) {
    const parameters = [...scopeParameters(scope), bucket, from];
    const statement = { cql, parameters, pageRows: LIST_PAGE };
    for await (const row of tables.each("listing batches", statement, signal)) {
      const { start, path, size, described } = row;
      if (typeof start !== "bigint") continue;
      const whole = typeof path === "string" && typeof size === "bigint";
      yield {
        start,
        ...(whole ? { data: { path, size: Number(size) } } : {}),
        ...(described == null ? {} : { manifest: { path: manifestPath({ ...scope, start }) } }),
      };
    }
  }
}
