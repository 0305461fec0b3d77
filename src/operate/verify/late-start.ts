import type { Scope } from "../../core/scope.ts";
import type { Sink } from "../../sdk/sink.ts";
import type { Expiry } from "./expiry.ts";
import { readManifest } from "./own-manifest.ts";

/**
 * A sink that was added when the oldest data had expired begins later than its archive. The link that
 * its first batch has to follow: of the expired batch before it, in another sink that has its manifest.
 */
export async function lateStart(
  scope: Scope,
  sink: Sink,
  others: readonly { readonly sink: Sink; readonly expiry: Expiry }[],
  signal: AbortSignal,
): Promise<string | undefined> {
  if (others.length === 0) return undefined;
  const first = await firstStart(sink, scope, signal);
  if (first === undefined || first === 0n) return undefined;
  for (const other of others) {
    const before = await other.sink.floor(scope, first - 1n, signal);
    if (before === undefined || before.end !== first) continue;
    const key = { ...scope, start: before.start };
    const bytes = await other.sink.manifest(key, signal);
    const { manifest } = bytes === undefined ? { manifest: undefined } : readManifest(bytes, key);
    if (manifest !== undefined && other.expiry(manifest)) return manifest.link;
  }
  return undefined;
}

async function firstStart(
  sink: Sink,
  scope: Scope,
  signal: AbortSignal,
): Promise<bigint | undefined> {
  for await (const { start, manifest } of sink.list(scope, 0n, signal))
    if (manifest !== undefined) return start;
  return undefined;
}
