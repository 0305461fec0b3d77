import { MAX_MANIFEST_BYTES } from "../../src/core/manifest-schema.ts";
import type { BlobHead, BlobStore, ListedBlob, NewBlob } from "../../src/sdk/blob-store.ts";
import { SinkError } from "../../src/sdk/sink-error.ts";
import { readWhole, storedEquals } from "../blob/read-whole.ts";
import { aboutOf, aboutPath, aboutValue } from "./s3-about.ts";
import type { S3Bucket } from "./s3-bucket.ts";
import { S3Creator } from "./s3-create.ts";
import { answered } from "./s3-error.ts";
import { holdsBytes, isMd5 } from "./s3-evidence.ts";
import { greatestPath } from "./s3-greatest.ts";
import { type Honoured, notRemoved, S3IfMatch, unseen } from "./s3-if-match.ts";
import { type ListedObject, versionPages } from "./s3-listing.ts";
import type { S3Objects, StoredObject } from "./s3-objects.ts";
import { type CreateOnlyProof, PROBE_PATH } from "./s3-probe.ts";
import type { S3Config } from "./s3-schema.ts";
import { CurrentView, OldestView, type S3View } from "./s3-view.ts";

export interface S3StoreParts {
  readonly bucket: S3Bucket;
  readonly objects: S3Objects;
  readonly proof: CreateOnlyProof;
  readonly createOnly: S3Config["createOnly"];
}

/**
 * The blob verbs on S3: one PUT with `If-None-Match: *` makes a blob and its description visible
 * and durable at once, so there is no temporary name. The description is user metadata of the same
 * object; one that does not fit in there is an object of its own, written before.
 */
export class S3Store implements BlobStore {
  readonly #bucket: S3Bucket;
  readonly #objects: S3Objects;
  readonly #proof: CreateOnlyProof;
  readonly #view: S3View;
  readonly #oldest: boolean;
  readonly #creator: S3Creator;
  readonly #ifMatch: S3IfMatch;

  constructor({ bucket, objects, proof, createOnly }: S3StoreParts) {
    this.#bucket = bucket;
    this.#objects = objects;
    this.#proof = proof;
    this.#oldest = createOnly === "oldest-version";
    this.#view = this.#oldest ? new OldestView(bucket, objects) : new CurrentView(bucket, objects);
    this.#creator = new S3Creator(createOnly, objects, this.#view);
    const holds = (path: string, bytes: Uint8Array, signal: AbortSignal): Promise<boolean> =>
      storedEquals(this, path, bytes, signal);
    this.#ifMatch = new S3IfMatch({ objects, view: this.#view, proof, holds });
  }

  async create(path: string, blob: NewBlob, signal: AbortSignal): Promise<"created" | "exists"> {
    await this.#proof.proven(signal);
    const { bytes, digest, about } = blob;
    if (about === undefined) return this.#creator.create(path, { bytes }, signal);
    const value = aboutValue(about);
    if (value !== undefined) {
      const outcome = await this.#creator.create(path, { bytes, about: value }, signal);
      if (outcome === "exists") await this.#describeAgain(path, blob, signal);
      return outcome;
    }
    const ours = await this.#putAside(aboutPath(path, digest), about, signal);
    const outcome = await this.#creator.create(path, { bytes }, signal);
    return ours ? outcome : "exists";
  }

  async head(path: string, signal: AbortSignal): Promise<BlobHead | undefined> {
    const found = await this.#view.head(path, signal);
    return found === undefined ? undefined : { size: found.size, tag: tagOf(found) };
  }

  async *get(
    path: string,
    from: number,
    to: number,
    signal: AbortSignal,
  ): AsyncIterable<Uint8Array> {
    const version = await this.#view.version(path, signal);
    if (version === undefined) throw new SinkError("sink-transient", `${path} is absent`);
    yield* this.#objects.get(path, version.id, { from, to }, signal);
  }

