import { randomBytes } from "node:crypto";
import { mkdir, rmdir, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { BlobHead, BlobStore, NewBlob } from "../../src/sdk/blob-store.ts";
import { IDENTITY_PATH } from "../../src/sdk/identity.ts";
import { SinkError } from "../../src/sdk/sink-error.ts";
import { errnoOf, step, stepOrAbsent } from "./fs-error.ts";
import { linkNew, readRange, unlinkIfThere, withTemp, writeNew } from "./fs-file.ts";
import { FsFolders, syncFolder } from "./fs-folders.ts";
import { folderNames, greatestName, headOf, walk } from "./fs-listing.ts";
import { dropNext, replaceFile } from "./fs-replace.ts";
import { FsSideFiles } from "./fs-side-files.ts";
import { sweepTmp } from "./fs-sweep.ts";

export interface FsStoreOptions {
  /** Absolute. */
  readonly base: string;
  readonly fsync: boolean;
}

/** Enough for the batches between their data and their manifest. */
const REMEMBERED = 1024;

/** Attempts at a data file whose side file a sweep removes at the very moment it is linked. */
const SIDE_FILE_TRIES = 3;

/**
 * The blob verbs on a shared file system: a temporary file, fsync, `link()` to the final name
 * (which never replaces), fsync of the folder. Opening and reading create nothing.
 *
 * A file system that is not mounted looks like an empty archive. So the base folder is made only
 * before `archive.json` was ever seen here, and once it was seen, "absent" is answered only while
 * it is still there.
 */
export class FsStore implements BlobStore {
  readonly #base: string;
  readonly #fsync: boolean;
  readonly #folders: FsFolders;
  readonly #sides: FsSideFiles;
  /** `archive.json` was there once. */
  #seen = false;
  /** What it reports as present has to be durable. */
  #reliedOn = false;
  #madeBase = false;
  /** Names that this process itself made durable, the last ones. */
  readonly #durable = new Set<string>();

  constructor(options: FsStoreOptions) {
    this.#base = options.base;
    this.#fsync = options.fsync;
    this.#folders = new FsFolders(options.base, options.fsync);
    this.#sides = new FsSideFiles(join(options.base, "tmp"), options.fsync, this.#folders);
  }

  async create(path: string, blob: NewBlob, signal: AbortSignal): Promise<"created" | "exists"> {
    signal.throwIfAborted();
    await this.#ready(path);
    await this.#sides.removeForgotten();
    await this.#folders.ensure(join(this.#base, "tmp"));
    await this.#folders.ensure(dirname(join(this.#base, path)));
    const temp = this.#temp();
    try {
      return await withTemp(temp, () => this.#createFrom(temp, path, blob, signal));
    } catch (error) {
      // A folder that was known is gone: the next try makes it again.
      if (error instanceof SinkError && errnoOf(error.cause) === "ENOENT")
        this.#folders.forgetAll();
      throw error;
    }
  }

  async head(path: string, signal: AbortSignal): Promise<BlobHead | undefined> {
    signal.throwIfAborted();
    const full = join(this.#base, path);
    const head = await headOf(full);
    if (head === undefined) return this.#absent();
    if (path === IDENTITY_PATH) this.#seen = true;
    // Its maker may have died between link and fsync; what we call present we may commit upon.
    if (this.#reliedOn && !path.startsWith("tmp/")) await this.#makeDurable(full);
    return head;
  }

  relyOnHeads(): void {
    this.#reliedOn = true;
  }

  get(path: string, from: number, to: number, signal: AbortSignal): AsyncIterable<Uint8Array> {
    return readRange(join(this.#base, path), from, to, signal);
  }

  async about(
    path: string,
    digest: () => Promise<string>,
    signal: AbortSignal,
  ): Promise<Uint8Array | undefined> {
    const found = await this.#sides.get(path, await digest());
    signal.throwIfAborted();
    return found ?? this.#absent();
  }

  async *list(
    folder: string,
    after: string | undefined,
    signal: AbortSignal,
  ): AsyncIterable<BlobHead & { path: string }> {
    if ((await headless(join(this.#base, folder))) === "absent") await this.#absent();
    yield* walk(this.#base, folder, after, signal);
  }

  async *folders(folder: string, signal: AbortSignal): AsyncIterable<string> {
    signal.throwIfAborted();
    yield* (await folderNames(join(this.#base, folder))) ?? (await this.#absent()) ?? [];
  }

  async greatest(
    folder: string,
    upTo: string,
    accepts: (name: string) => boolean,
    signal: AbortSignal,
  ): Promise<string | undefined> {
    const name = await greatestName(
      join(this.#base, folder),
      (n) => accepts(n) && `${folder}/${n}` <= upTo,
      signal,
    );
    return name === undefined ? this.#absent() : `${folder}/${name}`;
  }

  forget(path: string, digest: string): void {
    this.#sides.forget(path, digest);
  }

  async sweep(
    ageMs: number,
    disposable: (about: Uint8Array) => Promise<boolean>,
    signal: AbortSignal,
  ): Promise<number> {
    return sweepTmp(join(this.#base, "tmp"), ageMs, disposable, signal);
  }

  async replace(path: string, bytes: Uint8Array, tag: string, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    await this.#ready(path);
    await this.#folders.ensure(join(this.#base, "tmp"));
    const [base, fsync] = [this.#base, this.#fsync];
    this.#durable.delete(join(base, path));
    await replaceFile({ base, path, bytes, tag, fsync }, signal);
  }

  /** Link first, so that at no instant the file is in neither place. */
  async move(from: string, to: string, tag: string, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    await this.#ready(to);
    const [source, target] = [join(this.#base, from), join(this.#base, to)];
    await dropNext(this.#base, from);
    await this.#folders.ensure(dirname(target));
    if ((await linkNew(source, target)) === "exists") {
      throw new SinkError("sink-permanent", `cannot move ${source}: ${target} is there already`);
    }
    if ((await headOf(target))?.tag !== tag) {
      await unlinkIfThere(target);
      throw new SinkError("sink-permanent", `${source} is no longer what was seen; look again`);
    }
    await this.#folders.sync(dirname(target));
    await unlinkIfThere(source);
    this.#durable.delete(source);
    await this.#folders.sync(dirname(source));
  }

  async remove(path: string, tag: string, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    const full = join(this.#base, path);
    await dropNext(this.#base, path);
    if ((await headOf(full))?.tag !== tag) {
      throw new SinkError("sink-permanent", `${full} is no longer what was seen; look again`);
    }
    await unlinkIfThere(full);
    this.#durable.delete(full);
    await this.#folders.sync(dirname(full));
    if (path.startsWith("tmp/")) await this.#removeEmpty(dirname(full));
  }

  async close(): Promise<void> {
    await this.#sides.removeForgotten();
  }

  #temp(): string {
    return join(this.#base, "tmp", `${randomBytes(12).toString("hex")}.part`);
  }

  async #createFrom(
    temp: string,
    path: string,
    blob: NewBlob,
    signal: AbortSignal,
  ): Promise<"created" | "exists"> {
    const [written, described] = await Promise.allSettled([
      writeNew(temp, blob.bytes, this.#fsync, signal),
      this.#describe(path, blob, signal),
    ]);
    if (written.status === "rejected") throw written.reason;
    if (described.status === "rejected") throw described.reason;
    signal.throwIfAborted();
    const outcome = await this.#publish(temp, join(this.#base, path));
    if (path === IDENTITY_PATH) this.#seen = true;
    return (await this.#stillDescribed(path, blob, described.value)) ? outcome : "exists";
  }

  /** True when what is stored is what we were given, or when nothing was given. */
  async #describe(path: string, blob: NewBlob, signal: AbortSignal): Promise<boolean> {
    const { digest, about } = blob;
    if (about === undefined) return true;
    return this.#sides.put(path, { digest, about }, this.#temp(), signal);
  }

  async #publish(temp: string, final: string): Promise<"created" | "exists"> {
    const outcome = await linkNew(temp, final);
    // Also when it was there: its maker may have died before this.
    this.#durable.delete(final);
    await this.#makeDurable(final);
    return outcome;
  }

  async #makeDurable(full: string): Promise<void> {
    if (this.#durable.has(full)) return;
    await this.#folders.sync(dirname(full));
    this.#durable.add(full);
    const [oldest] = this.#durable;
    if (this.#durable.size > REMEMBERED && oldest !== undefined) this.#durable.delete(oldest);
  }

  /** A sweep may have taken an old side file in the instant between its look and our link. */
  async #stillDescribed(path: string, blob: NewBlob, ours: boolean): Promise<boolean> {
    if (blob.about === undefined) return true;
    const never = new AbortController().signal;
    for (let i = 0; i < SIDE_FILE_TRIES; i++) {
      if ((await this.#sides.get(path, blob.digest)) !== undefined) return ours;
      ours = await this.#describe(path, blob, never);
    }
    throw new SinkError("sink-transient", `the description of ${path} does not stay in tmp/`);
  }

  /** Before a write: the archive is there, or may be begun. */
  async #ready(path: string): Promise<void> {
    const beginning = path === IDENTITY_PATH || path.startsWith("tmp/");
    if (!beginning || this.#seen) return this.#mounted();
    if ((await headless(this.#base)) === "there") return;
    await step("create folder", this.#base, () => mkdir(this.#base));
    this.#madeBase = true;
    if (this.#fsync) await syncFolder(dirname(this.#base));
  }

  async #mounted(): Promise<void> {
    const path = join(this.#base, IDENTITY_PATH);
    if ((await headless(path)) === "there") {
      this.#seen = true;
      return;
    }
    this.#folders.forgetAll();
    const text = `${path} is not there; check that the file system is mounted, nothing is created`;
    throw new SinkError("sink-transient", text);
  }

  async #absent(): Promise<undefined> {
    if (this.#seen) await this.#mounted();
    return undefined;
  }

  /** What a probe made on the way, up to a base that no one had before. */
  async #removeEmpty(folder: string): Promise<void> {
    const last = this.#madeBase && !this.#seen ? dirname(this.#base) : this.#base;
    this.#folders.forgetAll();
    for (let at = folder; at !== last && at.length > last.length; at = dirname(at)) {
      try {
        await rmdir(at);
      } catch (error) {
        if (["ENOTEMPTY", "EEXIST", "ENOENT"].includes(errnoOf(error) ?? "")) return;
        throw error;
      }
    }
  }
}

const headless = async (path: string): Promise<"there" | "absent"> =>
  (await stepOrAbsent("stat", path, () => stat(path))) === undefined ? "absent" : "there";
