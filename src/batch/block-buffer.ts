import { BLOCK_BYTES, type Payload } from "../core/bytes.ts";

/** Free blocks kept for re-use: shared memory is dear to allocate and its return is the collector's. */
export class BlockPool {
  readonly #free: SharedArrayBuffer[] = [];
  readonly #keep: number;

  /** @param keepBytes how much to keep for re-use at most */
  constructor(keepBytes: number) {
    this.#keep = Math.ceil(keepBytes / BLOCK_BYTES);
  }

  take(): SharedArrayBuffer {
    return this.#free.pop() ?? new SharedArrayBuffer(BLOCK_BYTES);
  }

  give(blocks: readonly SharedArrayBuffer[]): void {
    for (const b of blocks) if (this.#free.length < this.#keep) this.#free.push(b);
  }
}

/** Grows by blocks; what was appended never moves. */
export class BlockBuffer {
  readonly #pool: BlockPool;
  readonly #blocks: SharedArrayBuffer[] = [];
  #length = 0;

  constructor(pool: BlockPool) {
    this.#pool = pool;
  }

  get length(): number {
    return this.#length;
  }

  /** Bytes of memory held, which is whole blocks. */
  get heldBytes(): number {
    return this.#blocks.length * BLOCK_BYTES;
  }

  append(bytes: Uint8Array): void {
    let at = 0;
    while (at < bytes.length) {
      const used = this.#length % BLOCK_BYTES;
      if (used === 0) this.#blocks.push(this.#pool.take());
      const block = this.#blocks.at(-1) as SharedArrayBuffer;
      const n = Math.min(BLOCK_BYTES - used, bytes.length - at);
      new Uint8Array(block, used, n).set(
        at === 0 && n === bytes.length ? bytes : bytes.subarray(at, at + n),
      );
      at += n;
      this.#length += n;
    }
  }

  payload(): Payload {
    return { blocks: this.#blocks, length: this.#length };
  }

  /** Gives the blocks back; nobody may read them afterwards. */
  free(): void {
    this.#pool.give(this.#blocks.splice(0));
    this.#length = 0;
  }
}
