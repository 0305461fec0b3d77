import type { Manifest } from "../../core/description.ts";
import { parseManifest } from "../../core/manifest.ts";
import type { Scope } from "../../core/scope.ts";
import type { Documents } from "../../sdk/documents.ts";
import type { Sink } from "../../sdk/sink.ts";
import type { ReadBatch } from "../archived-manifests.ts";
import { KeyCollector, keyFilterPath } from "./key-filter.ts";
import { indexFolder } from "./roll-up.ts";

export interface KeyFilterOptions {
  readonly sink: Sink;
  readonly documents: Documents;
  readonly scope: Scope;
  readonly read: ReadBatch;
  /** False: batches that are encrypted get none. */
  readonly inClear: boolean;
  readonly dryRun: boolean;
  readonly done: (m: Manifest) => void;
}

export interface FilteredScope {
  readonly written: number;
  readonly there: number;
  /** Encrypted ones, and those with too many keys. */
  readonly without: number;
}

/** Makes the filters of keys that are missing; each batch is opened and verified for it. */
export async function writeKeyFilters(
  o: KeyFilterOptions,
  signal: AbortSignal,
): Promise<FilteredScope> {
  const { sink, scope, documents } = o;
  const known = new Set<string>();
  for await (const path of documents.list(indexFolder(scope), signal)) {
    if (path.endsWith(".keys")) known.add(path);
  }
  const found = { written: 0, there: 0, without: 0 };
  for await (const { start, manifest } of sink.list(scope, 0n, signal)) {
    if (manifest === undefined) continue;
    const path = keyFilterPath({ ...scope, start });
    if (known.has(path)) {
      found.there += 1;
      continue;
    }
    const bytes = await sink.manifest({ ...scope, start }, signal);
    if (bytes === undefined) continue;
    const m = parseManifest(bytes);
    const filter = await filterOf(o, m, signal);
    if (filter === undefined) found.without += 1;
    else {
      found.written += 1;
      if (!o.dryRun) await documents.create(path, filter, signal);
    }
    o.done(m);
  }
  return found;
}

async function filterOf(
  o: KeyFilterOptions,
  m: Manifest,
  signal: AbortSignal,
): Promise<Buffer | undefined> {
  if (m.seal.encryption !== "none" && !o.inClear) return undefined;
  const keys = new KeyCollector();
  for await (const records of o.read(m, signal)) for (const { key } of records) keys.add(key);
  return keys.filter()?.encode();
}
