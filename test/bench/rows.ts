import type { Cost } from "./measure.ts";

export interface Row extends Cost {
  readonly name: string;
}

/** What the rows moved. */
export interface Amount {
  readonly records: number;
  /** Keys and values. */
  readonly logicalBytes: number;
}

const WIDTH = 46;

export function show(rows: readonly Row[], { records, logicalBytes }: Amount): void {
  const gb = logicalBytes / 1e9;
  console.log(`\n  ${"".padEnd(WIDTH)}records/s    MB/s  CPU-s/GB  peak MB`);
  for (const r of rows) {
    const rate = Math.round(records / r.wallSeconds);
    const mbs = (gb * 1000) / r.wallSeconds;
    console.log(
      `  ${r.name.padEnd(WIDTH)}${String(rate).padStart(9)}${mbs.toFixed(0).padStart(8)}` +
        `${(r.cpuSeconds / gb).toFixed(2).padStart(10)}${r.peakMb.toFixed(0).padStart(9)}`,
    );
  }
}

/** How many times what `a` needs, `b` needs. */
export const times = (a: Row | undefined, b: Row | undefined, of: keyof Cost): string =>
  ((b?.[of] ?? 0) / (a?.[of] ?? 1)).toFixed(2);
