import { assert } from "../../src/core/assert.ts";
import type { Description } from "../../src/core/description.ts";
import { blake3HexOf } from "../../src/core/digest.ts";
import { ArchiverError } from "../../src/core/errors.ts";
import { SCOPE_IS, scopeParameters, using } from "./batch-rows.ts";
import type { Parameter } from "./cassandra-session.ts";
import type { CassandraTables } from "./cassandra-tables.ts";
import { writeVisibly } from "./write-visibly.ts";

/** Never configurable: a chunk's key has to have one content, whoever writes it. */
const CHUNK_BYTES = 512 << 10;
/** Chunks in one Cassandra partition: 32 MiB, far below what its compactions like. */
const PART_CHUNKS = 64;
/** Of one batch on their way at once; the session bounds those of all batches. */
const AT_ONCE = 4;

const PART_IS = `${SCOPE_IS} AND start = ? AND digest = ? AND part = ?`;
const COLUMNS = "topic, topic_id, partition, branch, start, digest, part, chunk, size, data";

const chunkCount = (sizeBytes: number): number => Math.ceil(sizeBytes / CHUNK_BYTES);
const partOf = (chunk: number): number => Math.floor(chunk / PART_CHUNKS);
export const partCount = (sizeBytes: number): number =>
  Math.ceil(chunkCount(sizeBytes) / PART_CHUNKS);

const sizeOf = (d: Description, chunk: number): number =>
  Math.min(CHUNK_BYTES, d.seal.size - chunk * CHUNK_BYTES);

/** The first part of every chunk's key: two cuts of one start have other digests, and never mix. */
const partParameters = (d: Description, part: number): readonly Parameter[] => [
  ...scopeParameters(d),
  d.start,
  d.seal.digest,
  part,
];

/**
 * Stored files in chunks, under scope, start and digest of the whole file. What is not published
 * may be written again at any time; what is published is only ever filled in.
 */
export class ChunkStore {
  readonly #tables: CassandraTables;
  readonly #table: string;

  constructor(tables: CassandraTables) {
    this.#tables = tables;
    this.#table = `${tables.keyspace}.chunks`;
  }

