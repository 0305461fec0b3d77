import type { Config } from "../config/config.ts";
import { parseManifest } from "../core/manifest.ts";
import type { Scope } from "../core/scope.ts";
import type { Sink } from "../sdk/sink.ts";
import type { CommandContext } from "./command.ts";
import { Expired } from "./expired.ts";
import { expiryOf, readPublicKeys, readSeeds } from "./verify/inputs.ts";
import { prunedEnd } from "./verify/pruned-record.ts";

export interface Kept {
  readonly sink: Sink;
  /** What `sink` did not list. */
  readonly expired: Expired;
}

/**
 * A sink as readers of records see it: a batch whose data has expired, by a retention of the configuration or by
 * what `prune` recorded in the sink, is not listed. One whose data is missing before its time still is,
 * so that reading it fails.
 */
export function keptBatches(
  sink: Sink,
  { pipelines }: Pick<Config, "pipelines">,
  { clock }: Pick<CommandContext, "clock">,
): Kept {
  const old = expiryOf(pipelines, clock.wall());
  const expired = new Expired();
  const pruned = async (scope: Scope, signal: AbortSignal): Promise<bigint> => {
    const archiveId = (await sink.identity(signal))?.archiveId;
    const seeds = await readSeeds(pipelines);
    const publicKeys = await readPublicKeys([], pipelines);
    return prunedEnd({ sink, scope, archiveId, seeds, publicKeys }, signal);
  };
  const list: Sink["list"] = async function* (scope, from, signal) {
    let said: bigint | undefined;
    for await (const listed of sink.list(scope, from, signal)) {
      if (listed.manifest !== undefined && listed.data === undefined) {
        const bytes = await sink.manifest({ ...scope, start: listed.start }, signal);
        const m = bytes === undefined ? undefined : parseManifest(bytes);
        if (m !== undefined && (old(m) || m.end <= (said ??= await pruned(scope, signal)))) {
          expired.add(m);
          continue;
        }
      }
      yield listed;
    }
  };
  return { sink: { ...sink, list }, expired };
}
