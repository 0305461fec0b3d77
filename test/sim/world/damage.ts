import { dataPathIn, documentsOf, manifestAt, manifestsIn, placeOf } from "../check/archive.ts";
import type { SimStore } from "../stores/store.ts";
import type { Happening } from "./settings.ts";
import type { World } from "./world.ts";

type Damaging = Extract<Happening, { do: "damage" }>;

/**
 * An administrator's hand, or a bad disk, in batches that are committed and lie between others of their branch:
 * a daemon has no reason to look at them again. Each of them stays whole somewhere, in another sink or in Kafka.
 */
export function damage(w: World, h: Damaging): void {
  const dice = w.dice.fork(`damage ${w.scheduler.now}`);
  const all = h.sink === null;
  const chosen = w.stores.filter((_, i) => all || i === h.sink);
  const [first] = chosen;
  if (first === undefined) return;
  const others = chosen.slice(1).map((s) => settled(w, s));
  const between = settled(w, first).filter(
    (path) =>
      w.stores.every((s) => s === first || isLike(first, s, path)) &&
      others.every((own) => own.includes(path)),
  );
  // Of two neighbours that nobody has, nobody knows where the one ends.
  const apart = between.filter((_, i) => !all || i % 2 === 0);
  for (const path of apart) {
    if (!dice.chance(h.share)) continue;
    for (const store of chosen) harm(w, store, path, h.what);
  }
}

/** Manifests of a store in the order of their branches, without the first and the newest of each. */
function settled(w: World, store: SimStore): string[] {
  const groups = w.scenario.secondGroup ? ["first", "second"] : ["first"];
  return manifestsIn(store, "manifests").filter((path) => {
    const m = manifestAt(store, path);
    const beside = manifestsIn(store, path.slice(0, path.lastIndexOf("/")));
    const name = `${m.topic}/${m.partition}`;
    const committed = Math.min(
      ...groups.map((g) => w.cluster.group(g).offsets.get(name)?.offset ?? 0),
    );
    const live = w.cluster.topic(m.topic).id === m.topicId;
    const at = beside.indexOf(path);
    const [last, next] = [beside[at - 1], beside[at + 1]];
    if (!live || m.end > committed || last === undefined || next === undefined) return false;
    // Nothing beside it is damaged as yet, nor is it itself.
    const joined =
      manifestAt(store, last).end === m.start && manifestAt(store, next).start === m.end;
    return joined && !w.damages.isBad(store, path);
  });
}

const before = (store: SimStore, path: string): string | undefined => {
  const beside = manifestsIn(store, path.slice(0, path.lastIndexOf("/")));
  return beside[beside.indexOf(path) - 1];
};

/** Both have the batch, and the same. */
function isLike(a: SimStore, b: SimStore, manifest: string): boolean {
  const same = (path: string): boolean => {
    const [own, theirs] = [a.objects.get(path)?.bytes, b.objects.get(path)?.bytes];
    return own !== undefined && theirs !== undefined && Buffer.compare(own, theirs) === 0;
  };
  if (!same(manifest)) return false;
  const [own, theirs] = [a, b].map((s) => dataPathIn(s, manifestAt(s, manifest)));
  if (own === undefined || theirs === undefined) return false;
  return own === theirs ? same(own) : a.objects.has(own) && b.objects.has(theirs);
}

function harm(w: World, store: SimStore, manifest: string, what: Damaging["what"]): void {
  const dice = w.dice.fork(`documents ${manifest}`);
  const m = manifestAt(store, manifest);
  const { start, end } = m;
  const data = dataPathIn(store, m);
  const note = (path: string, bytes: Uint8Array | null): void =>
    w.damages.note({ store, path, bytes, at: w.scheduler.now, range: { start, end } });
  const lose = (path: string): void => {
    store.objects.delete(path);
    note(path, null);
  };
  const change = (path: string, bytes: Uint8Array): void => {
    store.overwrite(path, bytes);
    note(path, bytes);
  };
  w.trace(`${store.name} is damaged at ${manifest}: ${what}`);
  if (what === "lose" || what === "lose-data") {
    for (const path of documentsOf(store, m)) if (dice.chance(0.7)) store.objects.delete(path);
    lose(data);
  }
  if (what === "lose" || what === "lose-manifest") lose(manifest);
  if (what === "flip") {
    const bytes = Uint8Array.from(store.objects.get(data)?.bytes ?? []);
    bytes[bytes.length >> 1] = (bytes[bytes.length >> 1] ?? 0) ^ 16;
    change(data, bytes);
  }
  // That of the batch before it.
  const other = store.objects.get(before(store, manifest) ?? "")?.bytes;
  if (what === "swap-manifest" && other !== undefined && placeOf(manifest) !== null)
    change(manifest, other);
}
