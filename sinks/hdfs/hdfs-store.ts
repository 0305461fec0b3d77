import { randomBytes } from "node:crypto";
import { posix } from "node:path";
import type { BlobHead, BlobStore, NewBlob } from "../../src/sdk/blob-store.ts";
import { IDENTITY_PATH } from "../../src/sdk/identity.ts";
import { SinkError } from "../../src/sdk/sink-error.ts";
import { storedEquals } from "../blob/read-whole.ts";
import { HdfsAbouts } from "./hdfs-about.ts";
import type { FileStatus } from "./hdfs-answers.ts";
import { HdfsError } from "./hdfs-error.ts";
import { HdfsFolders } from "./hdfs-folders.ts";
import { greatestName } from "./hdfs-greatest.ts";
import { folderNames, startingWith, tagOf, walk } from "./hdfs-listing.ts";
import { readRange, readSmall } from "./hdfs-read.ts";
import { dropNext, replaceFile } from "./hdfs-replace.ts";
import { sweepTmp } from "./hdfs-sweep.ts";
import { byChecksum, dropTemp, renameNew, writeTemp } from "./hdfs-writer.ts";
import type { CreateOptions, Page, WebHdfs } from "./webhdfs.ts";

export interface HdfsStoreOptions {
  /** Absolute folder of the archive in HDFS, without a slash at its end. */
  readonly base: string;
  readonly create: CreateOptions;
  /** Octal, of folders; left out: the cluster's. */
  readonly folderPermission: string | undefined;
}

/**
 * The blob verbs on HDFS: CREATE of a temporary file, its length and checksum compared, its
 * description set as an extended attribute, RENAME to the final name, which never replaces.
 */
export class HdfsStore implements BlobStore {
  readonly #web: WebHdfs;
  readonly #options: HdfsStoreOptions;
  readonly #folders: HdfsFolders;
  readonly #abouts: HdfsAbouts;

