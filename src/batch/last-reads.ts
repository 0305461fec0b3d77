import type { LastRead } from "./feed-options.ts";
import type { OpenBatch } from "./open-batch.ts";

const NOTHING: LastRead = { offset: -1n, epoch: -1 };

/** What of a log was read last, and under which leader it was compared with the log. */
export class LastReads {
  /** Where the last batch was cut, and the leader epoch there. */
  #cut = NOTHING;
  /** What was read before this offset is in the log of the leader of that epoch. */
  #compared = NOTHING;

  cut({ next, epoch }: OpenBatch): void {
    this.#cut = { offset: next, epoch };
  }

  /** The record batch that ends where the open batch goes on; epoch -1: not known. */
  before({ next, epoch }: OpenBatch): LastRead {
    return epoch < 0 && next === this.#cut.offset ? this.#cut : { offset: next, epoch };
  }

  /** Null: no leader was elected since it was read, or it was compared under that one. */
  doubt(batch: OpenBatch, leaderEpoch: number): LastRead | null {
    const last = this.before(batch);
    if (last.epoch < 0 || leaderEpoch <= last.epoch) return null;
    const { offset, epoch } = this.#compared;
    return offset === last.offset && epoch >= leaderEpoch ? null : last;
  }

  compared(offset: bigint, leaderEpoch: number): void {
    this.#compared = { offset, epoch: leaderEpoch };
  }
}
