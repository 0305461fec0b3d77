import { messageOf } from "../../src/core/message.ts";
import { SinkError } from "../../src/sdk/sink-error.ts";
import { isDoubtful } from "./s3-error.ts";
import { holdsBytes } from "./s3-evidence.ts";
import type { NewObject, PutAnswer, S3Objects } from "./s3-objects.ts";
import type { S3Config } from "./s3-schema.ts";
import type { S3View } from "./s3-view.ts";

export type CreateOnly = S3Config["createOnly"];

/** Creates one object so that nothing is ever replaced, as far as the store can. */
export class S3Creator {
  readonly #mode: CreateOnly;
  readonly #objects: S3Objects;
  readonly #view: S3View;

  constructor(mode: CreateOnly, objects: S3Objects, view: S3View) {
    this.#mode = mode;
    this.#objects = objects;
    this.#view = view;
  }

  async create(path: string, blob: NewObject, signal: AbortSignal): Promise<"created" | "exists"> {
    if (await this.#isThere(path, signal)) return "exists";
    let answer: "exists" | PutAnswer;
    try {
      answer = await this.#objects.put(path, blob, signal);
    } catch (error) {
      return this.#afterDoubt(error, path, signal);
    }
    if (answer === "exists" || this.#mode === "atomic") {
      return answer === "exists" ? "exists" : "created";
    }
    return this.#mode === "oldest-version"
      ? this.#isOldest(path, answer, signal)
      : this.#isOurs(path, blob, signal);
  }

  /** Where the store refuses a second writer by itself, it is not asked first. */
  async #isThere(path: string, signal: AbortSignal): Promise<boolean> {
    if (this.#mode === "atomic") return false;
    if (this.#mode === "head-then-put") return (await this.#view.find(path, signal)) !== undefined;
    return (await this.#view.version(path, signal)) !== undefined;
  }

  /** The request may have been done, may be done later, or never: what is there now decides. */
  async #afterDoubt(error: unknown, path: string, signal: AbortSignal): Promise<"exists"> {
    signal.throwIfAborted();
    if (!isDoubtful(error)) throw error;
    let found;
    try {
      found = await this.#view.find(path, signal);
    } catch (second) {
      signal.throwIfAborted();
      const text = `${messageOf(error)}; what is there now cannot be told: ${messageOf(second)}`;
      throw new SinkError("sink-transient", text, { cause: error });
    }
    if (found === undefined) throw error;
    return "exists";
  }

  /** Of versions that raced the store's own order decides, for all who ask alike. */
  async #isOldest(
    path: string,
    { versionId }: PutAnswer,
    signal: AbortSignal,
  ): Promise<"created" | "exists"> {
    if (versionId === undefined || versionId === "null") {
      const text = `${path} was written without a version: enable versioning of the bucket`;
      throw new SinkError("sink-permanent", text);
    }
    const oldest = await this.#view.version(path, signal);
    return oldest?.id === versionId ? "created" : "exists";
  }

  /** A store that ignores conditions answers success to a writer whose object was replaced. */
  async #isOurs(
    path: string,
    { bytes, about }: NewObject,
    signal: AbortSignal,
  ): Promise<"created" | "exists"> {
    const stored = await this.#view.find(path, signal);
    const ours =
      stored !== undefined && stored.about === about && holdsBytes(stored, bytes) === true;
    return ours ? "created" : "exists";
  }
}
