import { assert } from "./assert.ts";

/**
 * One byte budget for the whole process: every buffered raw and sealed byte is counted here. Who asks
 * before buffering uses `tryReserve`; who holds bytes that have to be somewhere (one record batch larger
 * than expected) uses `force`, and others then wait until the excess is gone.
 */
export class Budget {
  readonly limitBytes: number;
  #usedBytes = 0;
  #peakBytes = 0;
  readonly #freed = new Set<() => void>();

  constructor(limitBytes: number) {
    assert(limitBytes > 0, "a budget has a positive limit");
    this.limitBytes = limitBytes;
  }

  get usedBytes(): number {
    return this.#usedBytes;
  }

  get peakBytes(): number {
    return this.#peakBytes;
  }

  /** An idle budget grants anything once: else one batch larger than the limit could never pass. */
  tryReserve(bytes: number): boolean {
    if (this.#usedBytes > 0 && this.#usedBytes + bytes > this.limitBytes) return false;
    this.force(bytes);
    return true;
  }

  force(bytes: number): void {
    assert(bytes >= 0, "reserved bytes are not negative");
    this.#usedBytes += bytes;
    this.#peakBytes = Math.max(this.#peakBytes, this.#usedBytes);
  }

  release(bytes: number): void {
    assert(bytes >= 0 && bytes <= this.#usedBytes, "no more is released than was reserved");
    this.#usedBytes -= bytes;
    for (const call of this.#freed) call();
  }

  /** `call` runs after every release. */
  onRelease(call: () => void): void {
    this.#freed.add(call);
  }
}
