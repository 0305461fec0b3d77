import { assert } from "../../src/core/assert.ts";
import type { Description, Manifest } from "../../src/core/description.ts";
import { encodeDescription, encodeManifest } from "../../src/core/manifest.ts";
import type { BatchKey, Scope } from "../../src/core/scope.ts";
import { encodeIdentity, IDENTITY_PATH, parseIdentity } from "../../src/sdk/identity.ts";
import type {
  ArchiveIdentity,
  ByteRange,
  Capabilities,
  Finding,
  Listed,
  Published,
  SealedBatch,
  Sink,
  State,
  Tag,
} from "../../src/sdk/sink.ts";
import { SinkError } from "../../src/sdk/sink-error.ts";
import { floor, list } from "./batch-listing.ts";
import { type BatchRow, BatchRows } from "./batch-rows.ts";
import { described, type Evidence, stateOf } from "./batch-state.ts";
import { checkCassandra } from "./cassandra-check.ts";
import type { CassandraTables } from "./cassandra-tables.ts";
import { ChunkStore } from "./chunk-store.ts";
import { Folders } from "./folders.ts";
import { removeBatch, setBatchAside } from "./set-aside.ts";

const CAPABILITIES: Capabilities = {
  accepts: "sealed",
  createOnly: "atomic",
  setAside: true,
  remove: true,
  backfill: "anywhere",
  evidence: "read-back",
  maxBatchBytes: 2 ** 31 - 1,
};

/** Sealed batches in the tables of docs/sinks/cassandra.md. */
export class CassandraSink implements Sink {
  readonly capabilities = CAPABILITIES;
  readonly #tables: CassandraTables;
  readonly #rows: BatchRows;
  readonly #chunks: ChunkStore;
  readonly #folders: Folders;

  constructor(tables: CassandraTables) {
    this.#tables = tables;
    this.#rows = new BatchRows(tables);
    this.#chunks = new ChunkStore(tables);
    this.#folders = new Folders(tables);
  }

