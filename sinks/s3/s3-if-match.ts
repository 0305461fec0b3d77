import { CannotReplace, SinkError } from "../../src/sdk/sink-error.ts";
import { answered, isDoubtful } from "./s3-error.ts";
import type { S3Objects } from "./s3-objects.ts";
import type { CreateOnlyProof } from "./s3-probe.ts";
import type { S3View } from "./s3-view.ts";

export interface IfMatchParts {
  readonly objects: S3Objects;
  readonly view: S3View;
  readonly proof: CreateOnlyProof;
  /** Whether the object at a path is these bytes. */
  readonly holds: (path: string, bytes: Uint8Array, signal: AbortSignal) => Promise<boolean>;
}

/** As HTTP has it, and as Ceph 16 does, which answers 412 to an etag in quotes. */
type Spelling = (etag: string) => string;
const SPELLINGS: readonly Spelling[] = [(etag) => `"${etag}"`, (etag) => etag];

/** `unknown`: it takes no spelling of the etag that it shows itself. */
export type Honoured = "yes" | "ignored" | "unknown";

/** Requests on condition that an object still is the one that was seen, so that a late one changes nothing. */
export class S3IfMatch {
  readonly #parts: IfMatchParts;
  /** What a store took last comes first: the body of a PUT is not sent twice then. */
  #order = SPELLINGS;
  /** Whether a PUT with a wrong etag was refused. */
  readonly #proven = new Map<Spelling, boolean>();

  constructor(parts: IfMatchParts) {
    this.#parts = parts;
  }

  /** These bytes instead of the object with this etag; one 412 proves nothing, so it is looked at again. */
  async replace(path: string, bytes: Uint8Array, etag: string, signal: AbortSignal): Promise<void> {
    const { objects, holds } = this.#parts;
    let asked = false;
    for (const spelling of this.#order) {
      if (!(await this.#isRefusedWrong(spelling, signal))) continue;
      asked = true;
      try {
        const insteadOf = spelling(etag);
        if ((await objects.put(path, { bytes, insteadOf }, signal)) !== "exists") {
          this.#tookFirst(spelling);
          return;
        }
      } catch (error) {
        signal.throwIfAborted();
        if (!isDoubtful(error) && !isAbsent(error)) throw error;
        if (await holds(path, bytes, signal)) return;
        if (await this.#is(path, etag, signal)) throw error;
        throw unseen(path);
      }
      if (await holds(path, bytes, signal)) return;
      if (!(await this.#is(path, etag, signal))) throw unseen(path);
    }
    throw new CannotReplace(`${path}: ${asked ? UNKNOWN_ETAG : IGNORES}`);
  }

  /** Tried at the probe, whose bytes stay what they are. */
  async tried(signal: AbortSignal): Promise<Honoured> {
    const { proof } = this.#parts;
    let asked = false;
    for (const spelling of this.#order) {
      if (!(await this.#isRefusedWrong(spelling, signal))) continue;
      asked = true;
      if (await proof.takesInsteadOf(spelling, signal)) return "yes";
    }
    return asked ? "unknown" : "ignored";
  }

  /**
   * Removes the object with this etag; false when another one is there, or when the store takes no spelling of it. One
   * that ignores the condition removes whatever is there when the request arrives.
   */
  async remove(path: string, etag: string, signal: AbortSignal): Promise<boolean> {
    for (const spelling of this.#order) {
      if (await this.#removed(path, spelling(etag), signal)) return true;
      const found = await this.#parts.view.head(path, signal);
      if (found === undefined) return true;
      if (found.etag !== etag) return false;
    }
    return false;
  }

  async #removed(path: string, ifMatch: string, signal: AbortSignal): Promise<boolean> {
    const { objects } = this.#parts;
    try {
      return await objects.remove(path, { ifMatch }, signal);
    } catch (error) {
      // It refuses the header instead of ignoring it, so nothing was done.
      if (!answered(error, 501)) throw error;
      return objects.remove(path, {}, signal);
    }
  }

  async #is(path: string, etag: string, signal: AbortSignal): Promise<boolean> {
    return (await this.#parts.view.head(path, signal))?.etag === etag;
  }

  #tookFirst(spelling: Spelling): void {
    this.#order = [spelling, ...SPELLINGS.filter((s) => s !== spelling)];
  }

  /** Once per process and spelling, with the probe's own bytes over the probe: nothing changes either way. */
  async #isRefusedWrong(spelling: Spelling, signal: AbortSignal): Promise<boolean> {
    const known = this.#proven.get(spelling);
    if (known !== undefined) return known;
    const refused = await this.#parts.proof.refusesInsteadOf(spelling(NO_ETAG), signal);
    this.#proven.set(spelling, refused);
    return refused;
  }
}

/** As an etag looks that is an MD5, and of nothing. */
const NO_ETAG = "0".repeat(32);

const isAbsent = (error: unknown): boolean => answered(error, 404, "NoSuchKey");

export const unseen = (path: string): SinkError =>
  new SinkError("sink-permanent", `${path} is no longer what was seen; look again`);

export const notRemoved = (path: string): SinkError => {
  const text =
    "is no longer what was seen, or the store refuses the etag that it shows; look again";
  return new SinkError("sink-permanent", `${path} ${text}`);
};

const IGNORES =
  "the store answered success to a PUT with another etag in If-Match than is there, so one that comes late could " +
  "replace a newer object, and nothing is replaced: copy the archive into a store that honours If-Match " +
  "(docs/sinks/s3.md)";

const UNKNOWN_ETAG =
  "the store answers 412 to the etag that it shows itself, with and without quotes: look for a proxy that changes " +
  "ETag or If-Match, or for versions in a bucket of Ceph 16, which takes no etag there";
