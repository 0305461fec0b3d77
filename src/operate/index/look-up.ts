import type { Scope } from "../../core/scope.ts";
import type { Sink } from "../../sdk/sink.ts";
import { type IndexedBatch, parseLine, type RollUpName, rollUpLines } from "./roll-up.ts";
import { rollUps } from "./roll-ups.ts";

export interface LookUp {
  readonly sink: Sink;
  readonly scope: Scope;
  /** Batches before this one's end are left out. */
  readonly from: bigint;
  /** Roll-ups of which this is not true are not read. */
  readonly wanted?: (rollUp: RollUpName) => boolean;
}

/**
 * What the roll-ups say of batches from an offset on, ascending; the generator's value is where what they
 * say ends. It is a shortcut: whoever opens a batch reads its manifest.
 */
export async function* indexedBatches(
  { sink, scope, from, wanted = () => true }: LookUp,
  signal: AbortSignal,
): AsyncGenerator<IndexedBatch, bigint> {
  let known = from;
  for (const name of await rollUps(sink, scope, signal)) {
    if (name.end <= from) continue;
    if (wanted(name)) {
      const file = await sink.documents?.read(name.path, signal);
      // It went since the folder was listed: from here on the batches are looked up by themselves.
      if (file === undefined) return known;
      for (const line of rollUpLines(file)) {
        const batch = parseLine(line);
        if (batch.end > from) yield batch;
      }
    }
    known = name.end;
  }
  return known;
}
