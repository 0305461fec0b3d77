import type { Scope } from "../../core/scope.ts";
import type { Listed } from "../../sdk/sink.ts";
import type { Named } from "./verified.ts";

/** What two sinks list under one start. */
export interface Pair {
  readonly start: bigint;
  readonly inSource: Listed | undefined;
  readonly inTarget: Listed | undefined;
}

export interface PairOptions {
  readonly source: Named;
  readonly target: Named;
  readonly scope: Scope;
  /** Exclusive; null: to the end. */
  readonly limit: bigint | null;
}

/** Both listings side by side, each start once. */
export async function* pairsFrom(
  from: bigint,
  { source, target, scope, limit }: PairOptions,
  signal: AbortSignal,
): AsyncGenerator<Pair> {
  const a = source.sink.list(scope, from, signal)[Symbol.asyncIterator]();
  const b = target.sink.list(scope, from, signal)[Symbol.asyncIterator]();
  try {
    let last = -1n;
    let [x, y] = [await a.next(), await b.next()];
    while (x.done !== true || y.done !== true) {
      const s = x.done === true ? undefined : x.value;
      const t = y.done === true ? undefined : y.value;
      const start = least(s?.start, t?.start);
      if (limit !== null && start >= limit) return;
      const inSource = s?.start === start ? s : undefined;
      const inTarget = t?.start === start ? t : undefined;
      // A second data file of one start is an entry of its own; `stat` sees both.
      if (start !== last) yield { start, inSource, inTarget };
      last = start;
      if (inSource !== undefined) x = await a.next();
      if (inTarget !== undefined) y = await b.next();
    }
  } finally {
    await a.return?.();
    await b.return?.();
  }
}

function least(a: bigint | undefined, b: bigint | undefined): bigint {
  if (a === undefined || b === undefined) return a ?? b ?? 0n;
  return a < b ? a : b;
}
