import type { Manifest } from "../../core/description.ts";
import type { Scope } from "../../core/scope.ts";
import type { Sink } from "../../sdk/sink.ts";
import { KeyFilter, keyFilterPath } from "./key-filter.ts";
import type { Say } from "./look-up.ts";
import { indexFolder } from "./roll-up.ts";
import { isIndexDamage } from "./rolled-up.ts";

/**
 * Says of a batch whether it may hold the key; yes where it has no filter, or one that cannot be read. To be
 * asked in the order of the batches: the folder's listing goes along with them.
 */
export function batchesWith(
  { sink, scope, say }: { readonly sink: Sink; readonly scope: Scope; readonly say: Say },
  key: Uint8Array,
): (manifest: Manifest, signal: AbortSignal) => Promise<boolean> {
  const { documents } = sink;
  if (documents === undefined) return () => Promise.resolve(true);
  let paths: AsyncIterator<string> | undefined;
  let ahead: string | undefined;
  const isThere = async (path: string, signal: AbortSignal): Promise<boolean> => {
    paths ??= documents.list(indexFolder(scope), signal)[Symbol.asyncIterator]();
    while (ahead === undefined || ahead < path) {
      const next = await paths.next();
      if (next.done === true) return false;
      ahead = next.value;
    }
    return ahead === path;
  };
  return async (manifest, signal) => {
    const path = keyFilterPath(manifest);
    if (!(await isThere(path, signal))) return true;
    try {
      const bytes = await documents.read(path, signal);
      return bytes === undefined || KeyFilter.parse(bytes).mayHold(key);
    } catch (error) {
      if (!isIndexDamage(error)) throw error;
      say({ path, text: `cannot be read: ${error.message}; the batch is opened` });
      return true;
    }
  };
}