  /** Writes all chunks and reads each back. `ttlS`: Cassandra drops them after so long. */
  async put(d: Description, bytes: Uint8Array, signal: AbortSignal, ttlS = 0): Promise<void> {
    await this.#forEach(
      d,
      (chunk, s) => this.#putChunk(d, chunk, pieceOf(bytes, chunk), s, ttlS),
      signal,
    );
  }

  /** Whether what is stored is exactly these bytes; chunks that are gone are written again. */
  async mend(d: Description, bytes: Uint8Array, signal: AbortSignal): Promise<boolean> {
    let same = true;
    const mendChunk = async (chunk: number, s: AbortSignal): Promise<void> => {
      const stored = await this.get(d, chunk, s);
      const piece = pieceOf(bytes, chunk);
      if (stored === undefined) await this.#putChunk(d, chunk, piece, s);
      else if (!stored.equals(piece)) same = false;
    };
    await this.#forEach(d, mendChunk, signal);
    return same;
  }

  async get(d: Description, chunk: number, signal: AbortSignal): Promise<Buffer | undefined> {
    const [row] = await this.#tables.session.chunk(
      `reading chunk ${chunk} of ${d.seal.path}`,
      {
        cql: `SELECT data FROM ${this.#table} WHERE ${PART_IS} AND chunk = ?`,
        parameters: [...partParameters(d, partOf(chunk)), chunk],
      },
      signal,
    );
    const data: unknown = row?.["data"];
    return Buffer.isBuffer(data) ? data : undefined;
  }

  /**
   * Bytes [from, to), a few chunks ahead of the reader; rejects with `sealed-invalid` at a chunk
   * that is gone.
   */
  async *read(
    d: Description,
    from: number,
    to: number,
    signal: AbortSignal,
  ): AsyncGenerator<Uint8Array> {
    assert(from >= 0 && to <= d.seal.size, `${d.seal.path} has no bytes ${from} to ${to}`);
    const first = Math.floor(from / CHUNK_BYTES);
    for await (const { chunk, data } of this.#ahead(d, first, chunkCount(to), signal)) {
      if (data?.length !== sizeOf(d, chunk)) throw absent(d, chunk, data?.length);
      const at = chunk * CHUNK_BYTES;
      yield data.subarray(Math.max(0, from - at), Math.min(data.length, to - at));
    }
  }

  /** Why what is stored cannot be this file; `bytes` reads and hashes all of it. */
  async problem(
    d: Description,
    evidence: "cheap" | "bytes",
    signal: AbortSignal,
  ): Promise<string | undefined> {
    const wrong = await this.#sizeProblem(d, signal);
    if (wrong !== undefined || evidence === "cheap") return wrong;
    const found = this.#found(d, signal);
    const digest = await blake3HexOf(found);
    if (digest === d.seal.digest) return undefined;
    return `${d.seal.path} has digest ${digest}, its description says ${d.seal.digest}`;
  }

  async #sizeProblem(d: Description, signal: AbortSignal): Promise<string | undefined> {
    const sizes = new Map<number, unknown>();
    for (let part = 0; part < partCount(d.seal.size); part++) {
      const parameters = partParameters(d, part);
      const cql = `SELECT chunk, size FROM ${this.#table} WHERE ${PART_IS}`;
      const rows = await this.#tables.read("looking at chunks", { cql, parameters }, signal);
      for (const { chunk, size } of rows) sizes.set(Number(chunk), size);
    }
    for (let chunk = 0; chunk < chunkCount(d.seal.size); chunk++) {
      if (!sizes.has(chunk)) return `chunk ${chunk} of ${d.seal.path} is gone`;
      const size = sizes.get(chunk);
      if (size !== sizeOf(d, chunk)) {
        return `chunk ${chunk} of ${d.seal.path} has ${String(size)} bytes, not ${sizeOf(d, chunk)}`;
      }
    }
    return undefined;
  }

  async *#found(d: Description, signal: AbortSignal): AsyncGenerator<Uint8Array> {
    for await (const { data } of this.#ahead(d, 0, chunkCount(d.seal.size), signal)) {
      if (data !== undefined) yield data;
    }
  }

  async *#ahead(
    d: Description,
    first: number,
    end: number,
    signal: AbortSignal,
  ): AsyncGenerator<{ readonly chunk: number; readonly data: Buffer | undefined }> {
    const ended = new AbortController();
    const both = AbortSignal.any([signal, ended.signal]);
    // Settled, because one may fail while nobody waits for it yet.
    const coming: Promise<PromiseSettledResult<Buffer | undefined>[]>[] = [];
    try {
      for (let chunk = first; chunk < end; chunk++) {
        for (let next = chunk + coming.length; coming.length < AT_ONCE && next < end; next++) {
          coming.push(Promise.allSettled([this.get(d, next, both)]));
        }
        const [got] = (await coming.shift()) ?? [];
        if (got?.status === "rejected") throw got.reason;
        yield { chunk, data: got?.value };
      }
    } finally {
      ended.abort(new Error("the reader is done"));
      await Promise.all(coming);
    }
  }

  async #putChunk(
    d: Description,
    chunk: number,
    piece: Buffer,
    signal: AbortSignal,
    ttlS = 0,
  ): Promise<void> {
    const cql = `INSERT INTO ${this.#table} (${COLUMNS}) VALUES (${"?, ".repeat(9)}?)${using(ttlS)}`;
    const parameters = [...partParameters(d, partOf(chunk)), chunk, piece.length, piece];
    const what = `chunk ${chunk} of ${d.seal.path}`;
    await writeVisibly(
      what,
      (timestampUs) =>
        this.#tables.session.chunk(`writing ${what}`, { cql, parameters, timestampUs }, signal),
      async () => (await this.get(d, chunk, signal))?.equals(piece) === true,
    );
  }

  async #forEach(
    d: Description,
    act: (chunk: number, signal: AbortSignal) => Promise<void>,
    signal: AbortSignal,
  ): Promise<void> {
    const failed = new AbortController();
    const both = AbortSignal.any([signal, failed.signal]);
    let next = 0;
    const lane = async (): Promise<void> => {
      try {
        while (next < chunkCount(d.seal.size)) await act(next++, both);
      } catch (error) {
        failed.abort(error);
        throw error;
      }
    };
    const lanes = await Promise.allSettled(Array.from({ length: AT_ONCE }, lane));
    signal.throwIfAborted();
    if (failed.signal.aborted) throw failed.signal.reason;
    assert(
      lanes.every((l) => l.status === "fulfilled"),
      "every lane ended well",
    );
  }
}

/** A view, also on shared memory: nothing is copied here. */
function pieceOf(bytes: Uint8Array, chunk: number): Buffer {
  const at = chunk * CHUNK_BYTES;
  const size = Math.min(CHUNK_BYTES, bytes.length - at);
  return Buffer.from(bytes.buffer, bytes.byteOffset + at, size);
}

/** Not an answer for now: a chunk that a quorum does not have is gone. */
const absent = (d: Description, chunk: number, length: number | undefined): ArchiverError => {
  const is = length === undefined ? "is gone" : `has ${length} bytes, not ${sizeOf(d, chunk)}`;
  return new ArchiverError("sealed-invalid", `chunk ${chunk} of ${d.seal.path} ${is}`);
};
