import { ArchiverError } from "../../core/errors.ts";
import type { Scope } from "../../core/scope.ts";
import type { Sink } from "../../sdk/sink.ts";
import { indexFolder, outermost, parseRollUpPath, type RollUpName } from "./roll-up.ts";

/** Names in one folder that are taken in: a thousand times what the largest partition needs. */
const MAX_NAMES = 1 << 20;

/**
 * The roll-ups of a partition: newest edition of each range, from the first batch on without a gap, so that
 * what follows the last one is all that has to be looked up by itself. Empty where there is no index.
 * A range has the times of all its editions: who can only add files cannot hide records from a time.
 * @throws ArchiverError verification-failed
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
    newest.set(name.start, known === undefined ? name : together(known, name));
    if (newest.size > MAX_NAMES) {
      const text = `${indexFolder(scope)}/ has more than ${MAX_NAMES} roll-ups; delete the folder`;
      throw new ArchiverError("verification-failed", text);
    }
  }
  const sorted = [...newest.values()].sort((a, b) => (a.start < b.start ? -1 : 1));
  const gap = sorted.findIndex((r, i) => i > 0 && sorted[i - 1]?.end !== r.start);
  return gap < 0 ? sorted : sorted.slice(0, gap);
}

function together(a: RollUpName, b: RollUpName): RollUpName {
  const newer = b.edition > a.edition ? b : a;
  return {
    ...newer,
    minTimestamp: outermost(a.minTimestamp, b.minTimestamp, (x, y) => x < y),
    maxTimestamp: outermost(a.maxTimestamp, b.maxTimestamp, (x, y) => x > y),
  };
}
