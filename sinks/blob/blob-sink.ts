import { assert } from "../../src/core/assert.ts";
import type { Description, Manifest } from "../../src/core/description.ts";
import { blake3Hex } from "../../src/core/digest.ts";
import { manifestPath } from "../../src/core/layout.ts";
import {
  descriptionOf,
  encodeDescription,
  encodeManifest,
  parseDescription,
  parseManifest,
} from "../../src/core/manifest.ts";
import type { BatchKey, Scope } from "../../src/core/scope.ts";
import type { BlobStore } from "../../src/sdk/blob-store.ts";
import type { Documents } from "../../src/sdk/documents.ts";
import {
  encodeIdentity,
  IDENTITY_PATH,
  MAX_IDENTITY_BYTES,
  parseIdentity,
} from "../../src/sdk/identity.ts";
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
import { blobDocuments } from "./blob-documents.ts";
import { floor, list, scopes } from "./blob-listing.ts";
import { describedBy, type Evidence, findData, type Found, look, readManifest } from "./look.ts";
import { mendStored } from "./mend.ts";
import { probe } from "./probe.ts";
import { createAmendment, formsOf, readAmendments } from "./amendments.ts";
import { readWhole, storedEquals } from "./read-whole.ts";
import { refusedOr } from "./refused.ts";
import { rewrapStored } from "./rewrap.ts";
import { expireBatch, removeBatch, setBatchAside } from "./set-aside.ts";

export interface BlobSinkOptions {
  readonly store: BlobStore;
  readonly capabilities: Capabilities;
  /** Age from which leftovers in `tmp/` are removed, when an archive is claimed. */
  readonly tmpMaxAgeMs: number;
  /** What `check` says about this store besides the probe. */
  readonly findings?: (signal: AbortSignal) => Promise<readonly Finding[]>;
}

/** The layout of docs/format.md over any `BlobStore`. */
export class BlobSink implements Sink {
  readonly capabilities: Capabilities;
  readonly documents: Documents;
  /** Operator commands; absent where the capabilities say so. */
  readonly setAside?: (key: BatchKey, seen: Tag, signal: AbortSignal) => Promise<void>;
  readonly mend?: NonNullable<Sink["mend"]>;
  readonly remove?: (key: BatchKey, seen: Tag, signal: AbortSignal) => Promise<void>;
  readonly expire?: (
    key: BatchKey,
    seen: Tag,
    signal: AbortSignal,
  ) => Promise<"expired" | "locked">;
  readonly amend?: NonNullable<Sink["amend"]>;
  readonly rewrap?: NonNullable<Sink["rewrap"]>;
  readonly #store: BlobStore;
  readonly #options: BlobSinkOptions;

  constructor(options: BlobSinkOptions) {
    this.capabilities = options.capabilities;
    this.#store = options.store;
    this.documents = blobDocuments(options.store);
    this.#options = options;
    const { store, capabilities } = options;
    if (capabilities.setAside) {
      this.setAside = (key, seen, signal) => setBatchAside(store, key, seen, signal);
    }
    if (capabilities.setAside && store.replace !== undefined) {
      this.mend = (batch, manifest, sure, signal) =>
        mendStored(store, batch, manifest, sure, signal);
    }
    if (capabilities.remove) {
      this.remove = (key, seen, signal) => removeBatch(store, key, seen, signal);
    }
    if (capabilities.remove || store.expire !== undefined) {
      this.expire = (key, seen, signal) => expireBatch(store, key, seen, signal);
    }
    const { setAside, remove, createOnly } = capabilities;
    // Where a name can be created twice an amendment could be another for each reader.
    if (setAside && remove && createOnly === "atomic") {
      this.amend = (key, amendment, signal) => createAmendment(store, key, amendment, signal);
      this.rewrap = (key, make, signal) => rewrapStored(store, key, make, signal);
    }
  }

