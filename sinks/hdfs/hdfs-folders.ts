import { posix } from "node:path";
import { IDENTITY_PATH } from "../../src/sdk/identity.ts";
import { SinkError } from "../../src/sdk/sink-error.ts";
import type { WebHdfs } from "./webhdfs.ts";

export interface HdfsFoldersOptions {
  /** Absolute folder of the archive. */
  readonly base: string;
  /** Octal; left out: the cluster's. */
  readonly permission: string | undefined;
}

/**
 * Makes folders, once each. MKDIRS makes every folder above as well, so a wrong path or another
 * cluster behind the address would look like a new archive: the base is made only below a folder
 * that is there, and only before `archive.json` was ever seen; afterwards folders are made, and
 * "absent" is answered, only while it is still there.
 */
export class HdfsFolders {
  readonly #web: WebHdfs;
  readonly #options: HdfsFoldersOptions;
  readonly #known = new Set<string>();
  #seen = false;
  #madeBase = false;

  constructor(web: WebHdfs, options: HdfsFoldersOptions) {
    this.#web = web;
    this.#options = options;
  }

  /** `archive.json` was there. */
  saw(): void {
    this.#seen = true;
  }

  /** Made by this process, and no archive was begun in it. */
  get baseIsOurs(): boolean {
    return this.#madeBase && !this.#seen;
  }

  /** The folder, relative to the base, is there; `beginning` when it may be the first of all. */
  async ensure(folder: string, beginning: boolean, signal: AbortSignal): Promise<void> {
    if (this.#known.has(folder)) return;
    // Several callers may make the same one, which harms nothing; a shared call would be aborted
    // by whoever began it.
    await this.#make(folder, beginning, signal);
    this.#known.add(folder);
  }

  /** After a name was missing: what was there may be gone. */
  forgetAll(): void {
    this.#known.clear();
  }

  /** @throws SinkError `sink-transient` when the archive that was seen is not there any more. */
  async stillThere(signal: AbortSignal): Promise<void> {
    if (this.#seen) await this.#mounted(signal);
  }

  async #make(folder: string, beginning: boolean, signal: AbortSignal): Promise<void> {
    const { base, permission } = this.#options;
    if (!beginning || this.#seen) await this.#mounted(signal);
    else if ((await this.#web.status(base, signal)) === undefined) await this.#begin(signal);
    if (folder !== "") await this.#web.mkdirs(`${base}/${folder}`, permission, signal);
  }

  async #begin(signal: AbortSignal): Promise<void> {
    const { base, permission } = this.#options;
    const parent = posix.dirname(base);
    if ((await this.#web.status(parent, signal)) === undefined) {
      const text = `${parent} is not there in HDFS; make it, or correct \`path\``;
      throw new SinkError("sink-transient", text);
    }
    await this.#web.mkdirs(base, permission, signal);
    this.#madeBase = true;
  }

  async #mounted(signal: AbortSignal): Promise<void> {
    const path = `${this.#options.base}/${IDENTITY_PATH}`;
    if ((await this.#web.status(path, signal)) !== undefined) {
      this.#seen = true;
      return;
    }
    this.#known.clear();
    const text = `${path} is not there; is this the right cluster? Nothing is created`;
    throw new SinkError("sink-transient", text);
  }
}
