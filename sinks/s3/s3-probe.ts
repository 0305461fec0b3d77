import { randomBytes } from "node:crypto";
import { SinkError } from "../../src/sdk/sink-error.ts";
import type { S3Bucket } from "./s3-bucket.ts";
import type { CreateOnly } from "./s3-create.ts";
import { versionPages } from "./s3-listing.ts";
import type { PutAnswer, S3Objects } from "./s3-objects.ts";

/**
 * It stays, so that from the second start on one request proves the point. It is no leftover that a
 * sweep may take: a sweep between another process' two requests would make the store look bad.
 */
export const PROBE_PATH = "tmp/create-only-probe";

const BYTES = Buffer.from("Written twice: the second time the store has to answer 412.\n");

/** What the store did with an object that was there already. */
export type Proof = "refused" | "kept-as-version" | "not-asked";

/**
 * Before the first write of a process: the store is what the configuration says. An old gateway, a
 * proxy that drops headers, a bucket that became versioned: all of them answer 200 to a second
 * writer, and nothing else would ever show it.
 */
export class CreateOnlyProof {
  readonly #mode: CreateOnly;
  readonly #bucket: S3Bucket;
  readonly #objects: S3Objects;
  #proven: Proof | undefined;

  constructor(mode: CreateOnly, bucket: S3Bucket, objects: S3Objects) {
    this.#mode = mode;
    this.#bucket = bucket;
    this.#objects = objects;
  }

  /** Rejects with `sink-permanent` when the store is another than configured. */
  async proven(signal: AbortSignal): Promise<Proof> {
    // Calls at the same time each ask: sharing one answer would share its abort as well.
    this.#proven ??= await this.#ask(signal);
    return this.#proven;
  }

  /** Whether the store refuses to put the probe's bytes over the probe when `If-Match` names another etag. */
  async refusesInsteadOf(insteadOf: string, signal: AbortSignal): Promise<boolean> {
    await this.#put(PROBE_PATH, signal);
    const blob = { bytes: BYTES, insteadOf };
    if ((await this.#objects.put(PROBE_PATH, blob, signal)) !== "exists") return false;
    // Of what is absent every store says so, whatever it makes of an etag.
    if ((await this.#objects.head(PROBE_PATH, undefined, signal)) !== undefined) return true;
    throw new SinkError("sink-transient", `${PROBE_PATH} was removed while the store was tried`);
  }

  /** Whether it does so when `If-Match` names the probe's own etag, spelled like this. */
  async takesInsteadOf(spelling: (etag: string) => string, signal: AbortSignal): Promise<boolean> {
    const found = await this.#objects.head(PROBE_PATH, undefined, signal);
    if (found === undefined)
      throw new SinkError("sink-transient", `${PROBE_PATH} was removed while the store was tried`);
    const blob = { bytes: BYTES, insteadOf: spelling(found.etag) };
    return (await this.#objects.put(PROBE_PATH, blob, signal)) !== "exists";
  }

  async #ask(signal: AbortSignal): Promise<Proof> {
    if (this.#mode === "head-then-put") return "not-asked";
    const first = await this.#put(PROBE_PATH, signal);
    const second = first === "exists" ? first : await this.#put(PROBE_PATH, signal);
    if (first === "exists" || second === "exists") {
      if (this.#mode === "oldest-version") await this.#assertVersions(signal);
      return "refused";
    }
    if (this.#mode === "oldest-version") return this.#keptBoth(first, second, signal);
    // Somebody may have removed it in between; under a name that nobody knows nobody does.
    const path = `tmp/check-${randomBytes(8).toString("hex")}/create-only`;
    await this.#put(path, signal);
    if ((await this.#put(path, signal)) === "exists") return "refused";
    throw new SinkError("sink-permanent", IGNORES);
  }

  /** A store that honours the condition still has to give each object a version. */
  async #assertVersions(signal: AbortSignal): Promise<void> {
    const { versionId = "null" } = (await this.#objects.head(PROBE_PATH, undefined, signal)) ?? {};
    if (versionId === "null") throw new SinkError("sink-permanent", NO_VERSIONS);
  }

  async #keptBoth(first: PutAnswer, second: PutAnswer, signal: AbortSignal): Promise<Proof> {
    const query = { begin: PROBE_PATH, most: 100 };
    for await (const { objects } of versionPages(this.#bucket, query, signal)) {
      const ids = objects.map((o) => o.versionId);
      const [older, newer] = [ids.indexOf(first.versionId), ids.indexOf(second.versionId)];
      if (first.versionId !== undefined && newer >= 0 && older > newer) return "kept-as-version";
      break;
    }
    throw new SinkError("sink-permanent", NO_VERSIONS);
  }

  #put(path: string, signal: AbortSignal): Promise<"exists" | PutAnswer> {
    return this.#objects.put(path, { bytes: BYTES }, signal);
  }
}

const IGNORES =
  "the store answered success to a PUT with If-None-Match of a name that is there, so it may " +
  "replace a batch. Ceph does that in buckets with versions or object lock: take a bucket " +
  "without, or for a sink that is no primary set createOnly: oldest-version (docs/sinks/s3.md)";

const NO_VERSIONS =
  "createOnly: oldest-version needs a bucket that keeps every version: enable versioning of the " +
  "bucket, or take createOnly: atomic where the store honours If-None-Match";
