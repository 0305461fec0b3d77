import type { Config } from "../config/config.ts";
import { parseManifest } from "../core/manifest.ts";
import type { Sink } from "../sdk/sink.ts";
import type { CommandContext } from "./command.ts";
import { expiryOf } from "./verify/inputs.ts";

/**
 * A sink as readers of records see it: a batch whose data has expired is not listed. One whose data is
 * missing before its time still is, so that reading it fails.
 */
export function keptBatches(
  sink: Sink,
  { pipelines }: Pick<Config, "pipelines">,
  { clock }: Pick<CommandContext, "clock">,
): Sink {
  if (pipelines.every((p) => p.retentionMs === null)) return sink;
  const expired = expiryOf(pipelines, clock.wall());
  return {
    ...sink,
    list: async function* (scope, from, signal) {
      for await (const listed of sink.list(scope, from, signal)) {
        if (listed.manifest !== undefined && listed.data === undefined) {
          const bytes = await sink.manifest({ ...scope, start: listed.start }, signal);
          if (bytes !== undefined && expired(parseManifest(bytes))) continue;
        }
        yield listed;
      }
    },
  };
}
