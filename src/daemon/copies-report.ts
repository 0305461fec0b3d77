import { messageOf } from "../core/message.ts";
import type { CopyReport } from "../observe/group-report.ts";
import type { OpenedSink } from "./open-sinks.ts";
import type { Partition } from "./partitions.ts";

/** Batches that are looked at before it is taken that the sinks agree. */
const MOST = 12;

/**
 * What the sinks hold where they disagree, for who has to decide between them; empty: the partition has not
 * stopped, or they agree on every batch that it may have had under way. A task that stops forgets its batches:
 * it was at its position, at what was planned, at what a sink lacks, or at one of the last that are archived.
 *
 * @param archived starts of the last batches in the primary
 */
export async function copiesOf(
  { scope, task }: Partition,
  sinks: readonly OpenedSink[],
  archived: readonly bigint[],
  signal: AbortSignal,
): Promise<readonly CopyReport[]> {
  const { phase, position, committed, behind } = task.state;
  if (phase !== "stopped") return [];
  const planned = (committed?.plans ?? []).map((p) => p.start);
  const lacked = behind.filter((b) => b !== null);
  const at = committed?.offset ?? position;
  const starts = [...new Set([position, at, ...planned, ...lacked, ...archived])].slice(0, MOST);
  for (const start of starts) {
    if (signal.aborted) break;
    const copies = await Promise.all(sinks.map((s) => copyIn(s, { ...scope, start }, signal)));
    const held = copies.filter((c) => c.is !== "absent" && c.is !== "unknown");
    const differ = new Set(held.map((c) => `${c.end} ${c.digest}`)).size > 1;
    if (differ || held.some((c) => c.is === "damaged")) return copies;
  }
  return [];
}

async function copyIn(
  { name, sink }: OpenedSink,
  key: Partition["scope"] & { readonly start: bigint },
  signal: AbortSignal,
): Promise<CopyReport> {
  const { start } = key;
  const nothing = { end: null, records: null, sizeBytes: null, digest: null, reason: null };
  try {
    const state = await sink.stat(key, "cheap", signal);
    if (state.is === "absent") return { sink: name, start, is: "absent", ...nothing };
    if (state.is === "damaged") {
      return { sink: name, start, is: "damaged", ...nothing, reason: state.reason };
    }
    const { end, records, seal } = state.is === "data" ? state.description : state.manifest;
    const { size: sizeBytes, digest } = seal;
    return { sink: name, start, is: state.is, end, records, sizeBytes, digest, reason: null };
  } catch (error) {
    const reason = signal.aborted ? "does not answer now" : messageOf(error);
    return { sink: name, start, is: "unknown", ...nothing, reason };
  }
}
