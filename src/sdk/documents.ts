/**
 * Small documents of an archive beside its batches, such as published heads and what was pruned. As
 * batches are they are created once, whole and durable, and never replaced. Paths are relative to the
 * sink's prefix; none begins with `data/` or `manifests/`.
 */
export interface Documents {
  /** `exists` when something is there, whatever it is. */
  create(path: string, bytes: Uint8Array, signal: AbortSignal): Promise<"created" | "exists">;
  /** Undefined when it is absent; rejects with `sink-permanent` when it has more than 1 MiB. */
  read(path: string, signal: AbortSignal): Promise<Uint8Array | undefined>;
  /** Paths below a folder, ascending by bytes. */
  list(folder: string, signal: AbortSignal): AsyncIterable<string>;
}

export const MAX_DOCUMENT_BYTES = 1 << 20;
