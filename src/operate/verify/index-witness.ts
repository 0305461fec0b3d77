import type { Scope } from "../../core/scope.ts";
import type { RollUpName } from "../index/roll-up.ts";
import { type RolledUp, RollUpReader, shownAs } from "../index/rolled-up.ts";
import { rollUps } from "../index/roll-ups.ts";
import type { Sink } from "../../sdk/sink.ts";
import type { Entry } from "./entries.ts";
import { sampled } from "./sampling.ts";
import type { Tally } from "./tally.ts";

/**
 * How a run uses roll-ups: `instead` of reading manifests, as far as the listing shows that they are what is
 * stored, or `beside` reading all of them. `none`: they are not looked at.
 */
export type IndexUse = "instead" | "beside" | "none";

/** Of the manifests that only their length speaks for, so many are read all the same. */
const READ_PERCENT = 5;

/** The roll-ups there are before the listing begins: what they cover has to be in it. */
export const indexOf = async (
  sink: Sink,
  scope: Scope,
  use: IndexUse,
  signal: AbortSignal,
): Promise<readonly RollUpName[]> => (use === "none" ? [] : rollUps(sink, scope, signal));

export interface WitnessOptions {
  readonly sink: Sink;
  readonly scope: Scope;
  readonly use: IndexUse;
  readonly names: readonly RollUpName[];
  /** Draws the manifests that are read; of this run alone. */
  readonly seed: string;
}

/** An entry of the listing, and what a roll-up has for it. */
export interface Beside {
  readonly seen: Entry;
  readonly line: RolledUp | undefined;
}

/**
 * The roll-ups of a chain as one more witness. What they say goes through every check that a stored manifest
 * goes through, and where both are at hand they have to be the same.
 */
export class IndexWitness {
  readonly #options: WitnessOptions;
  readonly #tally: Tally;
  readonly #reader: RollUpReader | undefined;
  readonly #drawn: (start: bigint) => boolean;

  constructor(options: WitnessOptions, tally: Tally) {
    const { sink, scope, names, seed } = options;
    this.#options = options;
    this.#tally = tally;
    this.#drawn = sampled(scope, { percent: READ_PERCENT, seed });
    if (sink.documents === undefined || names.length === 0) return;
    this.#reader = new RollUpReader(sink.documents, names, ({ text, ...where }) =>
      tally.problem({ code: "index-differs", ...where, text }),
    );
  }

  async *beside(listing: AsyncIterable<Entry>, signal: AbortSignal): AsyncGenerator<Beside> {
    for await (const seen of listing) {
      // Data alone needs no line: what the roll-up has for it is named as missing.
      const line =
        seen.manifest === undefined ? undefined : await this.#reader?.at(seen.start, signal);
      yield { seen, line };
    }
  }

  /** Whether the line may stand for the stored manifest. */
  standsFor({ seen, line }: Beside): boolean {
    if (this.#options.use !== "instead" || line === undefined) return false;
    const shown = shownAs(seen.manifest, line.bytes);
    return shown === "proven" || (shown === "likely" && !line.first && !this.#drawn(seen.start));
  }

  /** In the order of the batches. `stored`: the manifest, where it was read. */
  met({ line }: Beside, stored: Uint8Array | undefined): void {
    if (line === undefined) return;
    const { looked } = this.#tally;
    if (stored === undefined) looked.fromIndex++;
    else if (line.bytes.equals(stored)) looked.inIndex++;
    else {
      const { path, start } = line;
      const text = "has another manifest than is stored; the stored one was taken";
      this.#tally.problem({ code: "index-differs", path, start, text });
    }
  }

  async finish(signal: AbortSignal): Promise<void> {
    await this.#reader?.finish(signal);
  }
}
