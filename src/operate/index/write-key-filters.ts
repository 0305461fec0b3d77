import type { Manifest } from "../../core/description.ts";
import { offsetName } from "../../core/layout.ts";
import { parseManifest } from "../../core/manifest.ts";
import type { Scope } from "../../core/scope.ts";
import type { Documents } from "../../sdk/documents.ts";
import type { Sink } from "../../sdk/sink.ts";
import type { ReadBatch } from "../archived-manifests.ts";
import { KeyCollector, keyFilterPath } from "./key-filter.ts";
import { indexFolder } from "./roll-up.ts";

export interface KeyFilterOptions {
  /** Without what has expired. */
  readonly sink: Sink;
  readonly documents: Documents;
  readonly scope: Scope;
  readonly read: ReadBatch;
  /** False: batches that are encrypted get none. */
  readonly inClear: boolean;
  /** Also where a batch has one, of what it was before it was replaced. */
  readonly rebuild: boolean;
  readonly dryRun: boolean;
  readonly done: (m: Manifest) => void;
}

export interface FilteredScope {
  readonly written: number;
  readonly there: number;
  /** Encrypted ones, and those with too many keys. */
  readonly without: number;
}

const FILTER_NAME = /\/(\d{20})\.[0-9a-f]{16}\.keys$/;

/** Makes the filters of keys that are missing; each batch is opened and verified for it. */
export async function writeKeyFilters(
  o: KeyFilterOptions,
  signal: AbortSignal,
): Promise<FilteredScope> {
  const { sink, scope, documents } = o;
  const known = new Set<string>();
  for await (const path of documents.list(indexFolder(scope), signal)) {
    const start = FILTER_NAME.exec(path)?.[1];
    if (start !== undefined) known.add(start).add(path);
  }
  const found = { written: 0, there: 0, without: 0 };
  for await (const { start, manifest } of sink.list(scope, 0n, signal)) {
    if (manifest === undefined) continue;
    if (known.has(offsetName(start)) && !o.rebuild) {
      found.there += 1;
      continue;
    }
    const bytes = await sink.manifest({ ...scope, start }, signal);
    if (bytes === undefined) continue;
    const m = parseManifest(bytes);
    const path = keyFilterPath(m);
    if (known.has(path)) {
      found.there += 1;
      continue;
    }
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
  return keys.filter()?.encode(m.link);
}
