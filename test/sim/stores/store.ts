import { Journal, JournaledMap } from "./journal.ts";

/** An object that a store holds. */
export interface Stored {
  readonly bytes: Uint8Array;
  /** Where the store keeps descriptions with the object itself. */
  readonly about: Uint8Array | null;
  readonly tag: string;
}

export interface StoreStyle {
  readonly name: string;
  /** Batches as files, every record as a document, or records appended in transactions. */
  readonly form: "files" | "documents" | "ledger";
  /** A description is a file of its own, written first, or part of the object. */
  readonly about: "side" | "metadata";
  /** Create-only in one step, or a look and then an unconditional put. */
  readonly createOnly: "atomic" | "head-then-put";
  /** Lists few names cheaply, finds the greatest name, hashes at the server. */
  readonly startingWith: boolean;
  readonly greatest: boolean;
  readonly hashes: boolean;
  /**
   * What a request to remove or move something away takes: what its sender saw, or whatever is there when it arrives;
   * of the latter kind are those that replace on condition (S3).
   */
  readonly removes: "seen" | "any";
}

/** Told of what a store takes; the checkers listen here. */
export interface Listener {
  created(store: SimStore, path: string, bytes: Uint8Array): void;
  replaced(store: SimStore, path: string, before: Uint8Array, after: Uint8Array): void;
  /** Told before it goes; `to`: the name it gets, in one step. */
  removed(store: SimStore, path: string, to: string | null): void;
}

/** What one sink holds, whoever writes to it. */
export class SimStore {
  readonly style: StoreStyle;
  readonly #journal = new Journal();
  readonly objects: Map<string, Stored> = new JournaledMap(this.#journal);
  /** Descriptions by path and digest, for those that keep them beside. */
  readonly sides: Map<string, { about: Uint8Array; at: number }> = new JournaledMap(this.#journal);
  readonly #listener: Listener;
  #tags = 0;
  /** The newest transaction of each name, of a ledger. */
  readonly #transactions = new Map<string, number>();
  /** By branch: up to where a rule of its own removed data by its age. */
  readonly ruleEnds = new Map<string, number>();
  /** What it had before it was restored. */
  readonly #copies = new Map<string, Stored>();
  /** It was restored to an earlier state: how often. */
  restored = 0;
  /** How often each object was read wrong. */
  readonly #misread = new Map<string, number>();
  /** When the request that it does was sent, by the run's own time. */
  sentAt = 0;

  constructor(style: StoreStyle, listener: Listener) {
    this.style = style;
    this.#listener = listener;
  }

  get name(): string {
    return this.style.name;
  }

  /** The paths below a folder, ascending. */
  paths(folder: string): string[] {
    const prefix = `${folder}/`;
    return [...this.objects.keys()].filter((p) => p.startsWith(prefix)).sort();
  }

  /** Begins a transaction, after which those begun before under that name change nothing. */
  begin(name: string): number {
    const epoch = (this.#transactions.get(name) ?? 0) + 1;
    this.#transactions.set(name, epoch);
    return epoch;
  }

  isNewest(name: string, epoch: number): boolean {
    return this.#transactions.get(name) === epoch;
  }

  create(path: string, bytes: Uint8Array, about: Uint8Array | null): "created" | "exists" {
    if (this.objects.has(path)) return "exists";
    this.#set(path, bytes, about);
    this.#listener.created(this, path, bytes);
    return "created";
  }

  /** Unconditional. */
  put(path: string, bytes: Uint8Array, about: Uint8Array | null): void {
    const before = this.objects.get(path);
    this.#set(path, bytes, about);
    if (before === undefined) this.#listener.created(this, path, bytes);
    else this.#listener.replaced(this, path, before.bytes, bytes);
  }

  /** Atomic; false: it is not the one that was seen. */
  replace(path: string, bytes: Uint8Array, tag: string): boolean {
    const before = this.objects.get(path);
    if (before?.tag !== tag) return false;
    this.#set(path, bytes, null);
    this.#listener.replaced(this, path, before.bytes, bytes);
    return true;
  }

  /** False: it is not the one that was seen, or its new name is taken. It keeps its description. */
  remove(path: string, tag: string, to: string | null): boolean {
    const there = this.objects.get(path);
    const any = this.style.removes === "any";
    if (there === undefined) return any && to === null;
    if ((there.tag !== tag && !any) || (to !== null && this.objects.has(to))) return false;
    this.#listener.removed(this, path, to);
    if (to !== null) this.create(to, there.bytes, there.about);
    this.objects.delete(path);
    return true;
  }

  /** By a hand that nobody is told of, or a bad disk. */
  overwrite(path: string, bytes: Uint8Array): void {
    this.#set(path, bytes, this.objects.get(path)?.about ?? null);
  }

  /** False: another description was stored first. */
  putSide(path: string, digest: string, about: Uint8Array, now: number): boolean {
    const key = `${path} ${digest}`;
    const there = this.sides.get(key);
    if (there === undefined) this.sides.set(key, { about: Uint8Array.from(about), at: now });
    return there === undefined || Buffer.compare(there.about, about) === 0;
  }

  /** Back to what it was before the newest `share` of its batches, as from a snapshot. */
  restore(keep: (path: string) => boolean): void {
    this.restored += 1;
    for (const [path, stored] of [...this.objects]) {
      if (keep(path)) continue;
      this.#copies.set(path, stored);
      this.objects.delete(path);
    }
    for (const key of [...this.sides.keys()])
      if (!keep(key.slice(0, key.indexOf(" ")))) this.sides.delete(key);
  }

  /** Back to what it was before the first object that is not kept came, whatever was changed since. */
  restoreWhole(keep: (path: string) => boolean): void {
    this.restored += 1;
    this.#journal.backBefore((path) => !keep(path));
  }

  /** Somebody had a copy of what is missing since, and puts it where it was. */
  putBack(): void {
    for (const [path, stored] of this.#copies)
      if (!this.objects.has(path)) this.objects.set(path, stored);
  }

  /** How often it was read wrong before. */
  misread(path: string): number {
    const before = this.#misread.get(path) ?? 0;
    this.#misread.set(path, before + 1);
    return before;
  }

  #set(path: string, bytes: Uint8Array, about: Uint8Array | null): void {
    this.#tags += 1;
    // What a process re-uses or overwrites afterwards must not change what is stored.
    // (A Buffer's own slice is no copy.)
    this.objects.set(path, { bytes: Uint8Array.from(bytes), about, tag: `t${this.#tags}` });
  }
}
