import type { BatchKey, Scope } from "../../src/core/scope.ts";
import { scopeText } from "../../src/core/scope.ts";
import { topicIdText, topicName } from "../../src/core/manifest-schema.ts";
import { bucketOf, SCOPE_IS, scopeParameters } from "./batch-rows.ts";
import type { Parameter, Row } from "./cassandra-session.ts";
import type { CassandraTables } from "./cassandra-tables.ts";
import { writeVisibly } from "./write-visibly.ts";

/** Children of one folder, at most; the topmost holds fewer, because offsets have 63 bits. */
const FAN_OUT = 100_000n;
/** From the top: folders of folders of buckets. */
const WIDTHS = [FAN_OUT * FAN_OUT, FAN_OUT, 1n] as const;
const REMEMBERED = 4096;
const LAYOUT = 1;

const SCOPE_COLUMNS = ["layout", "topic", "topic_id", "partition", "branch"];
const FOLDER_COLUMNS = ["topic", "topic_id", "partition", "branch", "level", "parent", "child"];

/** A row that is nothing but its key. */
interface Way {
  readonly name: string;
  readonly table: string;
  readonly columns: readonly string[];
  readonly values: readonly Parameter[];
}

export type Direction = "ascending" | "descending";

/**
 * Which buckets of a scope hold rows, as a tree of three levels, and which scopes there are. These
 * rows are written before what they lead to and never removed, so a listing misses nothing.
 */
export class Folders {
  readonly #tables: CassandraTables;
  readonly #known = new Set<string>();

  constructor(tables: CassandraTables) {
    this.#tables = tables;
  }

  /** Makes the way to a batch, as far as this process has not made it yet. */
  async add(key: BatchKey, signal: AbortSignal): Promise<void> {
    const scope = scopeText(key);
    const bucket = bucketOf(key.start);
    const ways = [
      { name: scope, table: "scopes", columns: SCOPE_COLUMNS, values: scopeRow(key) },
      ...WIDTHS.map((width, level) => ({
        name: `${scope}/${level}/${bucket / width}`,
        table: "folders",
        columns: FOLDER_COLUMNS,
        values: [...scopeParameters(key), level, parentOf(bucket, level), bucket / width],
      })),
    ].filter(({ name }) => !this.#known.has(name));
    await Promise.all(ways.map((way) => this.#make(way, signal)));
    for (const { name } of ways) this.#known.add(name);
    for (const name of this.#known) {
      if (this.#known.size <= REMEMBERED) break;
      this.#known.delete(name);
    }
  }

  /** Buckets at or beyond that of `offset`, in that direction. */
  async *buckets(
    scope: Scope,
    offset: bigint,
    direction: Direction,
    signal: AbortSignal,
  ): AsyncGenerator<bigint> {
    const bound = bucketOf(offset);
    const below = async function* (
      this: Folders,
      level: number,
      parent: bigint,
    ): AsyncGenerator<bigint> {
      const last = level === WIDTHS.length - 1;
      for await (const child of this.#children(scope, level, parent, bound, direction, signal)) {
        if (last) yield child;
        else yield* below.call(this, level + 1, child);
      }
    };
    yield* below.call(this, 0, 0n);
  }

  /** Every scope that anything was ever published in: topics and ids by their bytes. */
  async *scopes(signal: AbortSignal): AsyncGenerator<Scope> {
    const cql = `SELECT topic, topic_id, partition, branch FROM ${this.#tables.keyspace}.scopes WHERE layout = ?`;
    const rows = this.#tables.each("listing scopes", { cql, parameters: [LAYOUT] }, signal);
    for await (const row of rows) {
      const scope = scopeOf(row);
      if (scope !== undefined) yield scope;
    }
  }

  async #make(way: Way, signal: AbortSignal): Promise<void> {
    const { name, columns, values: parameters } = way;
    const table = `${this.#tables.keyspace}.${way.table}`;
    const insert = `INSERT INTO ${table} (${columns.join(", ")}) VALUES (${columns.map(() => "?").join(", ")})`;
    const select = `SELECT topic FROM ${table} WHERE ${columns.map((c) => `${c} = ?`).join(" AND ")}`;
    await writeVisibly(
      `the folder ${name}`,
      (timestampUs) =>
        this.#tables.write("adding a folder", { cql: insert, parameters, timestampUs }, signal),
      async () => {
        const rows = await this.#tables.read(
          "adding a folder",
          { cql: select, parameters },
          signal,
        );
        return rows.length > 0;
      },
    );
  }

  async *#children(
    scope: Scope,
    level: number,
    parent: bigint,
    bound: bigint,
    direction: Direction,
    signal: AbortSignal,
  ): AsyncGenerator<bigint> {
    const [beyond, order] = direction === "ascending" ? [">=", "ASC"] : ["<=", "DESC"];
    const cql =
      `SELECT child FROM ${this.#tables.keyspace}.folders WHERE ${SCOPE_IS} AND level = ? ` +
      `AND parent = ? AND child ${beyond} ? ORDER BY child ${order}`;
    const parameters = [...scopeParameters(scope), level, parent, bound / (WIDTHS[level] ?? 1n)];
    const pageRows = direction === "ascending" ? 5000 : 10;
    const rows = this.#tables.each("listing folders", { cql, parameters, pageRows }, signal);
    for await (const { child } of rows) if (typeof child === "bigint") yield child;
  }
}

const scopeRow = (s: Scope): readonly Parameter[] => [LAYOUT, ...scopeParameters(s)];

const parentOf = (bucket: bigint, level: number): bigint =>
  level === 0 ? 0n : bucket / (WIDTHS[level - 1] ?? 1n);

function scopeOf(row: Row): Scope | undefined {
  const { topic, topic_id: topicId, partition, branch } = row;
  const [t, id] = [topicName.safeParse(topic), topicIdText.safeParse(topicId)];
  if (!t.success || !id.success) return undefined;
  return { topic: t.data, topicId: id.data, partition: Number(partition), branch: Number(branch) };
}
