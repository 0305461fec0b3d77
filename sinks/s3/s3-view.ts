import type { S3Bucket } from "./s3-bucket.ts";
import { type ListedObject, type Page, pages, versionPages } from "./s3-listing.ts";
import type { S3Objects, StoredObject } from "./s3-objects.ts";

/** Which version of an object is the object. */
export interface S3View {
  /** What counts as the object. */
  head(path: string, signal: AbortSignal): Promise<Pick<StoredObject, "size" | "etag"> | undefined>;
  /** The same with its metadata. */
  find(path: string, signal: AbortSignal): Promise<StoredObject | undefined>;
  /** The version to read, if anything counts as the object; its own id may be left out. */
  version(path: string, signal: AbortSignal): Promise<{ readonly id?: string } | undefined>;
  /** Ascending; paths that begin so, after a path. */
  list(begin: string, after: string | undefined, signal: AbortSignal): AsyncIterable<ListedObject>;
  /** Page by page, where the caller has an end in mind. */
  pages(begin: string, after: string, signal: AbortSignal): AsyncGenerator<Page>;
  /** Folders directly below `begin`, which ends with a slash. */
  folders(begin: string, signal: AbortSignal): AsyncIterable<string>;
}

/** The usual view: the current version, in a bucket without versions the only one. */
export class CurrentView implements S3View {
  readonly #bucket: S3Bucket;
  readonly #objects: S3Objects;

  constructor(bucket: S3Bucket, objects: S3Objects) {
    this.#bucket = bucket;
    this.#objects = objects;
  }

  head(path: string, signal: AbortSignal): Promise<StoredObject | undefined> {
    return this.#objects.head(path, undefined, signal);
  }

  find(path: string, signal: AbortSignal): Promise<StoredObject | undefined> {
    return this.#objects.head(path, undefined, signal);
  }

  /** The current one, whether it is there or not: reading it will tell. */
  version(): Promise<object> {
    return Promise.resolve({});
  }

  async *list(
    begin: string,
    after: string | undefined,
    signal: AbortSignal,
  ): AsyncIterable<ListedObject> {
    for await (const page of pages(this.#bucket, { begin, after }, signal)) yield* page.objects;
  }

  pages(begin: string, after: string, signal: AbortSignal): AsyncGenerator<Page> {
    return pages(this.#bucket, { begin, after }, signal);
  }

  async *folders(begin: string, signal: AbortSignal): AsyncIterable<string> {
    for await (const page of pages(this.#bucket, { begin, delimiter: "/" }, signal)) {
      yield* page.folders;
    }
  }
}

/**
 * For a versioned bucket of a store that ignores `If-None-Match`: the oldest version counts, so a
 * later one, or a delete marker, changes nothing. Everything is seen through the list of versions.
 */
export class OldestView implements S3View {
  readonly #bucket: S3Bucket;
  readonly #objects: S3Objects;

  constructor(bucket: S3Bucket, objects: S3Objects) {
    this.#bucket = bucket;
    this.#objects = objects;
  }

  async head(path: string, signal: AbortSignal): Promise<ListedObject | undefined> {
    for await (const object of this.list(path, undefined, signal)) {
      return object.path === path ? object : undefined;
    }
    return undefined;
  }

  async find(path: string, signal: AbortSignal): Promise<StoredObject | undefined> {
    const version = await this.version(path, signal);
    return version === undefined ? undefined : this.#objects.head(path, version.id, signal);
  }

  async version(path: string, signal: AbortSignal): Promise<{ id?: string } | undefined> {
    const found = await this.head(path, signal);
    if (found === undefined) return undefined;
    return found.versionId === undefined ? {} : { id: found.versionId };
  }

  async *list(
    begin: string,
    after: string | undefined,
    signal: AbortSignal,
  ): AsyncIterable<ListedObject> {
    for await (const page of oldest(versionPages(this.#bucket, { begin, after }, signal))) {
      yield* page.objects;
    }
  }

  pages(begin: string, after: string, signal: AbortSignal): AsyncGenerator<Page> {
    return oldest(versionPages(this.#bucket, { begin, after }, signal));
  }

  async *folders(begin: string, signal: AbortSignal): AsyncIterable<string> {
    for await (const page of versionPages(this.#bucket, { begin, delimiter: "/" }, signal)) {
      yield* page.folders;
    }
  }
}

/** Of each path the version listed last; a path may go over the border of two pages. */
async function* oldest(source: AsyncGenerator<Page>): AsyncGenerator<Page> {
  let last: ListedObject | undefined;
  for await (const { objects, folders, more } of source) {
    const found: ListedObject[] = [];
    for (const object of objects) {
      if (last !== undefined && last.path !== object.path) found.push(last);
      last = object;
    }
    if (!more && last !== undefined) found.push(last);
    yield { objects: found, folders, more };
  }
}