  async check(signal: AbortSignal): Promise<readonly Finding[]> {
    const found = (await this.#options.findings?.(signal)) ?? [];
    // A store that could not be asked will not be written to either: one cause, one finding.
    if (found.some((f) => f.level === "error" && f.code.startsWith("sink-"))) return found;
    return [...found, ...(await probe(this.#store, signal))];
  }

  async claim(identity: ArchiveIdentity, signal: AbortSignal): Promise<ArchiveIdentity> {
    this.#store.relyOnHeads?.();
    const there = (await this.identity(signal)) ?? (await this.#begin(identity, signal));
    await this.#store.sweep?.(
      this.#options.tmpMaxAgeMs,
      (about) => this.#disposable(about, signal),
      signal,
    );
    return there;
  }

  async identity(signal: AbortSignal): Promise<ArchiveIdentity | undefined> {
    const stored = await readWhole(this.#store, IDENTITY_PATH, MAX_IDENTITY_BYTES, signal);
    return stored === undefined ? undefined : parseIdentity(stored);
  }

  async publish(batch: SealedBatch, signal: AbortSignal): Promise<Published> {
    const { description, bytes } = batch;
    const { seal } = description;
    assert(
      bytes.length === seal.size,
      `${description.batchId}: ${bytes.length} bytes, not ${seal.size}`,
    );
    const about = Buffer.from(encodeDescription(description), "utf8");
    const { maxBatchBytes } = this.capabilities;
    if (bytes.length > maxBatchBytes) {
      const text = `${seal.path}: ${bytes.length} bytes, at most ${maxBatchBytes} fit`;
      throw new SinkError("sink-permanent", text);
    }
    const [found] = await findData(this.#store, description, signal);
    if (found !== undefined) {
      const answer = await this.#compare(batch, found, signal);
      if (answer !== undefined) return answer;
    }
    // A name that was there with our bytes and lost its description comes here too, to get one.
    const blob = { bytes, digest: seal.digest, about };
    if ((await this.#store.create(seal.path, blob, signal)) === "created")
      return { outcome: "created" };
    const head = await this.#store.head(seal.path, signal);
    if (head === undefined) throw vanished(seal.path);
    const stored = { ...head, path: seal.path };
    return (await this.#compare(batch, stored, signal)) ?? { outcome: "equal" };
  }

  async describe(manifest: Manifest, signal: AbortSignal): Promise<Published> {
    const text = encodeManifest(manifest);
    const { seal } = manifest;
    const data = await this.#store.head(seal.path, signal);
    if (data?.size !== seal.size && !(await this.#isAmended(manifest, data?.size, signal))) {
      // A manifest means that the data is there, so it is never written on hope.
      const state = await look(this.#store, manifest, "bytes", signal);
      if (state.is === "absent") throw vanished(seal.path);
      return { outcome: "different", state };
    }
    const bytes = Buffer.from(text, "utf8");
    const path = manifestPath(manifest);
    const created = await this.#store.create(path, { bytes, digest: blake3Hex(bytes) }, signal);
    if (created === "created" || (await storedEquals(this.#store, path, bytes, signal))) {
      this.#store.forget?.(seal.path, seal.digest);
      return { outcome: created === "created" ? "created" : "equal" };
    }
    return { outcome: "different", state: await look(this.#store, manifest, "bytes", signal) };
  }

  amendments(key: BatchKey, signal: AbortSignal): Promise<readonly Uint8Array[]> {
    return readAmendments(this.#store, key, signal);
  }

  stat(key: BatchKey, evidence: Evidence, signal: AbortSignal): Promise<State> {
    return look(this.#store, key, evidence, signal);
  }

  floor(scope: Scope, offset: bigint, signal: AbortSignal): Promise<Manifest | undefined> {
    return floor(this.#store, scope, offset, signal);
  }

  list(scope: Scope, from: bigint, signal: AbortSignal): AsyncIterable<Listed> {
    return list(this.#store, scope, from, signal);
  }

  scopes(signal: AbortSignal): AsyncIterable<Scope> {
    return scopes(this.#store, signal);
  }

  manifest(key: BatchKey, signal: AbortSignal): Promise<Uint8Array | undefined> {
    return readManifest(this.#store, key, signal);
  }

  read(description: Description, range: ByteRange, signal: AbortSignal): AsyncIterable<Uint8Array> {
    const { path, size } = description.seal;
    return this.#store.get(path, range.from, range.to ?? size, signal);
  }

  close(): Promise<void> {
    return this.#store.close();
  }

  async #begin(identity: ArchiveIdentity, signal: AbortSignal): Promise<ArchiveIdentity> {
    const bytes = Buffer.from(encodeIdentity(identity), "utf8");
    await this.#store.create(IDENTITY_PATH, { bytes, digest: blake3Hex(bytes) }, signal);
    const there = await this.identity(signal);
    if (there === undefined) throw vanished(IDENTITY_PATH);
    return there;
  }

  /**
   * Equal bytes are not yet the same batch: two cuts that differ only in offsets without records
   * (aborted, control) have the same bytes and another end. So what describes the stored bytes has
   * to be equal as well. Undefined: our bytes, and nothing describes them.
   */
  async #compare(
    batch: SealedBatch,
    found: Found,
    signal: AbortSignal,
  ): Promise<Published | undefined> {
    const { description, bytes } = batch;
    const { path, digest } = description.seal;
    if (found.path === path && (await storedEquals(this.#store, path, bytes, signal))) {
      const stored = await this.#described(description, found, digest, signal);
      if (stored === undefined) return undefined;
      if (
        typeof stored !== "string" &&
        encodeDescription(stored) === encodeDescription(description)
      ) {
        return { outcome: "equal" };
      }
    }
    const state = await look(this.#store, description, "bytes", signal);
    if (state.is === "absent") throw vanished(found.path);
    return { outcome: "different", state };
  }

  /** What describes data whose bytes are known: its manifest, else what was stored with it. */
  async #described(
    key: BatchKey,
    found: Found,
    digest: string,
    signal: AbortSignal,
  ): Promise<Description | string | undefined> {
    // Twice, because the manifest may come and the description go between the two looks.
    for (let i = 0; i < 2; i++) {
      const manifest = await readManifest(this.#store, key, signal);
      if (manifest !== undefined) return this.#ofManifest(manifest, digest, signal);
      const about = await describedBy(this.#store, key, found, signal, () =>
        Promise.resolve(digest),
      );
      if (about !== undefined) return about;
    }
    return undefined;
  }

  /** As amended, where the bytes are not those that the manifest itself describes. */
  async #ofManifest(
    stored: Uint8Array,
    digest: string,
    signal: AbortSignal,
  ): Promise<Description | string> {
    const manifest = refusedOr(() => parseManifest(stored));
    if (typeof manifest === "string") return manifest;
    if (manifest.seal.digest === digest) return descriptionOf(manifest);
    const forms = await formsOf(this.#store, manifest, signal);
    if (typeof forms === "string") return forms;
    return descriptionOf(forms.find((form) => form.seal.digest === digest) ?? manifest);
  }

  async #isAmended(m: Manifest, size: number | undefined, signal: AbortSignal): Promise<boolean> {
    const forms = await formsOf(this.#store, m, signal);
    return typeof forms !== "string" && forms.some((form) => form.seal.size === size);
  }

  /** A description may go when its data never came, or when a manifest holds it. */
  async #disposable(about: Uint8Array, signal: AbortSignal): Promise<boolean> {
    const description = refusedOr(() => parseDescription(about));
    if (typeof description === "string") return false;
    if ((await this.#store.head(description.seal.path, signal)) === undefined) return true;
    return (await this.#store.head(manifestPath(description), signal)) !== undefined;
  }
}

const vanished = (path: string): SinkError =>
  new SinkError("sink-transient", `${path} was answered as existing and is not there`);
