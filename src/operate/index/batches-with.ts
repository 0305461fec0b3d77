import type { Manifest } from "../../core/description.ts";
import type { Scope } from "../../core/scope.ts";
import type { Sink } from "../../sdk/sink.ts";
import { KeyFilter, keyFilterPath } from "./key-filter.ts";
import { indexFolder } from "./roll-up.ts";

/** Says of a batch whether it may hold the key; yes where it has no filter. */
export function batchesWith(
  sink: Sink,
  scope: Scope,
  key: Uint8Array,
): (manifest: Manifest, signal: AbortSignal) => Promise<boolean> {
  const { documents } = sink;
  if (documents === undefined) return () => Promise.resolve(true);
  let known: Set<string> | undefined;
  return async (manifest, signal) => {
    if (known === undefined) {
      known = new Set();
      for await (const path of documents.list(indexFolder(scope), signal)) known.add(path);
    }
    const path = keyFilterPath(manifest);
    const bytes = known.has(path) ? await documents.read(path, signal) : undefined;
    return bytes === undefined || KeyFilter.parse(bytes).mayHold(key);
  };
}
