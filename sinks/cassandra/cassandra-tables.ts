import { SchemaMissingError } from "./cassandra-error.ts";
import { ensureSchema, type SchemaOptions } from "./cassandra-schema.ts";
import type { CassandraSession, Row, Statement } from "./cassandra-session.ts";

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
    const create = this.#schema.create && !this.#seen;
    return ensureSchema(this.session, { ...this.#schema, create }, signal);
  }

  async read(doing: string, statement: Statement, signal: AbortSignal): Promise<readonly Row[]> {
    try {
      return await this.session.rows(doing, statement, signal);
    } catch (error) {
      this.#emptyOr(error);
      return [];
    }
  }

  async *each(doing: string, statement: Statement, signal: AbortSignal): AsyncGenerator<Row> {
    try {
      yield* this.session.each(doing, statement, signal);
    } catch (error) {
      this.#emptyOr(error);
    }
  }

  write(doing: string, statement: Statement, signal: AbortSignal): Promise<readonly Row[]> {
    return this.session.rows(doing, statement, signal);
  }

  #emptyOr(error: unknown): void {
    if (this.#seen || !this.#schema.create || !(error instanceof SchemaMissingError)) throw error;
  }
}
