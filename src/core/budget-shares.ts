import { assert } from "./assert.ts";
import { Budget } from "./budget.ts";

/**
 * Parts of one budget, each with bytes of its own that the others cannot take: whoever waits for
 * something that is away holds what it has, and must not stop those that wait for nothing. What is
 * nobody's own is for whoever asks first.
 */
export function budgetShares(whole: Budget, ownBytes: readonly number[]): readonly Budget[] {
  const sum = ownBytes.reduce((n, own) => n + own, 0);
  assert(sum <= whole.limitBytes, "the shares' own bytes fit into the budget");
  const shares: Share[] = [];
  for (const own of ownBytes) {
    shares.push(new Share(whole, own, whole.limitBytes - (sum - own), shares));
  }
  return shares;
}

/**
 * What each share owns: what one batch of it costs, and half of an even part of the rest. When the
 * batches do not fit together, all own the same.
 */
export function evenOwnBytes(limitBytes: number, costBytes: readonly number[]): number[] {
  const count = costBytes.length;
  const cost = costBytes.reduce((n, c) => n + c, 0);
  if (cost > limitBytes) return costBytes.map(() => Math.floor(limitBytes / count));
  const more = Math.floor((limitBytes - cost) / (2 * count));
  return costBytes.map((c) => c + more);
}

class Share extends Budget {
  readonly #whole: Budget;
  readonly #ownBytes: number;
  readonly #all: readonly Share[];

  constructor(whole: Budget, ownBytes: number, reachBytes: number, all: readonly Share[]) {
    super(reachBytes);
    this.#whole = whole;
    this.#ownBytes = ownBytes;
    this.#all = all;
  }

  /** As with the whole, an idle share grants anything once. */
  override tryReserve(bytes: number): boolean {
    if (this.usedBytes > 0) {
      let kept = 0;
      for (const other of this.#all) if (other !== this) kept += other.#unusedOwnBytes();
      if (this.#whole.usedBytes + kept + bytes > this.#whole.limitBytes) return false;
    }
    this.force(bytes);
    return true;
  }

  override force(bytes: number): void {
    super.force(bytes);
    this.#whole.force(bytes);
  }

  override release(bytes: number): void {
    super.release(bytes);
    this.#whole.release(bytes);
  }

  /** What any share gives back may be what this one waits for. */
  override onRelease(call: () => void): void {
    this.#whole.onRelease(call);
  }

  #unusedOwnBytes(): number {
    return Math.max(0, this.#ownBytes - this.usedBytes);
  }
}
