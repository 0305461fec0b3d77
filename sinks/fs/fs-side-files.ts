import { utimes } from "node:fs/promises";
import { join } from "node:path";
import { blake3Hex } from "../../src/core/digest.ts";
import { MAX_MANIFEST_BYTES } from "../../src/core/manifest-schema.ts";
import { stepOrAbsent } from "./fs-error.ts";
import { linkNew, readSmall, unlinkIfThere, withTemp, writeNew } from "./fs-file.ts";
import type { FsFolders } from "./fs-folders.ts";

/**
 * How long a forgotten side file stays for readers whose NFS client still remembers "no manifest".
 */
const KEEP_FORGOTTEN_MS = 10 * 60_000;

export interface Described {
  readonly digest: string;
  readonly about: Uint8Array;
}

/**
 * What a data file is described by until its manifest is there: a file in `tmp/`, durable before
 * the data file has its name. Its name holds the digest of the data and of its path, because two
 * partitions can hold the same bytes.
 */
export class FsSideFiles {
  readonly #tmp: string;
  readonly #fsync: boolean;
  readonly #folders: FsFolders;
  readonly #forgotten: { path: string; atMs: number }[] = [];

  constructor(tmp: string, fsync: boolean, folders: FsFolders) {
    this.#tmp = tmp;
    this.#fsync = fsync;
    this.#folders = folders;
  }

  /** False when another description of the same bytes at the same path was stored first. */
  async put(path: string, blob: Described, temp: string, signal: AbortSignal): Promise<boolean> {
    const name = this.#name(path, blob.digest);
    const ours = await withTemp(temp, async () => {
      await writeNew(temp, blob.about, this.#fsync, signal);
      if ((await linkNew(temp, name)) === "created") return true;
      const stored = await readSmall(name, MAX_MANIFEST_BYTES);
      const now = new Date();
      // Young again, so that no sweep takes it for a leftover now.
      await stepOrAbsent("touch", name, () => utimes(name, now, now));
      return stored !== undefined && Buffer.compare(stored, blob.about) === 0;
    });
    await this.#folders.sync(this.#tmp);
    return ours;
  }

  get(path: string, digest: string): Promise<Uint8Array | undefined> {
    return readSmall(this.#name(path, digest), MAX_MANIFEST_BYTES);
  }

  forget(path: string, digest: string): void {
    this.#forgotten.push({ path: this.#name(path, digest), atMs: performance.now() });
  }

  /** Removes what was forgotten long enough ago; at most a few, since every put calls it. */
  async removeForgotten(): Promise<void> {
    for (let i = 0; i < 4; i++) {
      const oldest = this.#forgotten[0];
      if (oldest === undefined || performance.now() - oldest.atMs < KEEP_FORGOTTEN_MS) return;
      this.#forgotten.shift();
      await unlinkIfThere(oldest.path);
    }
  }

  #name(path: string, digest: string): string {
    return join(this.#tmp, `${digest}.${blake3Hex(Buffer.from(path)).slice(0, 16)}.about`);
  }
}
