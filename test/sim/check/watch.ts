import type { Commit } from "../kafka/cluster.ts";
import type { Truth } from "../kafka/log.ts";
import type { Listener, SimStore } from "../stores/store.ts";
import {
  checkAmendment,
  checkDropped,
  checkLeft,
  checkReplaced,
  formsOf,
  isAmendment,
  isForm,
} from "./amended.ts";
import { dataPathIn, manifestAt, manifestsIn, type Place, placeOf, unnamed } from "./archive.ts";
import type { Damages } from "./damaged.ts";
import { checkExpired, checkPruned, isCovered, isPruned, prunedEnd } from "./pruned.ts";
import { marksIn } from "./marks.ts";
import { Violation } from "./violation.ts";

/** Of one plan in a commit's metadata: cluster, topic id, branch, epoch, start, end and nine more. */
const PLAN_WORDS = 15;

interface Range {
  readonly start: number;
  readonly end: number;
}

export interface WatchPorts {
  /** The primary first. */
  readonly stores: () => readonly SimStore[];
  /** Everything that was ever produced to a partition of the topic as it is now. */
  readonly truth: (topic: string, partition: number) => readonly Truth[];
  readonly topicId: (topic: string) => string;
  readonly cutShort: (topic: string, partition: number) => boolean;
  /** Records before this time are old enough to go, in milliseconds since the epoch; null: none ever. */
  readonly expiredBefore: () => number | null;
  readonly damages: Damages;
}

/** Looks at every object that a store takes and at every commit that Kafka takes, when they do. */
export class Watch implements Listener {
  readonly #p: WatchPorts;
  /** Whole batches by store and partition, in the order they came. */
  readonly #ranges = new Map<string, Range[]>();
  /** By store and partition: up to which record of the truth everything was seen to be covered. */
  readonly #checked = new Map<string, number>();
  readonly #committed = new Map<string, number>();
  /** What an administrator set last, by group and partition. */
  readonly #given = new Map<string, number>();
  /** Commits that were taken. */
  readonly #taken = new Set<string>();
  /** Starts that some commit planned, by partition and branch. */
  readonly #planned = new Set<string>();
  /** The greatest offset that any group ever committed, by partition. */
  readonly #reached = new Map<string, number>();
  /** Sinks that some commit said to be behind, by partition. */
  readonly #marked = new Set<string>();
  objects = 0;
  commits = 0;
  /** The topic was made again, and not every daemon knows. */
  unsure = false;

  constructor(ports: WatchPorts) {
    this.#p = ports;
  }

