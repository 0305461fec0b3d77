import { manifestPath } from "../../src/core/layout.ts";
import type { BatchKey } from "../../src/core/scope.ts";
import type { BlobStore } from "../../src/sdk/blob-store.ts";
import type { Tag } from "../../src/sdk/sink.ts";
import { SinkError } from "../../src/sdk/sink-error.ts";
import { findData, type Found } from "./look.ts";

/** Where a file goes that was seen as `tag`. */
export const asidePath = (path: string, tag: Tag): string => `quarantine/${path}.${tag}`;

/** Moves a batch to `quarantine/`, its manifest first, so that no manifest is without its data. */
export async function setBatchAside(
  store: BlobStore,
  key: BatchKey,
  seen: Tag,
  signal: AbortSignal,
): Promise<void> {
  const { data, manifest } = await seenFiles(store, key, seen, signal);
  for (const file of [...manifest, ...data]) {
    if (store.move === undefined) throw new SinkError("sink-permanent", "this store moves nothing");
    await store.move(file.path, asidePath(file.path, file.tag), file.tag, signal);
  }
}

/** Removes a batch for good, its manifest first. */
export async function removeBatch(
  store: BlobStore,
  key: BatchKey,
  seen: Tag,
  signal: AbortSignal,
): Promise<void> {
  const { data, manifest } = await seenFiles(store, key, seen, signal);
  for (const file of [...manifest, ...data]) {
    if (store.remove === undefined)
      throw new SinkError("sink-permanent", "this store removes nothing");
    await store.remove(file.path, file.tag, signal);
  }
}

/** Removes a batch's data; who reads its manifest afterwards knows that it was there. */
export async function expireBatch(
  store: BlobStore,
  key: BatchKey,
  seen: Tag,
  signal: AbortSignal,
): Promise<"expired" | "locked"> {
  const { data, manifest } = await seenFiles(store, key, seen, signal);
  if (manifest.length === 0) {
    throw new SinkError("sink-permanent", `${manifestPath(key)} is not there: nothing was removed`);
  }
  for (const { path, tag } of data) {
    const gone = await store.expire?.(path, tag, signal);
    if (gone === "locked") return "locked";
    if (gone === "expired") continue;
    if (store.remove === undefined)
      throw new SinkError("sink-permanent", "this store removes nothing");
    await store.remove(path, tag, signal);
  }
  return "expired";
}

/** `seen` is the data's tag as `stat` gave it; empty where there was a manifest and no data. */
async function seenFiles(
  store: BlobStore,
  key: BatchKey,
  seen: Tag,
  signal: AbortSignal,
): Promise<{ data: readonly Found[]; manifest: readonly Found[] }> {
  const data = await findData(store, key, signal);
  if ((data[0]?.tag ?? "") !== seen) {
    const text = `${data[0]?.path ?? manifestPath(key)} is no longer what was seen; look again`;
    throw new SinkError("sink-permanent", text);
  }
  const path = manifestPath(key);
  const head = await store.head(path, signal);
  return { data, manifest: head === undefined ? [] : [{ ...head, path }] };
}
