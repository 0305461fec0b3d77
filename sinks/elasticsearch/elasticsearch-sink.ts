import type { Description, Manifest } from "../../src/core/description.ts";
import { ArchiverError } from "../../src/core/errors.ts";
import { manifestPath } from "../../src/core/layout.ts";
import {
  descriptionOf,
  encodeDescription,
  encodeManifest,
  parseDescription,
  parseManifest,
} from "../../src/core/manifest.ts";
import type { ArchivedRecord } from "../../src/core/record.ts";
import { batchId, type BatchKey, type Scope } from "../../src/core/scope.ts";
import { encodeIdentity, parseIdentity } from "../../src/sdk/identity.ts";
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
} from "../../src/sdk/sink.ts";
import { SinkError } from "../../src/sdk/sink-error.ts";
import { BatchDocuments, type StoredBatch } from "./batch-documents.ts";
import type { ElasticsearchConfig } from "./elasticsearch-schema.ts";
import { findings } from "./findings.ts";
import { Indices } from "./indices.ts";
import { RecordReader } from "./read-records.ts";
import type { SearchClient } from "./search-client.ts";
import { RecordWriter } from "./write-records.ts";

const capabilitiesOf = (mode: ElasticsearchConfig["mode"]): Capabilities => ({
  accepts: mode === "documents" ? "records" : "sealed",
  holds: mode === "documents" ? "records" : "manifests",
  createOnly: "atomic",
  primary: "when-alone",
  setAside: false,
  remove: false,
  backfill: "anywhere",
  evidence: "read-back",
  maxBatchBytes: Number.MAX_SAFE_INTEGER,
});

/** Elasticsearch: every record a document, or only what the archive holds. */
export class ElasticsearchSink implements Sink {
  readonly capabilities: Capabilities;
  readonly #config: ElasticsearchConfig;
  readonly #client: SearchClient;
  readonly #indices: Indices;
  readonly #batches: BatchDocuments;
  readonly #writer: RecordWriter;
  readonly #reader: RecordReader;

  constructor(config: ElasticsearchConfig, client: SearchClient) {
    this.capabilities = capabilitiesOf(config.mode);
    this.#config = config;
    this.#client = client;
    this.#indices = new Indices(config, client);
    this.#batches = new BatchDocuments(client, this.#indices);
    this.#writer = new RecordWriter(config, client, this.#indices);
    this.#reader = new RecordReader(client, this.#indices);
  }

