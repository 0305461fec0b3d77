import type { SimStore } from "../stores/store.ts";
import { manifestOf } from "./amended.ts";
import { manifestAt, manifestsIn, placeOf } from "./archive.ts";
import { Violation } from "./violation.ts";

/** What `prune` leaves in a sink, as docs/format-manifest.md describes it. */
interface PrunedText {
  readonly end: number;
  readonly link: string;
}

export const isPruned = (path: string): boolean => path.startsWith("pruned/");

/** Data of batches that begin before it may be gone from the store. `path`: of a manifest or of data. */
export function prunedEnd(store: SimStore, path: string): number {
  const scope = path.split("/").slice(1, 5).join("/");
  const last = store.paths(`pruned/${scope}`).at(-1);
  const ofRule = store.ruleEnds.get(scope) ?? 0;
  return Math.max(ofRule, last === undefined ? 0 : recordAt(store, last).end);
}

/** Whether the store says that the batch of this path has expired there. */
export const isCovered = (store: SimStore, path: string): boolean => {
  const place = placeOf(path);
  return place !== null && place.start < prunedEnd(store, path);
};

const recordAt = (store: SimStore, path: string): PrunedText =>
  JSON.parse(Buffer.from(store.objects.get(path)?.bytes ?? []).toString("utf8")) as PrunedText;

/** It names the end of a batch that is there, by its link. */
export function checkPruned(store: SimStore, path: string): void {
  const { end, link } = recordAt(store, path);
  const scope = path.split("/").slice(1, 5).join("/");
  const ends = manifestsIn(store, `manifests/${scope}`).map((p) => manifestAt(store, p));
  if (ends.some((m) => m.end === end && m.link === link)) return;
  throw new Violation("chain", `${store.name}: ${path} is about no batch that is there`);
}

/**
 * Data goes when it is said to go, is old, is settled, and is not of the newest batch; the manifest stays.
 * `before`: milliseconds since the epoch; `settled`: what was ever committed.
 */
export function checkExpired(
  store: SimStore,
  path: string,
  o: { readonly before: number; readonly settled: number },
): void {
  const { end, maxTimestamp } = manifestAt(store, manifestOf(path));
  const wrong = (why: string): Violation =>
    new Violation("retention", `${store.name}: ${path} was removed, ${why}`);
  if (!isCovered(store, path)) throw wrong("and no record says so");
  if (maxTimestamp === null || maxTimestamp >= o.before) throw wrong("too early");
  if (end > o.settled) throw wrong("and is not committed");
  const newest = manifestsIn(store, `manifests/${path.split("/").slice(1, 5).join("/")}`).at(-1);
  if (newest === manifestOf(path)) throw wrong("and is the newest there");
}
