import type { Scope } from "../../core/scope.ts";
import type { Sink } from "../../sdk/sink.ts";
import type { RollUpName } from "./roll-up.ts";
import { type Disagreement, linesOf } from "./rolled-up.ts";
import { rollUps } from "./roll-ups.ts";

/** Of a batch, or of all that are in one roll-up. */
export interface Times {
  readonly minTimestamp: bigint | null;
  readonly maxTimestamp: bigint | null;
}

/** Says what is wrong with a roll-up that is not used then. */
export type Say = (what: Disagreement) => void;

/**
 * Where the first batch may begin of which `late` is true, by the roll-ups: whatever is before it needs no
 * look. 0 without an index. The names of roll-ups that are passed over are taken at their word, as far as
 * the stored manifest where they end does not contradict them.
 */
export async function startBy(
  { sink, scope, say }: { readonly sink: Sink; readonly scope: Scope; readonly say: Say },
  late: (times: Times) => boolean,
  signal: AbortSignal,
): Promise<bigint> {
  const { documents } = sink;
  if (documents === undefined) return 0n;
  const names = await rollUps(sink, scope, signal);
  const found = names.findIndex(late);
  const passed = found < 0 ? names : names.slice(0, found);
  const last = passed.at(-1);
  if (last !== undefined && (await contradicts(sink, scope, last, late, signal))) {
    say({ path: last.path, text: "is not as what is stored; it is not used, index --rebuild" });
    return 0n;
  }
  const next = names[passed.length];
  if (next === undefined) return last?.end ?? 0n;
  for await (const line of linesOf(documents, next.path, say, signal))
    if (late(line)) return line.start;
  return next.start;
}

async function contradicts(
  sink: Sink,
  scope: Scope,
  { end }: RollUpName,
  late: (times: Times) => boolean,
  signal: AbortSignal,
): Promise<boolean> {
  const stored = await sink.floor(scope, end - 1n, signal);
  return stored === undefined || stored.end !== end || late(stored);
}
