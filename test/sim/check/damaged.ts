import type { SimStore } from "../stores/store.ts";
import { manifestOf } from "./amended.ts";
import { Violation } from "./violation.ts";

/** What an administrator changed or took in a store, and what a repair may therefore do there. */
interface Damage {
  readonly store: SimStore;
  /** Of the batch. */
  readonly manifest: string;
  readonly path: string;
  /** What lies there since; null: nothing. */
  readonly bytes: Uint8Array | null;
  /** When, by the run's own time. */
  readonly at: number;
  /** Of its offsets, `end` exclusive. */
  readonly range: { readonly start: number; readonly end: number };
  mended: boolean;
}

/** The one exception to write-once: what is damaged goes to `quarantine/`, with the rest of its batch. */
export class Damages {
  readonly #all: Damage[] = [];

  note(d: Omit<Damage, "manifest" | "mended">): void {
    this.#all.push({ ...d, manifest: manifestOf(d.path), mended: false });
  }

  /** Whether something else lies at a path than belongs there. */
  isWrong(store: SimStore, path: string): boolean {
    const wrong = this.#all.filter((d) => d.bytes !== null && !d.mended);
    return wrong.some((d) => d.store === store && d.path === path);
  }

  /** What is wrong gives way in one step, and is kept. False: nothing was wrong. */
  replaced(store: SimStore, path: string, before: Uint8Array): boolean {
    if (!this.isWrong(store, path)) return false;
    if (!isAside(store, path, before))
      throw new Violation("write-once", `${store.name}: ${path} was replaced and is nowhere else`);
    this.created(store, path);
    return true;
  }

  /** Something was created: what stood in its place before is damaged no more. */
  created(store: SimStore, path: string): void {
    for (const d of this.#all) if (d.store === store && d.path === path) d.mended = true;
  }

  /** Batches below a folder that were there, and whose manifest is not what it was. */
  ranges(store: SimStore, folder: string): Damage["range"][] {
    const own = this.#all.filter((d) => d.store === store && !d.mended && d.path === d.manifest);
    return own.filter((d) => d.manifest.startsWith(`${folder}/`)).map((d) => d.range);
  }

  /** Whether something of a batch is not mended. */
  isBad(store: SimStore, manifest: string): boolean {
    return this.#all.some((d) => d.store === store && d.manifest === manifest && !d.mended);
  }

  /** Whether something of the batch of a path is not what it was. */
  isBatchWrong(store: SimStore, path: string): boolean {
    return this.#all.some(
      (d) => d.store === store && d.manifest === manifestOf(path) && d.bytes !== null && !d.mended,
    );
  }

  /** What was wrong and lies in `quarantine/` now. */
  isKept(store: SimStore, aside: string): boolean {
    const bytes = store.objects.get(aside)?.bytes ?? new Uint8Array();
    return this.#all.some(
      (d) =>
        d.store === store &&
        d.bytes !== null &&
        aside.startsWith(`quarantine/${d.path}.`) &&
        Buffer.compare(d.bytes, bytes) === 0,
    );
  }

  /** Whether something was done to the batch of a manifest since a time. */
  since(at: number, manifest: string): boolean {
    return this.#all.some((d) => d.at >= at && d.manifest === manifest);
  }

  /** Whether an administrator took what lay at a path since a time. */
  tookSince(at: number, store: SimStore, path: string): boolean {
    const taken = this.#all.filter((d) => d.store === store && d.bytes === null);
    return taken.some((d) => d.path === path && d.at >= at);
  }

  /** A batch is set aside while one of its objects is not what it was, and unchanged. */
  checkAside(store: SimStore, path: string, to: string | null): void {
    const wrong = (d: Damage): boolean => d.bytes !== null && !d.mended;
    const own = this.#all.filter((d) => d.store === store && d.manifest === manifestOf(path));
    if (!own.some(wrong))
      throw new Violation("write-once", `${store.name}: ${path} is good and was set aside`);
    if (path.startsWith("data/") && store.objects.has(manifestOf(path)))
      throw new Violation("order", `${store.name}: ${path} was set aside before its manifest`);
    if (to !== null) return;
    // By a copy and a delete.
    const bytes = store.objects.get(path)?.bytes ?? new Uint8Array();
    if (!isAside(store, path, bytes))
      throw new Violation("write-once", `${store.name}: ${path} was removed and is nowhere else`);
  }

  /** When every repair has said that it is done: what was wrong is mended, and kept as it was. */
  checkMended(): void {
    for (const { store, path, bytes, mended } of this.#all) {
      if (!mended) throw new Violation("repair", `${store.name}: ${path} is not mended`);
      if (bytes === null || isAside(store, path, bytes)) continue;
      throw new Violation("repair", `${store.name}: what was wrong at ${path} is not kept`);
    }
  }
}

const isAside = (store: SimStore, path: string, bytes: Uint8Array): boolean =>
  store
    .paths("quarantine")
    .filter((p) => p.startsWith(`quarantine/${path}.`))
    .some((p) => Buffer.compare(store.objects.get(p)?.bytes ?? new Uint8Array(), bytes) === 0);
