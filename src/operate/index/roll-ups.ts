import type { Scope } from "../../core/scope.ts";
import type { Sink } from "../../sdk/sink.ts";
import { indexFolder, parseRollUpPath, type RollUpName } from "./roll-up.ts";

/**
 * The roll-ups of a partition: newest edition of each range, from the first batch on without a gap, so that
 * what follows the last one is all that has to be looked up by itself. Empty where there is no index.
 */
export async function rollUps(
  sink: Sink,
  scope: Scope,
  signal: AbortSignal,
): Promise<readonly RollUpName[]> {
  if (sink.documents === undefined) return [];
  const newest = new Map<bigint, RollUpName>();
  for await (const path of sink.documents.list(indexFolder(scope), signal)) {
    const name = parseRollUpPath(path);
    if (name === undefined) continue;
    const known = newest.get(name.start);
    if (known === undefined || name.edition > known.edition) newest.set(name.start, name);
  }
  const sorted = [...newest.values()].sort((a, b) => (a.start < b.start ? -1 : 1));
  const gap = sorted.findIndex((r, i) => i > 0 && sorted[i - 1]?.end !== r.start);
  return gap < 0 ? sorted : sorted.slice(0, gap);
}
