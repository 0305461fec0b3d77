import { isForgotten, SchemaMissingError } from "./cassandra-error.ts";
import { ensureSchema, type SchemaOptions } from "./cassandra-schema.ts";
import type { CassandraSession, Row, Statement } from "./cassandra-session.ts";

const LOST = "it held an archive before, so nothing is made in its place";

/**
 * The tables of one keyspace. Reading makes none: as long as no archive was seen here, a keyspace
 * that is not there reads as an empty one, when writing would make it. Once one was seen, a missing
 * table is an error, never an empty archive.
 */
export class CassandraTables {
  readonly session: CassandraSession;
  readonly keyspace: string;
  readonly #schema: SchemaOptions;
  #seen = false;

  constructor(session: CassandraSession, schema: SchemaOptions) {
    this.session = session;
    this.keyspace = session.keyspace;
    this.#schema = schema;
  }

  /** An archive was found here. */
  seen(): void {
    this.#seen = true;
  }

  ensure(signal: AbortSignal): Promise<readonly string[]> {
    const refusal = this.#seen ? LOST : this.#schema.refusal;
    return ensureSchema(this.session, { ...this.#schema, refusal }, signal);
  }

  async read(doing: string, statement: Statement, signal: AbortSignal): Promise<readonly Row[]> {
    try {
      return await this.session.rows(doing, statement, signal);
    } catch (error) {
      await this.#emptyOr(error, signal);
      return [];
    }
  }

  async *each(doing: string, statement: Statement, signal: AbortSignal): AsyncGenerator<Row> {
    try {
      yield* this.session.each(doing, statement, signal);
    } catch (error) {
      await this.#emptyOr(error, signal);
    }
  }

  write(doing: string, statement: Statement, signal: AbortSignal): Promise<readonly Row[]> {
    return this.session.rows(doing, statement, signal);
  }

  /** Rejects, unless what is missing is an archive that was never there. */
  async #emptyOr(error: unknown, signal: AbortSignal): Promise<void> {
    if (isForgotten(error)) await ensureSchema(this.session, { refusal: LOST }, signal);
    if (this.#seen || this.#schema.refusal !== undefined || !(error instanceof SchemaMissingError))
      throw error;
  }
}
