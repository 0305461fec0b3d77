import { ArchiverError } from "../../core/errors.ts";
import { encodePruned, type PruneKeys, prunedPath } from "../../core/pruned.ts";
import type { ArchiveIdentity, Sink } from "../../sdk/sink.ts";
import type { Progress } from "../progress.ts";
import { eachAtOnce } from "../repair/in-order.ts";
import type { OldBatches } from "./find-old.ts";
import type { PrunedPartition } from "./prune-report.ts";

const AT_ONCE = 8;

export interface PruneOptions {
  readonly name: string;
  readonly sink: Sink;
  readonly identity: ArchiveIdentity;
  readonly keys: PruneKeys;
  readonly retentionMs: number;
  readonly dryRun: boolean;
  readonly progress: Progress;
}

/** Says first, in the sink, what goes; then removes it. A run that was broken off is simply run again. */
export async function pruneScope(
  o: PruneOptions,
  found: OldBatches,
  signal: AbortSignal,
): Promise<PrunedPartition> {
  const { topic, topicId, partition, branch } = found.scope;
  const [first, last] = [found.old[0], found.old.at(-1)];
  const counts = { expired: 0, locked: 0, damaged: 0 };
  if (!o.dryRun && first !== undefined) {
    await record(o, found, signal);
    await eachAtOnce(found.old, AT_ONCE, async (manifest) => {
      counts[await pruneOne(o.sink, manifest, signal)]++;
      o.progress.done(1, manifest.seal.size);
    });
  }
  return {
    ...{ topic, topicId, partition, branch },
    from: first?.start ?? null,
    to: last?.end ?? null,
    batches: found.old.length,
    bytes: found.old.reduce((sum, m) => sum + m.seal.size, 0),
    ...counts,
  };
}

/** Before anything goes, so that there is never a hole that nobody signed for. */
async function record(
  { sink, identity, keys, retentionMs }: PruneOptions,
  { scope, prefix }: OldBatches,
  signal: AbortSignal,
): Promise<void> {
  if (sink.documents === undefined || prefix === null) return;
  const { archiveId, clusterId } = identity;
  const { topic, topicId, partition, branch } = scope;
  const said = { version: 1 as const, archiveId, clusterId, topic, topicId, partition, branch };
  const text = encodePruned({ ...said, ...prefix, retentionMs }, keys);
  await sink.documents.create(prunedPath(scope, prefix.end), Buffer.from(text), signal);
}

async function pruneOne(
  sink: Sink,
  manifest: Parameters<Sink["stat"]>[0],
  signal: AbortSignal,
): Promise<"expired" | "locked" | "damaged"> {
  const state = await sink.stat(manifest, "cheap", signal);
  if (state.is === "damaged" && state.withoutData !== undefined) return "expired";
  if (state.is !== "whole" || sink.expire === undefined) return "damaged";
  try {
    return await sink.expire(manifest, state.tag, signal);
  } catch (error) {
    signal.throwIfAborted();
    // Another prune, or a rule of the store, was faster.
    const now = await sink.stat(manifest, "cheap", signal);
    if (now.is === "damaged" && now.withoutData !== undefined) return "expired";
    throw error;
  }
}

/** More than expected would go: a clock, a unit or a configuration may be wrong. */
export function guard(name: string, percent: number, maxPercent: number): void {
  if (percent <= maxPercent) return;
  const share = `${percent.toFixed(1)}% of what sink ${name} keeps is older than the retention`;
  throw new ArchiverError(
    "usage",
    `${share}, more than ${maxPercent}%: nothing was removed; look with --dry-run, then say --max-delete-percent`,
  );
}
