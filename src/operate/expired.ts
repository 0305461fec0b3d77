import type { Manifest } from "../core/description.ts";
import { ArchiverError } from "../core/errors.ts";
import { type Scope, scopeText } from "../core/scope.ts";
import type { Bound } from "./offset-bound.ts";
import { type OffsetRange, OffsetRanges } from "./restore/offset-ranges.ts";

/** Offsets that a reader met whose data has expired: they are no gap, and no loss. */
export class Expired {
  readonly #found = new Map<string, Found>();

  add(m: Manifest): void {
    const key = scopeText(m);
    const { ranges, newest } = this.#found.get(key) ?? NONE;
    const own = m.maxTimestamp ?? newest;
    const more = { ranges: ranges.with([{ from: m.start, to: m.end }]) };
    this.#found.set(key, { ...more, newest: own > newest ? own : newest });
  }

  /** What of a range has expired, ascending. */
  within(scope: Scope, { from, to }: OffsetRange): readonly OffsetRange[] {
    const { ranges } = this.#found.get(scopeText(scope)) ?? NONE;
    const all = ranges.ranges.filter((r) => r.to > from && r.from < to);
    return all.map((r) => ({ from: r.from > from ? r.from : from, to: r.to < to ? r.to : to }));
  }

  /**
   * Of what was asked for from there on, up to `to`. Which record a time means cannot be told without data:
   * once something that has expired is that late, all of it counts.
   */
  since(scope: Scope, from: Bound | undefined, to: bigint): readonly OffsetRange[] {
    if (from !== undefined && "timeMs" in from) {
      const { newest } = this.#found.get(scopeText(scope)) ?? NONE;
      return newest < from.timeMs ? [] : this.within(scope, { from: 0n, to });
    }
    return this.within(scope, { from: from?.offset ?? 0n, to });
  }
}

interface Found {
  readonly ranges: OffsetRanges;
  /** Milliseconds since the epoch. */
  readonly newest: bigint;
}

const NONE: Found = { ranges: OffsetRanges.none, newest: -1n };

/** Of one range, for a note or an error. */
export const expiredText = (scope: Scope, { from, to }: OffsetRange): string =>
  `${scopeText(scope)}: the data of offsets [${from}, ${to}) has expired`;

export const expiredError = (scope: Scope, range: OffsetRange): ArchiverError =>
  new ArchiverError("data-expired", expiredText(scope, range));

/** Of several partitions: those of which nothing is left are said at the end, or fail when there is no other. */
export class WhollyExpired {
  readonly #found: ArchiverError[] = [];
  #kept = false;

  kept(): void {
    this.#kept = true;
  }

  /** @throws what else it is */
  caught(error: unknown): void {
    if (!(error instanceof ArchiverError) || error.code !== "data-expired") throw error;
    this.#found.push(error);
  }

  /** @throws ArchiverError data-expired */
  end(note: ((text: string) => void) | undefined): void {
    const [first] = this.#found;
    if (first !== undefined && !this.#kept) throw first;
    for (const { message } of this.#found) note?.(message);
  }
}