  async about(
    path: string,
    digest: () => Promise<string>,
    signal: AbortSignal,
  ): Promise<Uint8Array | undefined> {
    const value = (await this.#view.find(path, signal))?.about;
    if (value !== undefined) return aboutOf(value);
    return readWhole(this, aboutPath(path, await digest()), MAX_MANIFEST_BYTES, signal);
  }

  async holds(path: string, bytes: Uint8Array, signal: AbortSignal): Promise<boolean | undefined> {
    const found = await this.#view.find(path, signal);
    return found === undefined ? false : holdsBytes(found, bytes);
  }

  async *list(
    folder: string,
    after: string | undefined,
    signal: AbortSignal,
  ): AsyncIterable<ListedBlob> {
    for await (const object of this.#view.list(`${folder}/`, after, signal)) {
      const { path, size, etag } = object;
      yield { path, size, tag: tagOf(object), ...(isMd5(etag) ? { md5: etag } : {}) };
    }
  }

  async *startingWith(
    folder: string,
    prefix: string,
    signal: AbortSignal,
  ): AsyncIterable<BlobHead & { path: string }> {
    for await (const object of this.#view.list(`${folder}/${prefix}`, undefined, signal)) {
      yield { path: object.path, size: object.size, tag: tagOf(object) };
    }
  }

  async *folders(folder: string, signal: AbortSignal): AsyncIterable<string> {
    const begin = `${folder}/`;
    for await (const name of this.#view.folders(begin, signal)) {
      yield name.slice(begin.length, -1);
    }
  }

  greatest(
    folder: string,
    upTo: string,
    accepts: (name: string) => boolean,
    signal: AbortSignal,
  ): Promise<string | undefined> {
    const from = (after: string) => this.#view.pages(`${folder}/`, after, signal);
    return greatestPath(from, folder, upTo, accepts);
  }

  async sweep(
    ageMs: number,
    disposable: (about: Uint8Array) => Promise<boolean>,
    signal: AbortSignal,
  ): Promise<number> {
    let removed = 0;
    for await (const object of this.#view.list("tmp/", undefined, signal)) {
      const young = Date.now() - object.modifiedMs < ageMs;
      if (young || object.path === PROBE_PATH) continue;
      try {
        if (await this.#sweepOne(object, disposable, signal)) removed += 1;
      } catch (error) {
        // Keys that may write and not remove are the safe ones; leftovers then stay.
        if (answered(error, 403)) return removed;
        throw error;
      }
    }
    return removed;
  }

  async replace(path: string, bytes: Uint8Array, tag: string, signal: AbortSignal): Promise<void> {
    this.#refuseOnVersions(path);
    await this.#ifMatch.replace(path, bytes, tag, signal);
  }

  /** Whether `replace` can do anything here. */
  honoursIfMatch(signal: AbortSignal): Promise<Honoured> {
    return this.#ifMatch.tried(signal);
  }

  /**
   * Copied first, so that at no instant the object is in neither place; by reading and writing,
   * because Ceph copies nothing that it encrypted, and ignores conditions on a copy.
   */
  async move(from: string, to: string, tag: string, signal: AbortSignal): Promise<void> {
    this.#refuseOnVersions(from);
    const found = await this.#view.find(from, signal);
    if (found === undefined || tagOf(found) !== tag) throw unseen(from);
    const bytes = await readWhole(this, from, found.size, signal);
    if (bytes === undefined || holdsBytes(found, bytes) === false) throw unseen(from);
    const { about } = found;
    const blob = about === undefined ? { bytes } : { bytes, about };
    const outcome = await this.#creator.create(to, blob, signal);
    // A move that was interrupted here goes on.
    if (outcome === "exists" && (await this.holds(to, bytes, signal)) !== true) {
      throw new SinkError("sink-permanent", `cannot move ${from}: ${to} is there already`);
    }
    await this.#assertSeen(from, tag, signal);
    if (!(await this.#ifMatch.remove(from, tag, signal))) throw notRemoved(from);
  }

  async remove(path: string, tag: string, signal: AbortSignal): Promise<void> {
    this.#refuseOnVersions(path);
    await this.#assertSeen(path, tag, signal);
    if (!(await this.#removeAll(path, tag, signal))) throw notRemoved(path);
  }

  /** All versions, the oldest last: as long as any is there, the batch is what it was. */
  async expire(path: string, tag: string, signal: AbortSignal): Promise<"expired" | "locked"> {
    await this.#assertSeen(path, tag, signal);
    // A later one that is locked could not be removed, and with the older ones gone would be the batch.
    for await (const version of this.#versionsOf(path, signal))
      if (await this.#objects.locked(path, version, signal)) return "locked";
    if (!(await this.#removeAll(path, tag, signal))) throw notRemoved(path);
    return "expired";
  }

  close(): Promise<void> {
    this.#bucket.close();
    return Promise.resolve();
  }

  /** False when another description of the same bytes at the same path was stored first. */
  async #putAside(path: string, about: Uint8Array, signal: AbortSignal): Promise<boolean> {
    if ((await this.#creator.create(path, { bytes: about }, signal)) === "created") return true;
    const stored = await readWhole(this, path, MAX_MANIFEST_BYTES, signal);
    return stored !== undefined && Buffer.compare(stored, about) === 0;
  }

  /** Our bytes that lost their metadata, as after a copy by another tool, are described anew. */
  async #describeAgain(path: string, blob: NewBlob, signal: AbortSignal): Promise<void> {
    const { bytes, digest, about } = blob;
    const found = await this.#view.find(path, signal);
    if (about === undefined || found === undefined || found.about !== undefined) return;
    if (holdsBytes(found, bytes) === true)
      await this.#putAside(aboutPath(path, digest), about, signal);
  }

  /** A description only when it is disposable, before and after: its data may come in between. */
  async #sweepOne(
    { path, etag }: ListedObject,
    disposable: (about: Uint8Array) => Promise<boolean>,
    signal: AbortSignal,
  ): Promise<boolean> {
    if (!path.endsWith(".about")) return this.#removeAll(path, etag, signal);
    const about = await readWhole(this, path, MAX_MANIFEST_BYTES, signal);
    if (about === undefined || !(await disposable(about))) return false;
    if (!(await this.#removeAll(path, etag, signal))) return false;
    if (await disposable(about)) return true;
    await this.#creator.create(path, { bytes: about }, signal);
    return false;
  }

  /** Where only the current one counts, what is seen as `tag`; false when it stays. */
  async #removeAll(path: string, tag: string, signal: AbortSignal): Promise<boolean> {
    if (!this.#oldest) return this.#ifMatch.remove(path, tag, signal);
    for await (const versionId of this.#versionsOf(path, signal))
      await this.#objects.remove(path, { versionId }, signal);
    return true;
  }

  /** The newest first; undefined where only the current one counts. */
  async *#versionsOf(path: string, signal: AbortSignal): AsyncGenerator<string | undefined> {
    if (!this.#oldest) return yield undefined;
    for await (const { objects } of versionPages(this.#bucket, { begin: path }, signal))
      for (const object of objects) if (object.path === path) yield object.versionId;
  }

  async #assertSeen(path: string, tag: string, signal: AbortSignal): Promise<void> {
    const found = await this.#view.head(path, signal);
    if (found !== undefined && tagOf(found) === tag) return;
    throw unseen(path);
  }

  /** The oldest version is the batch: with it gone a later one would become the batch. */
  #refuseOnVersions(path: string): void {
    if (!this.#oldest || path.startsWith("tmp/")) return;
    const text = `${path}: with createOnly: oldest-version nothing is moved or removed`;
    throw new SinkError("sink-permanent", text);
  }
}

const tagOf = ({ etag }: Pick<StoredObject, "etag">): string => etag;
