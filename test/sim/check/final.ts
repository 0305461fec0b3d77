import type { Log, Truth } from "../kafka/log.ts";
import type { SimStore } from "../stores/store.ts";
import { checkRecipients, formsOf, isAmendment, type Key, manifestOf } from "./amended.ts";
import {
  batchesOf,
  contentOf,
  genesisOf,
  hashOf,
  keptRecords,
  linkOf,
  placeOf,
  type ManifestText,
  recordsIn,
  type Seen,
  type SeenRecord,
  unnamed,
} from "./archive.ts";
import { isCovered } from "./pruned.ts";
import { Violation } from "./violation.ts";

/** Logs of a topic id, by partition. */
export type Logs = ReadonlyMap<string, readonly Log[]>;

/** The whole archive against everything that was ever produced, when all is quiet. */
export function checkArchive(stores: readonly SimStore[], logs: Logs, keys: readonly Key[]): void {
  const [primary, ...others] = stores;
  if (primary === undefined) return;
  for (const other of others) equalStores(primary, other, logs, true);
  const [first, ...files] = stores.filter(holdsFiles);
  if (first !== undefined && first !== primary) {
    for (const b of batchesOf(first)) fileOf(first, b, keys);
    for (const other of files) equalStores(first, other, logs, false);
  }
  for (const store of stores) if (!holdsFiles(store)) checkKept(store, logs);
  const seen = batchesOf(primary);
  const found = new Map<Truth, number>();
  for (const branch of branchesOf(seen)) checkBranch(primary, branch, { logs, keys, found });
  for (const [topicId, partitions] of logs) {
    partitions.forEach((log, partition) => {
      for (const r of log.truth) {
        if (r.state !== "committed" || r.lost !== null || found.has(r)) continue;
        const where = `${topicId}/${partition} offset ${r.offset} (epoch ${r.epoch})`;
        throw new Violation("no-loss", `${where} is in no batch`);
      }
    });
  }
  orphans(primary, seen, logs);
}

/** Data of a batch that its branch ended in the middle of: it has no manifest, and no other sink has to have it. */
const leftBehind = (path: string, primary: SimStore, logs: Logs): boolean => {
  const place = placeOf(path);
  const log = place === null ? undefined : logs.get(place.topicId)?.[place.partition];
  if (place === null || (log?.cutShort !== true && log?.isDeleted !== true)) return false;
  // What a sink lacks of a topic that is no more, `reconcile` brings.
  if (log.isDeleted) return true;
  return place.kind === "data" && !batchesOf(primary).some((b) => b.dataPath === path);
};

const isOver = (path: string, logs: Logs): boolean => {
  const place = placeOf(path);
  return place !== null && logs.get(place.topicId)?.[place.partition]?.isDeleted === true;
};

/** `decides`: the first one is the primary, which nobody has more than. */
function equalStores(primary: SimStore, other: SimStore, logs: Logs, decides: boolean): void {
  const alike = holdsFiles(primary) && holdsFiles(other);
  const [theirs, own] = [named(primary, alike), named(other, alike)];
  for (const path of new Set([...theirs.keys(), ...own.keys()])) {
    const [a, b] = [theirs.get(path), own.get(path)];
    if (a === undefined && b !== undefined && !decides && isOver(b.path, logs)) continue;
    const lacking = a === undefined ? primary : b === undefined ? other : null;
    if (a !== undefined && b === undefined && leftBehind(a.path, primary, logs)) continue;
    const at = a?.path ?? b?.path ?? path;
    if (lacking !== null && (isCovered(primary, at) || isCovered(other, at))) continue;
    if (lacking !== null) throw new Violation("no-loss", `${lacking.name} has no ${path}`);
    if (!alike && path.startsWith("data/")) continue;
    if (a !== undefined && b !== undefined && Buffer.compare(a.bytes, b.bytes) !== 0)
      throw new Violation("same-bytes", `${path} differs in ${primary.name} and ${other.name}`);
  }
}

const holdsFiles = ({ style }: SimStore): boolean => style.form === "files";

/**
 * What lies in a store. A sink of records has data under a name of its own and nothing that is amended; what only
 * one of the two kinds has is left out.
 */
function named(
  { objects }: SimStore,
  alike: boolean,
): Map<string, { readonly path: string; readonly bytes: Uint8Array }> {
  const kept = [...objects].filter(
    ([path]) =>
      !/^(?:tmp|documents|quarantine|pruned)\//.test(path) && (alike || !isAmendment(path)),
  );
  return new Map(kept.map(([path, { bytes }]) => [alike ? path : unnamed(path), { path, bytes }]));
}

/** Records of a sink of records against what was produced; none of them belongs to no batch. */
function checkKept(store: SimStore, logs: Logs): void {
  const inside = new Map<string, number>();
  for (const b of batchesOf(store)) {
    const where = `${store.name}: ${b.topicId}/${b.partition}/${b.branch}/${b.start}`;
    const records = keptRecords(store, b);
    checkRecords(where, b, records, logs, new Map());
    for (const r of records) inside.set(documentAt(b.manifest, r.offset), r.offset);
  }
  for (const path of store.paths("documents")) {
    const [, , topicId = "", partition] = path.split("/");
    const log = logs.get(topicId)?.[Number(partition)];
    if (inside.has(path) || log?.cutShort === true || log?.isDeleted === true) continue;
    throw new Violation("no-duplicate", `${store.name}: ${path} belongs to no batch`);
  }
}