  check(signal: AbortSignal): Promise<readonly Finding[]> {
    return findings(this.#client, this.#config, signal);
  }

  async claim(identity: ArchiveIdentity, signal: AbortSignal): Promise<ArchiveIdentity> {
    await this.#batches.begin(signal);
    const there = await this.identity(signal);
    if (there !== undefined) return there;
    await this.#batches.claim(encodeIdentity(identity), signal);
    const now = await this.identity(signal);
    if (now !== undefined) return now;
    throw new SinkError("sink-transient", "the archive document was created and is not there");
  }

  async identity(signal: AbortSignal): Promise<ArchiveIdentity | undefined> {
    const text = await this.#batches.identity(signal);
    return text === undefined ? undefined : parseIdentity(Buffer.from(text, "utf8"));
  }

  /** The batch's own document is last: until it is there, its records are only some documents. */
  async publish(batch: SealedBatch, signal: AbortSignal): Promise<Published> {
    const { description: d } = batch;
    const there = await this.#compared(d, signal);
    if (there !== undefined) return there;
    const written = this.#holdsRecords ? await this.#writer.write(batch, signal) : { rejected: 0 };
    const data = { text: encodeDescription(d), ...written };
    if (await this.#batches.create("data", d, data, signal)) return { outcome: "created" };
    const now = await this.#compared(d, signal);
    if (now !== undefined) return now;
    throw vanished(d);
  }

  async describe(manifest: Manifest, signal: AbortSignal): Promise<Published> {
    const text = encodeManifest(manifest);
    const about = encodeDescription(descriptionOf(manifest));
    const before = await this.#batches.get(manifest, signal);
    if (before.data === undefined) throw vanished(manifest);
    if (before.data.text === about) {
      if (before.manifest?.text === text) return { outcome: "equal" };
      const { rejected } = before.data;
      if (await this.#batches.create("manifest", manifest, { text, rejected }, signal))
        return { outcome: "created" };
      const now = await this.#batches.get(manifest, signal);
      if (now.manifest?.text === text) return { outcome: "equal" };
    }
    return { outcome: "different", state: await this.stat(manifest, "bytes", signal) };
  }

  async stat(key: BatchKey, evidence: "cheap" | "bytes", signal: AbortSignal): Promise<State> {
    const stored = await this.#batches.get(key, signal);
    const state = stateOf(key, stored);
    if (evidence === "cheap" || !this.#holdsRecords) return state;
    if (state.is !== "data" && state.is !== "whole") return state;
    const d = state.is === "data" ? state.description : state.manifest;
    const reason = await this.#reader.problem(d, stored.data ?? { rejected: 0 }, signal);
    return reason === undefined ? state : { is: "damaged", reason, tag: state.tag };
  }

  async floor(scope: Scope, offset: bigint, signal: AbortSignal): Promise<Manifest | undefined> {
    const text = await this.#batches.floor(scope, offset, signal);
    return text === undefined ? undefined : parseManifest(Buffer.from(text, "utf8"));
  }

  async *list(scope: Scope, from: bigint, signal: AbortSignal): AsyncGenerator<Listed> {
    let open: Listed | undefined;
    for await (const { kind, start, path, size } of this.#batches.list(scope, from, signal)) {
      if (open !== undefined && open.start !== start) yield open;
      const before = open?.start === start ? open : { start };
      const manifest = { path: manifestPath({ ...scope, start }) };
      open = kind === "data" ? { ...before, data: { path, size } } : { ...before, manifest };
    }
    if (open !== undefined) yield open;
  }

  scopes(signal: AbortSignal): AsyncIterable<Scope> {
    return this.#batches.scopes(signal);
  }

  async manifest(key: BatchKey, signal: AbortSignal): Promise<Uint8Array | undefined> {
    const { manifest } = await this.#batches.get(key, signal);
    return manifest === undefined ? undefined : Buffer.from(manifest.text, "utf8");
  }

  // oxlint-disable-next-line require-yield -- there is no file
  async *read(d: Description, _range: ByteRange, signal: AbortSignal): AsyncGenerator<Uint8Array> {
    await Promise.resolve();
    signal.throwIfAborted();
    throw new SinkError("sink-permanent", `${batchId(d)}: this sink holds no files`);
  }

  async *readRecords(
    key: BatchKey,
    signal: AbortSignal,
  ): AsyncGenerator<readonly ArchivedRecord[]> {
    const stored = await this.#batches.get(key, signal);
    const state = stateOf(key, stored);
    if (state.is === "absent") throw vanished(key);
    if (state.is === "damaged" || !this.#holdsRecords) {
      const why = state.is === "damaged" ? state.reason : "this sink holds manifests only";
      throw new SinkError("sink-permanent", `${batchId(key)}: ${why}`);
    }
    const d = state.is === "data" ? state.description : state.manifest;
    yield* this.#reader.read(d, stored.data?.rejected ?? 0, signal);
  }

  close(): Promise<void> {
    return this.#client.close();
  }

  get #holdsRecords(): boolean {
    return this.#config.mode === "documents";
  }

  /** Undefined when nothing is there; equal only when the documents are there too. */
  async #compared(d: Description, signal: AbortSignal): Promise<Published | undefined> {
    const state = await this.stat(d, "bytes", signal);
    if (state.is === "absent") return undefined;
    if (state.is === "damaged") return { outcome: "different", state };
    const there = state.is === "data" ? state.description : descriptionOf(state.manifest);
    const equal = encodeDescription(there) === encodeDescription(d);
    return equal ? { outcome: "equal" } : { outcome: "different", state };
  }
}

/** What lies there is a claim: its text is checked as that of a file would be. */
function stateOf(key: BatchKey, { data, manifest }: StoredBatch): State {
  if (data === undefined && manifest === undefined) return { is: "absent" };
  const tag = [data?.tag, manifest?.tag].join("/");
  if (data === undefined) {
    return { is: "damaged", reason: `${batchId(key)}: a manifest without data`, tag };
  }
  try {
    const description = parseDescription(Buffer.from(data.text, "utf8"));
    if (description.batchId !== batchId(key)) {
      const reason = `${description.batchId} stands under ${batchId(key)}`;
      return { is: "damaged", reason, tag };
    }
    if (manifest === undefined) return { is: "data", description, tag };
    const whole = parseManifest(Buffer.from(manifest.text, "utf8"));
    if (encodeDescription(descriptionOf(whole)) === data.text)
      return { is: "whole", manifest: whole, tag };
    return { is: "damaged", reason: `${batchId(key)}: the manifest describes other data`, tag };
  } catch (error) {
    if (!(error instanceof ArchiverError) || error.code !== "manifest-invalid") throw error;
    return { is: "damaged", reason: `${batchId(key)}: ${error.message}`, tag };
  }
}

const vanished = (key: BatchKey): SinkError =>
  new SinkError("sink-transient", `${batchId(key)} has no document in the batches index`);
