import { ListObjectsV2Command, ListObjectVersionsCommand } from "@aws-sdk/client-s3";
import { SinkError } from "../../src/sdk/sink-error.ts";
import { type S3Bucket, unquoted } from "./s3-bucket.ts";

export interface ListedObject {
  readonly path: string;
  readonly size: number;
  readonly etag: string;
  readonly versionId: string | undefined;
  /** Wall-clock milliseconds. */
  readonly modifiedMs: number;
}

interface Query {
  /** What the paths begin with. */
  readonly begin: string;
  /** Paths after this one, exclusive. */
  readonly after?: string | undefined;
  /** With `/`, what has one more of it behind `begin` is a folder. */
  readonly delimiter?: string;
  readonly most?: number;
}

export interface Page {
  readonly objects: readonly ListedObject[];
  /** Each with a `/` at its end. */
  readonly folders: readonly string[];
  /** Whether more follow. */
  readonly more: boolean;
}

/** Stores may answer with empty pages; this many in a row are a store that does not get on. */
const MAX_EMPTY_PAGES = 100;

/** Objects as they are now, ascending by the bytes of their paths. */
export async function* pages(
  bucket: S3Bucket,
  query: Query,
  signal: AbortSignal,
): AsyncGenerator<Page> {
  const { begin, after, delimiter, most = 1000 } = query;
  let token: string | undefined;
  let empty = 0;
  do {
    const command = new ListObjectsV2Command({
      Bucket: bucket.name,
      Prefix: bucket.key(begin),
      StartAfter: after === undefined ? undefined : bucket.key(after),
      ContinuationToken: token,
      Delimiter: delimiter,
      MaxKeys: most,
    });
    const found = await bucket.send(`list ${begin}`, (c, o) => c.send(command, o), signal);
    const objects = (found.Contents ?? []).map((o): ListedObject => ({
      path: asked(bucket, o.Key, begin),
      size: o.Size ?? 0,
      etag: unquoted(o.ETag),
      versionId: undefined,
      modifiedMs: o.LastModified?.getTime() ?? 0,
    }));
    const folders = (found.CommonPrefixes ?? []).map((p) => asked(bucket, p.Prefix, begin));
    const next = found.IsTruncated === true ? found.NextContinuationToken : undefined;
    if (next !== undefined && next === token) throw goesRound(`list ${begin}`);
    token = next;
    yield { objects, folders, more: token !== undefined };
    empty = progress(objects.length + folders.length, empty, begin);
  } while (token !== undefined);
}

/**
 * Every version, ascending by path and of one path the newest first, which is how S3 lists them.
 * Delete markers are no versions.
 */
export async function* versionPages(
  bucket: S3Bucket,
  query: Query,
  signal: AbortSignal,
): AsyncGenerator<Page> {
  const { begin, delimiter, most = 1000 } = query;
  let marker = query.after === undefined ? undefined : bucket.key(query.after);
  let version: string | undefined;
  let empty = 0;
  let more = true;
  while (more) {
    const command = new ListObjectVersionsCommand({
      Bucket: bucket.name,
      Prefix: bucket.key(begin),
      KeyMarker: marker,
      VersionIdMarker: version,
      Delimiter: delimiter,
      MaxKeys: most,
    });
    const doing = `list versions of ${begin}`;
    const found = await bucket.send(doing, (c, o) => c.send(command, o), signal);
    const objects = (found.Versions ?? []).map((v): ListedObject => ({
      path: asked(bucket, v.Key, begin),
      size: v.Size ?? 0,
      etag: unquoted(v.ETag),
      versionId: v.VersionId,
      modifiedMs: v.LastModified?.getTime() ?? 0,
    }));
    const folders = (found.CommonPrefixes ?? []).map((p) => asked(bucket, p.Prefix, begin));
    more = found.IsTruncated === true;
    yield { objects, folders, more };
    empty = progress(objects.length + folders.length, empty, begin);
    if (more && found.NextKeyMarker === marker && found.NextVersionIdMarker === version) {
      throw goesRound(doing);
    }
    [marker, version] = [found.NextKeyMarker, found.NextVersionIdMarker];
  }
}

const goesRound = (doing: string): SinkError =>
  new SinkError("sink-transient", `${doing}: the pages do not get on`);

/** The path of a key that was asked for; a store that lists others is not believed at all. */
function asked(bucket: S3Bucket, key: string | undefined, begin: string): string {
  if (key?.startsWith(bucket.key(begin)) === true) return bucket.path(key);
  const text = `list ${begin}: the store answered with ${String(key).slice(0, 200)}, which is elsewhere`;
  throw new SinkError("sink-transient", text);
}

function progress(items: number, empty: number, begin: string): number {
  if (items > 0) return 0;
  if (empty < MAX_EMPTY_PAGES) return empty + 1;
  throw new SinkError("sink-transient", `list ${begin}: ${MAX_EMPTY_PAGES} empty pages`);
}
