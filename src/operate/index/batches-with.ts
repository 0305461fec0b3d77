import type { Manifest } from "../../core/description.ts";
import type { Scope } from "../../core/scope.ts";
import type { Sink } from "../../sdk/sink.ts";
import { KeyFilters } from "./key-filters.ts";
import type { Say } from "./look-up.ts";

/**
 * Says of a batch whether it may hold the key; yes where it has no filter, or one that cannot be read. To be
 * asked in the order of the batches: the folder's listing goes along with them.
 */
export function batchesWith(
  { sink, scope, say }: { readonly sink: Sink; readonly scope: Scope; readonly say: Say },
  key: Uint8Array,
): (manifest: Manifest, signal: AbortSignal) => Promise<boolean> {
  const filters = new KeyFilters(sink, scope);
  return async (manifest, signal) => {
    const found = await filters.of(manifest, signal);
    if (found === undefined) return true;
    if ("filter" in found) return found.filter.mayHold(key);
    say({ path: found.path, text: `cannot be read: ${found.wrong}; the batch is opened` });
    return true;
  };
}