  constructor(web: WebHdfs, options: HdfsStoreOptions) {
    const { base, folderPermission: permission } = options;
    this.#web = web;
    this.#options = options;
    this.#folders = new HdfsFolders(web, { base, permission });
    this.#abouts = new HdfsAbouts(web, {
      put: (name, bytes, signal) => this.#putSide(name, bytes, signal),
      get: (name, max, signal) => readSmall(web, this.#absolute(`tmp/${name}`), max, signal),
    });
  }

  async create(path: string, blob: NewBlob, signal: AbortSignal): Promise<"created" | "exists"> {
    signal.throwIfAborted();
    const folder = posix.dirname(path);
    await this.#folders.ensure("tmp", beginning(path), signal);
    await this.#folders.ensure(folder === "." ? "" : folder, beginning(path), signal);
    const temp = this.#absolute(`tmp/${randomBytes(12).toString("hex")}.part`);
    const outcome = await this.#withTemp(temp, () => this.#createFrom(temp, path, blob, signal));
    if (path === IDENTITY_PATH) this.#folders.saw();
    return outcome;
  }

  async head(path: string, signal: AbortSignal): Promise<BlobHead | undefined> {
    const file = await this.#file(path, signal);
    if (file === undefined) return this.#absent(signal);
    if (path === IDENTITY_PATH) this.#folders.saw();
    return { size: file.length, tag: tagOf(file) };
  }

  get(path: string, from: number, to: number, signal: AbortSignal): AsyncIterable<Uint8Array> {
    return readRange(this.#web, this.#absolute(path), from, to, signal);
  }

  async holds(path: string, bytes: Uint8Array, signal: AbortSignal): Promise<boolean | undefined> {
    const file = await this.#file(path, signal);
    if (file?.length !== bytes.length) return false;
    const said = await byChecksum(this.#web, this.#absolute(path), file, bytes, signal);
    return said === "equal" ? true : undefined;
  }

  async about(
    path: string,
    _digest: () => Promise<string>,
    signal: AbortSignal,
  ): Promise<Uint8Array | undefined> {
    return (await this.#abouts.get(this.#absolute(path), signal)) ?? this.#absent(signal);
  }

  async *list(
    folder: string,
    after: string | undefined,
    signal: AbortSignal,
  ): AsyncIterable<BlobHead & { path: string }> {
    const all = walk(this.#web, (p) => this.#absolute(p), folder, after, signal);
    if (!(yield* all)) await this.#absent(signal);
  }

  async *startingWith(
    folder: string,
    prefix: string,
    signal: AbortSignal,
  ): AsyncIterable<BlobHead & { path: string }> {
    const found = startingWith(this.#web, (p) => this.#absolute(p), folder, prefix, signal);
    if (!(yield* found)) await this.#absent(signal);
  }

  async *folders(folder: string, signal: AbortSignal): AsyncIterable<string> {
    const names = await folderNames(this.#web, this.#absolute(folder), signal);
    if (names === undefined) await this.#absent(signal);
    else yield* names;
  }

  async greatest(
    folder: string,
    upTo: string,
    accepts: (name: string) => boolean,
    signal: AbortSignal,
  ): Promise<string | undefined> {
    const path = this.#absolute(folder);
    const pageAfter = (after: string): Promise<Page | undefined> =>
      this.#web.page(path, after, signal);
    const found = await greatestName(pageAfter, upTo.slice(folder.length + 1), accepts);
    if (found === undefined) return this.#absent(signal);
    return found.name === undefined ? undefined : `${folder}/${found.name}`;
  }

  async sweep(
    ageMs: number,
    disposable: (about: Uint8Array) => Promise<boolean>,
    signal: AbortSignal,
  ): Promise<number> {
    const restore = (name: string, about: Uint8Array): Promise<void> =>
      this.#putSide(name, about, signal);
    const sweep = { tmp: this.#absolute("tmp"), ageMs, disposable, restore };
    return sweepTmp(this.#web, sweep, signal);
  }

  async replace(path: string, bytes: Uint8Array, tag: string, signal: AbortSignal): Promise<void> {
    const { base, create } = this.#options;
    await this.#folders.ensure("tmp", false, signal);
    await replaceFile(this.#web, { base, path, bytes, tag, create }, signal);
  }

  async move(from: string, to: string, tag: string, signal: AbortSignal): Promise<void> {
    const [source, target] = [this.#absolute(from), this.#absolute(to)];
    await dropNext(this.#web, this.#options.base, from, signal);
    const seen = await this.#seen(from, tag, signal);
    await this.#folders.ensure(posix.dirname(to), false, signal);
    if ((await renameNew(this.#web, source, target, seen, signal)) === "created") return;
    throw new SinkError("sink-permanent", `cannot move ${source}: ${target} is there already`);
  }

  async remove(path: string, tag: string, signal: AbortSignal): Promise<void> {
    await dropNext(this.#web, this.#options.base, path, signal);
    await this.#seen(path, tag, signal);
    await this.#web.remove(this.#absolute(path), signal);
    if (path.startsWith("tmp/")) await this.#removeEmpty(posix.dirname(path), signal);
  }

  /** For `check`: a file written and described as a batch is, gone again afterwards. */
  async withProbe(
    bytes: Uint8Array,
    use: (path: string, written: FileStatus) => Promise<void>,
    signal: AbortSignal,
  ): Promise<void> {
    await this.#folders.ensure("tmp", true, signal);
    const path = this.#absolute(`tmp/${randomBytes(12).toString("hex")}.part`);
    try {
      const written = await writeTemp(this.#web, path, bytes, this.#options.create, signal);
      await this.#abouts.put(path, Buffer.from("{}"), signal);
      await use(path, written);
    } finally {
      await dropTemp(this.#web, path);
    }
    await this.#removeEmpty("tmp", signal);
  }

  close(): Promise<void> {
    this.#web.nodes.close();
    return Promise.resolve();
  }

  #absolute(path: string): string {
    return `${this.#options.base}/${path}`;
  }

  async #file(path: string, signal: AbortSignal): Promise<FileStatus | undefined> {
    const file = await this.#web.status(this.#absolute(path), signal);
    if (file === undefined || file.type === "FILE") return file;
    throw new SinkError("sink-permanent", `${this.#absolute(path)} is not a file; move it away`);
  }

  async #seen(path: string, tag: string, signal: AbortSignal): Promise<FileStatus> {
    const file = await this.#file(path, signal);
    if (file !== undefined && tagOf(file) === tag) return file;
    const text = `${this.#absolute(path)} is no longer what was seen; look again`;
    throw new SinkError("sink-permanent", text);
  }

  async #absent(signal: AbortSignal): Promise<undefined> {
    await this.#folders.stillThere(signal);
    return undefined;
  }

  async #withTemp<T extends string>(temp: string, run: () => Promise<T>): Promise<T> {
    let outcome: T;
    try {
      outcome = await run();
    } catch (error) {
      // A folder that was known may be gone: the next try makes it again.
      this.#folders.forgetAll();
      await dropTemp(this.#web, temp);
      throw error;
    }
    if (outcome === "exists") await dropTemp(this.#web, temp);
    return outcome;
  }

  async #createFrom(
    temp: string,
    path: string,
    blob: NewBlob,
    signal: AbortSignal,
  ): Promise<"created" | "exists"> {
    const final = this.#absolute(path);
    const { bytes, about } = blob;
    const written = await writeTemp(this.#web, temp, bytes, this.#options.create, signal);
    if (about !== undefined) await this.#abouts.put(temp, about, signal);
    signal.throwIfAborted();
    const outcome = await renameNew(this.#web, temp, final, written, signal);
    if (outcome === "refused") {
      const text = `RENAME to ${final} was refused and nothing is there; its folder may be gone`;
      throw new SinkError("sink-transient", text);
    }
    if (about === undefined) return outcome;
    if (outcome === "exists") await this.#describeAgain(path, bytes, about, signal);
    else await this.#abouts.keep(about, signal);
    return outcome;
  }

  /** Our bytes are there and nothing describes them: whoever has them brings it back. */
  async #describeAgain(
    path: string,
    bytes: Uint8Array,
    about: Uint8Array,
    signal: AbortSignal,
  ): Promise<void> {
    const final = this.#absolute(path);
    if ((await this.#abouts.get(final, signal)) !== undefined) return;
    if (await storedEquals(this, path, bytes, signal)) {
      await this.#abouts.put(final, about, signal);
    }
  }

  async #putSide(name: string, bytes: Uint8Array, signal: AbortSignal): Promise<void> {
    const final = this.#absolute(`tmp/${name}`);
    if (await storedEquals(this, `tmp/${name}`, bytes, signal)) {
      // Young again, so that no sweep takes it for a leftover now.
      await this.#web.touch(final, Date.now(), signal);
      return;
    }
    const temp = `${final}.${randomBytes(6).toString("hex")}.part`;
    await this.#withTemp(temp, async () => {
      const written = await writeTemp(this.#web, temp, bytes, this.#options.create, signal);
      return renameNew(this.#web, temp, final, written, signal);
    });
  }

  /** What a probe made on the way, up to a base that no one had before. */
  async #removeEmpty(folder: string, signal: AbortSignal): Promise<void> {
    this.#folders.forgetAll();
    const paths: string[] = [];
    for (let at = folder; at !== "."; at = posix.dirname(at)) paths.push(this.#absolute(at));
    if (this.#folders.baseIsOurs) paths.push(this.#options.base);
    for (const path of paths) {
      try {
        await this.#web.remove(path, signal);
      } catch (error) {
        if (error instanceof HdfsError && /not ?empty/i.test(error.message)) return;
        throw error;
      }
    }
  }
}

const beginning = (path: string): boolean => path === IDENTITY_PATH || path.startsWith("tmp/");
