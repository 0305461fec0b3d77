/**
 * The storage contract below the blob sinks (S3, HDFS, FS). Whoever implements these verbs gets the
 * layout, the chain and the comparison from `sinks/blob/`.
 *
 * Required of an implementation: `create` is atomic and create-only, and when it resolves the bytes
 * are durable and visible to every later call of every process (read-after-write); nothing partial
 * is ever visible under the path. Paths are relative, `/` between parts, without `.` and `..`.
 */
export interface BlobStore {
  /**
   * Resolves to `exists` when something is there already, whatever it is, or when another `about`
   * was stored first for these bytes at this path: comparing both is the caller's.
   * After an unknown outcome it looks, and rejects with `sink-transient` when looking fails too.
   */
  create(path: string, blob: NewBlob, signal: AbortSignal): Promise<"created" | "exists">;
  head(path: string, signal: AbortSignal): Promise<BlobHead | undefined>;
  /**
   * From now on something rests on what `head` finds: it has to be durable, also where a process that died left it.
   * For stores in which a blob can be seen before it is.
   */
  relyOnHeads?(): void;
  /** Bytes [from, to); rejects with `sink-transient` when the blob is absent or ends early. */
  get(path: string, from: number, to: number, signal: AbortSignal): AsyncIterable<Uint8Array>;
  /**
   * Whether the blob is exactly these bytes, by a hash that the server computes itself and never by
   * what its writer wrote about it; undefined when it cannot be told so, and it is read instead.
   */
  holds?(path: string, bytes: Uint8Array, signal: AbortSignal): Promise<boolean | undefined>;
  /** What `create` was given as `about` for this path, when the store can still tell. */
  about(
    path: string,
    digest: () => Promise<string>,
    signal: AbortSignal,
  ): Promise<Uint8Array | undefined>;
  /** Paths of blobs under a folder, ascending by bytes, after `after` (exclusive). */
  list(folder: string, after: string | undefined, signal: AbortSignal): AsyncIterable<ListedBlob>;
  /**
   * Blobs directly below `folder` whose names begin with `prefix`; for stores that list a few names
   * cheaper than they answer a dozen heads.
   */
  startingWith?(
    folder: string,
    prefix: string,
    signal: AbortSignal,
  ): AsyncIterable<BlobHead & { path: string }>;
  /** Names of the folders directly below `folder`, ascending. */
  folders(folder: string, signal: AbortSignal): AsyncIterable<string>;
  /**
   * Greatest path ≤ `upTo` directly below `folder` whose name is accepted; for stores that find it
   * cheaper than by listing. Absent: the folder is listed.
   */
  greatest?(
    folder: string,
    upTo: string,
    accepts: (name: string) => boolean,
    signal: AbortSignal,
  ): Promise<string | undefined>;
  /**
   * What `about` holds for this path is kept elsewhere now (the manifest) and may go, soon or
   * later.
   */
  forget?(path: string, digest: string): void;
  /**
   * Removes leftovers in `tmp/` older than `ageMs`; an `about` only when `disposable` says so of
   * it. Resolves to how many went.
   */
  sweep?(
    ageMs: number,
    disposable: (about: Uint8Array) => Promise<boolean>,
    signal: AbortSignal,
  ): Promise<number>;
  /**
   * Operator commands only. Puts these bytes in the place of what is seen as `tag`, durably, so that at every
   * instant one of the two is there whole. What comes late, is done twice, or is done by a process that woke up, finds
   * another tag and changes nothing. After an unknown outcome it looks: resolves when these bytes are there, and
   * rejects with `sink-permanent` when neither they nor `tag` are. A store that cannot tell refuses (`CannotReplace`). What `about` said
   * of the old bytes is not kept. Absent: `rewrap` moves the old blob away before it creates the new one.
   */
  replace?(path: string, bytes: Uint8Array, tag: string, signal: AbortSignal): Promise<void>;
  /** Operator commands only. Moves away what is seen as `tag`, create-only at `to`. */
  move?(from: string, to: string, tag: string, signal: AbortSignal): Promise<void>;
  remove?(path: string, tag: string, signal: AbortSignal): Promise<void>;
  /**
   * Removes for good what is seen as `tag`, unless the store keeps it for longer (object lock, legal hold);
   * where removing is more than `remove` does. Absent: it is removed.
   */
  expire?(path: string, tag: string, signal: AbortSignal): Promise<"expired" | "locked">;
  close(): Promise<void>;
}

export interface BlobHead {
  readonly size: number;
  readonly tag: string;
}

export interface ListedBlob extends BlobHead {
  readonly path: string;
  /** Lower-case hex, where the store computes one of what it holds and lists it. */
  readonly md5?: string;
}

export interface NewBlob {
  readonly bytes: Uint8Array;
  /** BLAKE3 of `bytes`, lower-case hex. */
  readonly digest: string;
  /** A small description that must be durable before the blob is visible. */
  readonly about?: Uint8Array;
}
