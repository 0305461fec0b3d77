import { randomBytes } from "node:crypto";
import { assert } from "../../src/core/assert.ts";
import type { Description, Manifest } from "../../src/core/description.ts";
import { encodeDescription, encodeManifest } from "../../src/core/manifest.ts";
import { type BatchKey, type Scope, scopeText } from "../../src/core/scope.ts";
import { SinkError } from "../../src/sdk/sink-error.ts";
import type { Parameter, Row } from "./cassandra-session.ts";
import type { CassandraTables } from "./cassandra-tables.ts";
import { Turns } from "./turns.ts";

/** Offsets whose batches share one Cassandra partition, so that none has more rows than this. */
const BUCKET_OFFSETS = 10_000n;

/** What publishes a batch: one row by its first offset, whatever is in it. */
export interface BatchRow {
  /** Differs from put to put: what was removed and put again is not what was seen. */
  readonly putId: string;
  readonly path: string;
  readonly size: number;
  readonly digest: string;
  readonly description: string;
  readonly manifest: string | undefined;
}

export const bucketOf = (start: bigint): bigint => start / BUCKET_OFFSETS;
export const scopeParameters = (s: Scope): readonly Parameter[] => [
  s.topic,
  s.topicId,
  s.partition,
  s.branch,
];
export const SCOPE_IS = "topic = ? AND topic_id = ? AND partition = ? AND branch = ?";
const ROW_IS = `${SCOPE_IS} AND bucket = ? AND start = ?`;
const rowParameters = (k: BatchKey): readonly Parameter[] => [
  ...scopeParameters(k),
  bucketOf(k.start),
  k.start,
];

const COLUMNS = "put_id, path, size, digest, description, manifest";

/**
 * The rows of the table `batches`, written by conditional statements only, which the nodes decide
 * one after the other. What such a statement answers is the truth; when it did not answer, a read
 * with serial consistency is, which finishes what was left half done. And as a deletion can hide
 * what is written after it, every statement that took effect is read back.
 */
export class BatchRows {
  readonly #tables: CassandraTables;
  readonly #table: string;
  readonly #turns = new Turns();

  constructor(tables: CassandraTables) {
    this.#tables = tables;
    this.#table = `${tables.keyspace}.batches`;
  }

  /** `serial`: sees also what a statement without an answer is about to publish. */
  async read(
    key: BatchKey,
    how: "serial" | "published",
    signal: AbortSignal,
  ): Promise<BatchRow | undefined> {
    const cql = `SELECT ${COLUMNS} FROM ${this.#table} WHERE ${ROW_IS}`;
    const serial = how === "serial";
    const statement = { cql, parameters: rowParameters(key), serial };
    const read = (): Promise<readonly Row[]> =>
      this.#tables.read("reading a batch's row", statement, signal);
    const [row] = serial ? await this.#turns.within(turnOf(key), read, signal) : await read();
    return row === undefined ? undefined : batchRow(row);
  }

  /** Publishes, if nothing is there; resolves to what is there afterwards. `ttlS`: Cassandra drops the row after so long. */
  async create(
    d: Description,
    signal: AbortSignal,
    ttlS = 0,
  ): Promise<BatchRow & { readonly ours: boolean }> {
    const putId = randomBytes(16).toString("hex");
    const { path, size, digest } = d.seal;
    const columns = "topic, topic_id, partition, branch, bucket, start, put_id, path, size, digest";
    const values = [putId, path, BigInt(size), digest, encodeDescription(d)];
    const row = await this.#decided(
      d,
      `INSERT INTO ${this.#table} (${columns}, description) VALUES (${"?, ".repeat(10)}?) IF NOT EXISTS${using(ttlS)}`,
      [...rowParameters(d), ...values],
      signal,
    );
    if (row === undefined) throw hidden(path);
    return { ...row, ours: row.putId === putId };
  }

  /** Adds the manifest to the batch it describes, if there is none; resolves like `create`. */
  describe(manifest: Manifest, signal: AbortSignal): Promise<BatchRow | undefined> {
    return this.#decided(
      manifest,
      `UPDATE ${this.#table} SET manifest = ? WHERE ${ROW_IS} IF digest = ? AND manifest = null`,
      [encodeManifest(manifest), ...rowParameters(manifest), manifest.seal.digest],
      signal,
    );
  }

  /** Removes the row of that put; resolves to what is there afterwards. */
  remove(key: BatchKey, putId: string, signal: AbortSignal): Promise<BatchRow | undefined> {
    const cql = `DELETE FROM ${this.#table} WHERE ${ROW_IS} IF put_id = ?`;
    return this.#decided(key, cql, [...rowParameters(key), putId], signal);
  }

  async #decided(
    key: BatchKey,
    cql: string,
    parameters: readonly Parameter[],
    signal: AbortSignal,
  ): Promise<BatchRow | undefined> {
    const write = (): Promise<readonly Row[]> =>
      this.#tables.write("writing a batch's row", { cql, parameters }, signal);
    try {
      await this.#turns.within(turnOf(key), write, signal);
    } catch (error) {
      if (!(error instanceof SinkError) || error.code !== "sink-transient") throw error;
      const row = await this.read(key, "serial", signal);
      // Without a row an insert may still come, and does no harm then.
      if (row === undefined && !cql.startsWith("DELETE")) throw error;
      return row;
    }
    return this.read(key, "published", signal);
  }
}

/** What ends an INSERT; nothing for what stays. */
export const using = (ttlS: number): string => (ttlS === 0 ? "" : ` USING TTL ${ttlS}`);

/** Conditional statements of one Cassandra partition get in each other's way. */
const turnOf = (key: BatchKey): string => `${scopeText(key)}/${bucketOf(key.start)}`;

function batchRow(row: Row): BatchRow {
  const { put_id: putId, path, size, digest, description, manifest } = row;
  assert(typeof size === "bigint" || size === null, "the size of a batch is a bigint");
  return {
    putId: textOf(putId),
    path: textOf(path),
    size: Number(size ?? -1n),
    digest: textOf(digest),
    description: textOf(description),
    manifest: typeof manifest === "string" ? manifest : undefined,
  };
}

/** A column that someone emptied reads as no valid text, which every check refuses. */
const textOf = (value: unknown): string => (typeof value === "string" ? value : "");

const hidden = (path: string): SinkError =>
  new SinkError(
    "sink-transient",
    `${path} was published and is not there: a deletion with a later timestamp hides it; ` +
      "check the clocks of the nodes",
  );