  created(store: SimStore, path: string): void {
    this.objects += 1;
    const place = placeOf(path);
    const [primary] = this.#p.stores();
    if (isAmendment(path)) checkAmendment(store, this.#p.stores(), path, this.#p.damages);
    if (isPruned(path)) checkPruned(store, path);
    this.#p.damages.created(store, path);
    if (place === null) return;
    const own = store.objects.get(path)?.bytes ?? new Uint8Array();
    if (store === primary && place.kind === "data") this.#afterPlan(place, path);
    if (primary !== undefined && store !== primary) this.#afterPrimary(primary, store, path, own);
    if (place.kind === "data") this.#predecessor(store, path, place);
    else this.#describes(store, path, place);
  }

  replaced(store: SimStore, path: string, before: Uint8Array, after: Uint8Array): void {
    if (Buffer.compare(before, after) === 0) return;
    const at = placeOf(path);
    const gaveWay = this.#p.damages.replaced(store, path, before);
    if (!gaveWay) checkReplaced(store, this.#p.stores(), path, [before, after]);
    else if (at?.kind === "manifests") this.#describes(store, path, at);
  }

  removed(store: SimStore, path: string, to: string | null): void {
    const before = this.#p.expiredBefore();
    const at = placeOf(path);
    if (before !== null && at !== null && isCovered(store, path))
      checkExpired(store, path, { before, settled: this.#settled(path, at) });
    else if (path.startsWith("manifests/")) this.#p.damages.checkAside(store, path, to);
    else if (path.startsWith("data/"))
      checkLeft(store, this.#p.stores(), { path, to }, this.#p.damages);
    else if (path.startsWith("quarantine/data/")) checkDropped(store, path, this.#p.damages);
    else throw new Violation("write-once", `${store.name}: ${path} was removed`);
  }

  committed({ group, topic, partition, offset, metadata }: Commit, late: boolean): void {
    this.commits += 1;
    const marks = marksIn(metadata);
    for (const sink of marks.keys()) this.#marked.add(`${partition} ${sink}`);
    this.#plans(this.#p.topicId(topic), partition, offset, metadata);
    const key = `${group} ${this.#p.topicId(topic)} ${partition}`;
    // Who has not noticed yet that the topic is another one commits under its name.
    if (this.unsure) return;
    // In a log that was cut short an offset means something else than before.
    if (this.#p.cutShort(topic, partition)) return;
    const before = this.#committed.get(key) ?? 0;
    const text = `${key} ${offset} ${metadata}`;
    // A request that came late under a lease that still holds: what it says was taken, or overtaken.
    const again = this.#taken.has(text) || (late && offset < before);
    this.#taken.add(text);
    if (again) {
      // Whoever begins now goes on from there.
      this.#committed.set(key, offset);
      return;
    }
    if (offset < before) {
      throw new Violation("commit", `${key}: the offset went back from ${before} to ${offset}`);
    }
    this.#committed.set(key, offset);
    // With the offset that an administrator set went the marks of sinks that are behind.
    if (this.#given.get(`${group} ${partition}`) === offset) return;
    this.#given.delete(`${group} ${partition}`);
    for (const [i, store] of this.#p.stores().entries()) {
      const mark = i === 0 ? undefined : marks.get(store.name);
      // A restored sink lacks more than its mark says; it is filled from where it ends.
      if (mark !== undefined && store.restored > 0) continue;
      const due = mark === undefined ? offset : Math.min(offset, mark);
      const lacking = this.lacking(store, topic, partition, due);
      if (lacking === null) continue;
      const what = `${key}: ${offset} is committed and ${store.name} lacks offset ${lacking}`;
      throw new Violation("commit", `${what}, ${metadata}`);
    }
  }

  wasMarked(partition: number, sink: string): boolean {
    return this.#marked.has(`${partition} ${sink}`);
  }

  /** Up to where a branch is settled: nobody goes on with one that ended, nor with a topic that is no more. */
  #settled(path: string, { topicId, partition, branch }: Place): number {
    const [, topic = ""] = path.split("/");
    if (topicId !== this.#p.topicId(topic)) return Number.POSITIVE_INFINITY;
    const [primary] = this.#p.stores();
    const isBehind = (path: string): boolean => {
      const at = placeOf(path);
      return at?.topicId === topicId && at.partition === partition && at.branch > branch;
    };
    if (primary?.paths("manifests").some(isBehind) === true) return Number.POSITIVE_INFINITY;
    return this.#reached.get(`${topicId} ${partition}`) ?? 0;
  }

  /** Offsets below it have expired in the primary: a sink that came later need not have had them. */
  #expired(topic: string, partition: number): number {
    const [primary] = this.#p.stores();
    if (primary === undefined || this.#p.expiredBefore() === null) return 0;
    const branches = `${topic}/${this.#p.topicId(topic)}/${partition}`;
    const records = primary.paths(`pruned/${branches}`);
    const rules = [...primary.ruleEnds].filter(([branch]) => branch.startsWith(`${branches}/`));
    return Math.max(
      0,
      ...rules.map(([, end]) => end),
      ...records.map((path) => Number(path.slice(-25, -5))),
    );
  }

  /** The first committed record below `to` that is in no whole batch of the store. */
  lacking(store: SimStore, topic: string, partition: number, to: number): number | null {
    const truth = this.#p.truth(topic, partition);
    const key = `${store.name} ${this.#p.topicId(topic)} ${partition}`;
    const ranges = this.#ranges.get(key) ?? [];
    let at = this.#checked.get(key) ?? 0;
    for (; at < truth.length; at += 1) {
      const r = truth[at];
      if (r === undefined) break;
      if (r.lost !== null) continue;
      if (r.offset >= to || r.state === "open") break;
      if (r.state === "aborted") continue;
      if (ranges.some((x) => x.start <= r.offset && r.offset < x.end)) continue;
      if (r.offset >= this.#expired(topic, partition)) return r.offset;
    }
    this.#checked.set(key, at);
    return null;
  }

  /** An administrator set the offset. */
  given(group: string, partition: number, offset: number): void {
    this.forgetCommitted();
    this.#given.set(`${group} ${partition}`, offset);
  }

  /** An administrator took the offset, or the log was cut short. */
  forgetCommitted(): void {
    this.#committed.clear();
    this.#checked.clear();
  }

  /** The store is what it was some time ago. */
  restored(store: SimStore): void {
    for (const key of [...this.#ranges.keys(), ...this.#checked.keys()]) {
      if (!key.startsWith(`${store.name} `)) continue;
      this.#ranges.delete(key);
      this.#checked.delete(key);
    }
    for (const path of manifestsIn(store, "manifests")) this.#note(store, path);
  }

  /** Rule 1: a batch is planned before it is made, unless it only mends what was committed once. */
  #afterPlan({ topicId, partition, branch, start }: Place, path: string): void {
    if (this.#planned.has(`${topicId} ${partition} ${branch} ${start}`)) return;
    if (start < (this.#reached.get(`${topicId} ${partition}`) ?? 0)) return;
    throw new Violation("plan-first", `${path} was made and no commit had planned it`);
  }

  #plans(topicId: string, partition: number, offset: number, metadata: string): void {
    const key = `${topicId} ${partition}`;
    this.#reached.set(key, Math.max(this.#reached.get(key) ?? 0, offset));
    const words = metadata.split(" ");
    for (let i = 0; i < Number(words[1] ?? 0); i += 1) {
      const [, topic, branch, , start] = words.slice(2 + i * PLAN_WORDS);
      this.#planned.add(`${topic} ${partition} ${branch} ${start}`);
    }
  }

  #afterPrimary(primary: SimStore, store: SimStore, path: string, own: Uint8Array): void {
    const isFile = [primary, store].every((s) => s.style.form === "files");
    const name = unnamed(path);
    const theirs =
      isFile || name === path
        ? primary.objects.get(path)?.bytes
        : primary.paths(name.slice(0, name.lastIndexOf("/"))).some((p) => unnamed(p) === name)
          ? own
          : undefined;
    if (theirs !== undefined && Buffer.compare(theirs, own) === 0) return;
    if (isFile && [primary, store].some((s) => isForm(s, path, own))) return;
    if (theirs === undefined) {
      if (primary.restored > 0) return;
      throw new Violation("primary-first", `${store.name} got ${path} before the primary`);
    }
    throw new Violation("same-bytes", `${store.name} got another ${path} than the primary has`);
  }

  /** Rule 4: the batch before it is whole, or it is the first of its branch. */
  #predecessor(store: SimStore, path: string, at: { branch: number; start: number }): void {
    const damaged = this.#p.damages.ranges(store, `manifests/${scopeOf(path)}`);
    const siblings = [...batchesBeside(store, path), ...damaged];
    const before = siblings.filter((b) => b.start < at.start);
    if (before.some((b) => b.end > at.start))
      throw new Violation("no-duplicate", `${store.name}: ${path} begins inside another batch`);
    const [primary = store] = this.#p.stores();
    const first = before.length === 0 && batchesBeside(primary, path)[0]?.start;
    const kept = before.length === 0 ? prunedEnd(primary, path) : 0;
    const begins =
      first === false ? false : first === undefined || Math.max(first, kept) >= at.start;
    if (!begins && !before.some((b) => b.end === at.start))
      throw new Violation("order", `${store.name}: ${path} has no predecessor`);
  }

  /** Rule 6: a manifest means that its data is there. */
  #describes(store: SimStore, path: string, place: { branch: number }): void {
    const manifest = manifestAt(store, path);
    const dataAt = dataPathIn(store, manifest);
    const data = store.objects.get(dataAt)?.bytes;
    // It was there when the manifest was sent; a repair finds that it is missing.
    if (data === undefined && this.#p.damages.tookSince(store.sentAt, store, dataAt)) return;
    const isWhole =
      store.style.form !== "files" || formsOf(store, path).some((f) => f.size === data?.length);
    if (data === undefined || !isWhole)
      throw new Violation("order", `${store.name}: ${path} came before its data (${place.branch})`);
    this.#note(store, path);
  }

  #note(store: SimStore, path: string): void {
    const { topicId, partition, start, end } = manifestAt(store, path);
    const key = `${store.name} ${topicId} ${partition}`;
    const ranges = this.#ranges.get(key) ?? [];
    ranges.push({ start, end });
    this.#ranges.set(key, ranges);
  }
}

const scopeOf = (path: string): string => path.split("/").slice(1, 5).join("/");

/** Whole batches of the same branch as a data path, ascending. */
function batchesBeside(store: SimStore, dataPath: string): Range[] {
  return manifestsIn(store, `manifests/${scopeOf(dataPath)}`).map((p) => {
    const { start, end } = manifestAt(store, p);
    return { start, end };
  });
}
