import { mkdir, open } from "node:fs/promises";
import { dirname } from "node:path";
import { errnoOf, step } from "./fs-error.ts";

/**
 * Makes folders durable. Several callers share one fsync of a folder when that is safe: one that
 * starts after each of them called, never one that is already running.
 */
export class FsFolders {
  readonly #base: string;
  readonly #fsync: boolean;
  readonly #known = new Map<string, Promise<void>>();
  readonly #syncs = new Map<string, { current: Promise<void>; next?: Promise<void> }>();

  constructor(base: string, fsync: boolean) {
    this.#base = base;
    this.#fsync = fsync;
  }

  /**
   * The folder is there, and its name in its parent is durable, up to the base, which is never made
   * here: a base that is gone is a file system that is not mounted.
   */
  ensure(folder: string): Promise<void> {
    if (folder === this.#base) return Promise.resolve();
    const known = this.#known.get(folder);
    if (known !== undefined) return known;
    const made = this.#make(folder);
    this.#known.set(folder, made);
    made.catch(() => this.#known.delete(folder));
    return made;
  }

  /** After ENOENT: what was there may be gone. */
  forgetAll(): void {
    this.#known.clear();
  }

  sync(folder: string): Promise<void> {
    if (!this.#fsync) return Promise.resolve();
    const running = this.#syncs.get(folder);
    if (running === undefined) return this.#start(folder);
    const again = (): Promise<void> => this.#start(folder);
    // A failure of the running one belongs to those who wait for it.
    running.next ??= running.current.then(again, again);
    return running.next;
  }

  async #make(folder: string): Promise<void> {
    const parent = dirname(folder);
    await this.ensure(parent);
    await step("create folder", folder, async () => {
      try {
        await mkdir(folder);
      } catch (error) {
        if (errnoOf(error) !== "EEXIST") throw error;
      }
    });
    // Also when it was there: who made it may have died before its own fsync.
    await this.sync(parent);
  }

  #start(folder: string): Promise<void> {
    const current = syncFolder(folder).finally(() => {
      if (this.#syncs.get(folder)?.current === current) this.#syncs.delete(folder);
    });
    this.#syncs.set(folder, { current });
    return current;
  }
}

export async function syncFolder(folder: string): Promise<void> {
  await step("fsync folder", folder, async () => {
    const handle = await open(folder, "r");
    try {
      await handle.sync();
    } finally {
      await handle.close();
    }
  });
}
