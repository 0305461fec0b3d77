/** Blocks are shared with the sealing workers: 1 MiB, which is also one zstd frame. */
export const BLOCK_BYTES = 1 << 20;

/**
 * Bytes spread over blocks, so that they can grow without copying and go to a worker without
 * copying. All blocks but the last are full; `length` counts all bytes.
 */
export interface Payload {
  readonly blocks: readonly SharedArrayBuffer[];
  readonly length: number;
}

/** The filled part of each block, in order. */
export function* pieces(payload: Payload): Generator<Uint8Array> {
  let left = payload.length;
  for (const block of payload.blocks) {
    const n = Math.min(left, block.byteLength);
    if (n > 0) yield new Uint8Array(block, 0, n);
    left -= n;
  }
}

/** All of them in one: a view where they lie one behind the other in the same memory, else a copy. */
export function joined(parts: readonly Uint8Array[]): Buffer {
  const [first] = parts;
  if (first === undefined) return Buffer.alloc(0);
  let end = first.byteOffset;
  for (const part of parts) {
    if (part.buffer !== first.buffer || part.byteOffset !== end) return Buffer.concat(parts);
    end += part.length;
  }
  return Buffer.from(first.buffer, first.byteOffset, end - first.byteOffset);
}