  check(signal: AbortSignal): Promise<readonly Finding[]> {
    const parts = { tables: this.#tables, rows: this.#rows, chunks: this.#chunks };
    return checkCassandra(parts, signal);
  }

  async claim(identity: ArchiveIdentity, signal: AbortSignal): Promise<ArchiveIdentity> {
    await this.#tables.ensure(signal);
    const there = await this.identity(signal);
    if (there !== undefined) return there;
    const cql = `INSERT INTO ${this.#tables.keyspace}.archive (name, content) VALUES (?, ?) IF NOT EXISTS`;
    const parameters = [IDENTITY_PATH, encodeIdentity(identity)];
    await this.#tables.write("claiming the archive", { cql, parameters }, signal);
    const claimed = await this.identity(signal);
    if (claimed === undefined) throw vanished(IDENTITY_PATH);
    return claimed;
  }

  async identity(signal: AbortSignal): Promise<ArchiveIdentity | undefined> {
    const cql = `SELECT content FROM ${this.#tables.keyspace}.archive WHERE name = ?`;
    const statement = { cql, parameters: [IDENTITY_PATH], serial: true };
    const [row] = await this.#tables.read("reading whose archive it is", statement, signal);
    const content: unknown = row?.["content"];
    if (typeof content !== "string") return undefined;
    this.#tables.seen();
    return parseIdentity(Buffer.from(content, "utf8"));
  }

  async publish(batch: SealedBatch, signal: AbortSignal): Promise<Published> {
    const { description, bytes } = batch;
    const { seal, batchId } = description;
    assert(bytes.length === seal.size, `${batchId}: ${bytes.length} bytes, not ${seal.size}`);
    if (bytes.length > CAPABILITIES.maxBatchBytes) {
      const text = `${seal.path}: ${bytes.length} bytes, at most ${CAPABILITIES.maxBatchBytes} fit`;
      throw new SinkError("sink-permanent", text);
    }
    const there = await this.#rows.read(description, "published", signal);
    if (there !== undefined) return this.#compare(batch, there, signal);
    await this.#chunks.put(description, bytes, signal);
    await this.#folders.add(description, signal);
    signal.throwIfAborted();
    const row = await this.#rows.create(description, signal);
    return row.ours ? { outcome: "created" } : this.#compare(batch, row, signal);
  }

  async describe(manifest: Manifest, signal: AbortSignal): Promise<Published> {
    const text = encodeManifest(manifest);
    const before = await this.#rows.read(manifest, "published", signal);
    if (before === undefined) throw vanished(manifest.seal.path);
    if (before.manifest === undefined) {
      // A manifest means that the data is there, so it is never written on hope.
      const state = await stateOf(this.#chunks, manifest, before, "cheap", signal);
      if (!isOf(state, manifest)) return { outcome: "different", state };
    }
    const row =
      before.manifest === undefined ? await this.#rows.describe(manifest, signal) : before;
    if (row === undefined) throw vanished(manifest.seal.path);
    if (row.manifest === text) return { outcome: row === before ? "equal" : "created" };
    if (row.manifest === undefined && row.digest === manifest.seal.digest) {
      throw new SinkError("sink-transient", `the manifest of ${manifest.seal.path} did not stay`);
    }
    const state = await stateOf(this.#chunks, manifest, row, "bytes", signal);
    return { outcome: "different", state };
  }

  async stat(key: BatchKey, evidence: Evidence, signal: AbortSignal): Promise<State> {
    const row = await this.#rows.read(key, "serial", signal);
    if (row === undefined) return { is: "absent" };
    return stateOf(this.#chunks, key, row, evidence, signal);
  }

  floor(scope: Scope, offset: bigint, signal: AbortSignal): Promise<Manifest | undefined> {
    return floor(this.#tables, this.#folders, scope, offset, signal);
  }

  list(scope: Scope, from: bigint, signal: AbortSignal): AsyncIterable<Listed> {
    return list(this.#tables, this.#folders, scope, from, signal);
  }

  scopes(signal: AbortSignal): AsyncIterable<Scope> {
    return this.#folders.scopes(signal);
  }

  async manifest(key: BatchKey, signal: AbortSignal): Promise<Uint8Array | undefined> {
    const text = (await this.#rows.read(key, "published", signal))?.manifest;
    return text === undefined ? undefined : Buffer.from(text, "utf8");
  }

  read(description: Description, range: ByteRange, signal: AbortSignal): AsyncIterable<Uint8Array> {
    const { size } = description.seal;
    return this.#chunks.read(description, range.from, range.to ?? size, signal);
  }

  setAside(key: BatchKey, seen: Tag, signal: AbortSignal): Promise<void> {
    return setBatchAside({ tables: this.#tables, rows: this.#rows }, key, seen, signal);
  }

  remove(key: BatchKey, seen: Tag, signal: AbortSignal): Promise<void> {
    return removeBatch({ tables: this.#tables, rows: this.#rows }, key, seen, signal);
  }

  close(): Promise<void> {
    return this.#tables.session.close();
  }

  /**
   * Equal bytes are not yet the same batch: the description has to be equal as well. Chunks that
   * are gone are put back: who holds the same bytes under the same description may do that.
   */
  async #compare(batch: SealedBatch, row: BatchRow, signal: AbortSignal): Promise<Published> {
    const { description, bytes } = batch;
    const there = described(description, row);
    if (
      typeof there !== "string" &&
      encodeDescription(there.description) === encodeDescription(description) &&
      (await this.#chunks.mend(description, bytes, signal))
    ) {
      await this.#folders.add(description, signal);
      return { outcome: "equal" };
    }
    const state = await stateOf(this.#chunks, description, row, "bytes", signal);
    return { outcome: "different", state };
  }
}

/** Whether the data that is there is what the manifest describes. */
function isOf(state: State, manifest: Manifest): boolean {
  return state.is === "data" && state.description.seal.digest === manifest.seal.digest;
}

const vanished = (path: string): SinkError =>
  new SinkError("sink-transient", `${path} was answered as existing and is not there`);