const documentAt = (m: ManifestText, offset: number): string =>
  `documents/${m.topic}/${m.topicId}/${m.partition}/${m.branch}/${String(offset).padStart(20, "0")}`;

/** The stored file of a batch, which is what its manifest says; null: it has expired. */
function fileOf(store: SimStore, b: Seen, keys: readonly Key[]): Uint8Array | null {
  const where = `${b.topicId}/${b.partition}/${b.branch}/${b.start}`;
  const { manifest: m } = b;
  const stored = store.objects.get(b.dataPath)?.bytes;
  if (stored === undefined && isCovered(store, b.dataPath)) return null;
  if (stored === undefined) throw new Violation("order", `${where}: its data is not there`);
  // A rewrap that was broken off is gone on with when somebody runs it again: both files are whole.
  const form = formsOf(store, manifestOf(b.dataPath)).findLast((f) => f.digest === hashOf(stored));
  if (form === undefined || stored.length !== form.size)
    throw new Violation("same-bytes", `${where}: the file is not what its manifest says`);
  if (m.seal.encryption !== "none") checkRecipients(where, form, stored, keys);
  return stored;
}

const branchesOf = (seen: readonly Seen[]): Seen[][] => [
  ...Map.groupBy(seen, (s) => `${s.topicId} ${s.partition} ${s.branch}`).values(),
];

function checkBranch(
  store: SimStore,
  batches: readonly Seen[],
  o: { readonly logs: Logs; readonly keys: readonly Key[]; readonly found: Map<Truth, number> },
): void {
  const { logs, keys, found } = o;
  let before: Seen | undefined;
  for (const b of batches) {
    const where = `${b.topicId}/${b.partition}/${b.branch}/${b.start}`;
    const { manifest: m } = b;
    if (before !== undefined && before.end !== b.start)
      throw new Violation("order", `${where}: the batch before it ends at ${before.end}`);
    const prev = before === undefined ? genesisOf(m) : before.manifest.link;
    if (m.prevLink !== prev || m.link !== linkOf(m))
      throw new Violation("chain", `${where}: its link does not follow from the one before`);
    account(where, m);
    if (!holdsFiles(store)) checkRecords(where, b, keptRecords(store, b), logs, found);
    else {
      const stored = fileOf(store, b, keys);
      if (stored === null) assume(b, logs, found);
      else checkRecords(where, b, recordsOf(where, b, stored, keys), logs, found);
    }
    before = b;
  }
}

function account(where: string, m: ManifestText): void {
  const sum = m.records + m.aborted + m.control + m.compacted + m.filtered + m.deadLettered;
  if (sum !== m.end - m.start)
    throw new Violation("accounting", `${where}: ${sum} of ${m.end - m.start} offsets`);
  const holes = m.holes.reduce((n, h) => n + (h.offsets ?? h.to - h.from), 0);
  if (holes !== sum - m.records)
    throw new Violation(
      "accounting",
      `${where}: holes of ${holes}, ${sum - m.records} are left out`,
    );
}

function recordsOf(where: string, b: Seen, stored: Uint8Array, keys: readonly Key[]): SeenRecord[] {
  const secrets = keys.map((k) => k.secret);
  const content = contentOf(b.manifest, stored, secrets);
  // Of what is encrypted a manifest has a tag, which only the seed makes.
  if (b.manifest.content.digest !== undefined && hashOf(content) !== b.manifest.content.digest)
    throw new Violation("same-bytes", `${where}: the content is not what its manifest says`);
  return recordsIn(b.manifest, content);
}

function checkRecords(
  where: string,
  b: Seen,
  records: readonly SeenRecord[],
  logs: Logs,
  found: Map<Truth, number>,
): void {
  const log = logs.get(b.topicId)?.[b.partition];
  const truths = log?.truth ?? [];
  if (records.length !== b.manifest.records)
    throw new Violation("accounting", `${where}: ${records.length} records in the file`);
  let last = b.start - 1;
  for (const r of records) {
    if (r.offset <= last || r.offset >= b.end)
      throw new Violation("no-duplicate", `${where}: offset ${r.offset} after ${last}`);
    last = r.offset;
    const truth = truths.findLast(
      (t) => t.offset === r.offset && t.key === r.key && t.value === r.value,
    );
    if (truth === undefined)
      throw new Violation("same-bytes", `${where}: offset ${r.offset} was never produced so`);
    // A transaction that was committed may be lost with its marker and be aborted in the new history.
    if (truth.state !== "committed" && log?.cutShort !== true)
      throw new Violation("no-duplicate", `${where}: offset ${r.offset} is ${truth.state}`);
    found.set(truth, (found.get(truth) ?? 0) + 1);
  }
}

/** What has expired is taken as having held what its manifest counts. */
function assume(b: Seen, logs: Logs, found: Map<Truth, number>): void {
  const truths = logs.get(b.topicId)?.[b.partition]?.truth ?? [];
  const inside = truths.filter((t) => t.offset >= b.start && t.offset < b.end);
  for (const t of inside) found.set(t, (found.get(t) ?? 0) + 1);
}

/** Data without a manifest is work that was not finished. */
function orphans(store: SimStore, seen: readonly Seen[], logs: Logs): void {
  const known = new Set(seen.map((s) => s.dataPath));
  for (const path of store.paths("data")) {
    if (!known.has(path) && !leftBehind(path, store, logs))
      throw new Violation("order", `${store.name}: ${path} has no manifest`);
  }
}
