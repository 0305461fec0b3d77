/** Offsets [from, to). */
export interface OffsetRange {
  readonly from: bigint;
  readonly to: bigint;
}

/** A set of offsets as ascending, disjoint ranges that do not touch. Never changed: `with` makes another. */
export class OffsetRanges {
  readonly ranges: readonly OffsetRange[];

  private constructor(ranges: readonly OffsetRange[]) {
    this.ranges = ranges;
  }

  static readonly none = new OffsetRanges([]);

  static of(ranges: readonly OffsetRange[]): OffsetRanges {
    return OffsetRanges.none.with(ranges);
  }

  with(more: readonly OffsetRange[]): OffsetRanges {
    const all = [...this.ranges, ...more].filter((r) => r.to > r.from);
    all.sort((a, b) => (a.from < b.from ? -1 : a.from > b.from ? 1 : 0));
    const out: OffsetRange[] = [];
    for (const r of all) {
      const last = out.at(-1);
      if (last === undefined || r.from > last.to) out.push(r);
      else if (r.to > last.to) out[out.length - 1] = { from: last.from, to: r.to };
    }
    return new OffsetRanges(out);
  }

  /** What of the range is not in the set, ascending. */
  missing({ from, to }: OffsetRange): readonly OffsetRange[] {
    const out: OffsetRange[] = [];
    let at = from;
    for (const r of this.ranges) {
      if (r.to <= at) continue;
      if (r.from >= to) break;
      if (r.from > at) out.push({ from: at, to: r.from });
      at = r.to;
    }
    if (at < to) out.push({ from: at, to });
    return out;
  }

  /** The first range that holds offsets at or after this one. */
  after(offset: bigint): OffsetRange | undefined {
    return this.ranges.find((r) => r.to > offset);
  }

  get offsets(): bigint {
    return this.ranges.reduce((n, r) => n + (r.to - r.from), 0n);
  }
}
