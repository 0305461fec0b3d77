import type { BlobStore } from "../../src/sdk/blob-store.ts";
import { SinkError } from "../../src/sdk/sink-error.ts";

/** A whole small blob; undefined when it is absent. Refuses more than `maxBytes` before reading. */
export async function readWhole(
  store: BlobStore,
  path: string,
  maxBytes: number,
  signal: AbortSignal,
): Promise<Uint8Array | undefined> {
  const head = await store.head(path, signal);
  if (head === undefined) return undefined;
  if (head.size > maxBytes) {
    throw new SinkError(
      "sink-permanent",
      `${path}: ${head.size} bytes, at most ${maxBytes} are read`,
    );
  }
  const pieces: Uint8Array[] = [];
  if (head.size > 0) {
    for await (const piece of store.get(path, 0, head.size, signal)) pieces.push(piece);
  }
  return Buffer.concat(pieces);
}

/**
 * Whether the stored blob is exactly these bytes: by the server's own hash or by reading it, never
 * by what was said of it.
 */
export async function storedEquals(
  store: BlobStore,
  path: string,
  bytes: Uint8Array,
  signal: AbortSignal,
): Promise<boolean> {
  const head = await store.head(path, signal);
  if (head?.size !== bytes.length) return false;
  if (bytes.length === 0) return true;
  return (await store.holds?.(path, bytes, signal)) ?? readsAs(store, path, bytes, signal);
}

/** Whether reading the blob gives these bytes, and as many as there are. */
export async function readsAs(
  store: BlobStore,
  path: string,
  bytes: Uint8Array,
  signal: AbortSignal,
): Promise<boolean> {
  let at = 0;
  for await (const piece of store.get(path, 0, bytes.length, signal)) {
    if (Buffer.compare(piece, bytes.subarray(at, at + piece.length)) !== 0) return false;
    at += piece.length;
  }
  return at === bytes.length;
}
