import type { Cluster } from "../kafka/cluster.ts";
import type { SimStore } from "../stores/store.ts";
import { formsOf } from "./amended.ts";
import {
  batchesOf,
  dataPathIn,
  hashOf,
  keptRecords,
  manifestAt,
  manifestsIn,
  type ManifestText,
} from "./archive.ts";
import type { Damages } from "./damaged.ts";
import { isCovered } from "./pruned.ts";
import { Violation } from "./violation.ts";

/** What was archived and committed when a repair began, in those sinks that it takes from. */
export class Before {
  readonly #stores: readonly SimStore[];
  readonly #at: number;
  /** Manifests, by path. */
  readonly #manifests = new Set<string>();

  constructor(
    stores: readonly SimStore[],
    from: readonly number[],
    o: { cluster: Cluster; at: number },
  ) {
    const { cluster, at } = o;
    this.#stores = stores;
    this.#at = at;
    const { offsets } = cluster.group("first");
    for (const store of from.flatMap((i) => stores[i] ?? [])) {
      for (const path of manifestsIn(store, "manifests")) {
        const { topic, topicId, partition, end } = manifestAt(store, path);
        const live = cluster.topic(topic).id === topicId;
        const committed = offsets.get(`${topic}/${partition}`)?.offset ?? 0;
        // Of a topic that is no more everything is settled; a replay is of the one that is.
        if (live ? end <= committed : from.length === 1) this.#manifests.add(path);
      }
    }
  }

  /** These sinks have all of it whole, and the same. */
  checkEqual(chosen: readonly number[], damages: Damages): void {
    const stores = chosen.flatMap((i) => this.#stores[i] ?? []);
    const [first] = stores;
    if (first === undefined) return;
    for (const path of this.#manifests) {
      if (damages.since(this.#at, path)) continue;
      const theirs = first.objects.get(path)?.bytes;
      for (const store of stores) {
        const own = store.objects.get(path)?.bytes;
        const is = (what: string): Violation =>
          new Violation("repair", `${store.name}: ${path} ${what}`);
        if (own === undefined || theirs === undefined) throw is("is not there");
        if (Buffer.compare(own, theirs) !== 0) throw is(`is not that of ${first.name}`);
        const m = manifestAt(store, path);
        const at = dataPathIn(store, m);
        const file = store.objects.get(at)?.bytes;
        // A `rewrap` that began since is between its two steps.
        if (file === undefined && store.paths("quarantine").some((p) => p.includes(`${at}.`)))
          continue;
        if (file === undefined && isCovered(store, path)) continue;
        if (store.style.form !== "files") {
          if (file === undefined) throw is("has no data");
          if (recordsOf(store, m) !== m.records) throw is("has not its records");
          continue;
        }
        const form = formsOf(store, path).find(
          (f) => file !== undefined && f.digest === hashOf(file),
        );
        if (form === undefined) throw is("says otherwise than its data");
      }
    }
  }
}

/** How many a sink of records has of a batch. */
function recordsOf(store: SimStore, { link }: ManifestText): number {
  const found = batchesOf(store).find((b) => b.manifest.link === link);
  return found === undefined ? 0 : keptRecords(store, found).length;
}
