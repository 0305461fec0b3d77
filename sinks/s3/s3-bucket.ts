import { HeadBucketCommand, type S3Client } from "@aws-sdk/client-s3";
import { SinkError } from "../../src/sdk/sink-error.ts";
import { answered, s3Error } from "./s3-error.ts";

/** How long a bucket that was seen is taken to be there. */
const SEEN_MS = 10_000;

/** One prefix of one bucket: paths for keys, and our errors for the SDK's. */
export class S3Bucket {
  readonly name: string;
  readonly #client: S3Client;
  readonly #root: string;
  #seenMs = Number.NEGATIVE_INFINITY;

  constructor(client: S3Client, name: string, prefix: string) {
    this.#client = client;
    this.name = name;
    this.#root = prefix === "" ? "" : `${prefix}/`;
  }

  key(path: string): string {
    return this.#root + path;
  }

  path(key: string | undefined): string {
    return (key ?? "").slice(this.#root.length);
  }

  /** One request. Rejects with the signal's reason when it aborts, else with a `SinkError`. */
  async send<T>(
    doing: string,
    request: (client: S3Client, options: { abortSignal: AbortSignal }) => Promise<T>,
    signal: AbortSignal,
  ): Promise<T> {
    signal.throwIfAborted();
    try {
      return await request(this.#client, { abortSignal: signal });
    } catch (error) {
      throw this.failed(error, doing, signal);
    }
  }

  /** What a failed request is thrown on as. */
  failed(error: unknown, doing: string, signal: AbortSignal): unknown {
    if (signal.aborted) return signal.reason;
    return s3Error(error, `${doing} in bucket ${this.name}`);
  }

  /**
   * After a 404 without a body, which does not say whether the bucket is there at all: a wrong
   * bucket must never look like an empty archive.
   */
  async assertThere(signal: AbortSignal): Promise<void> {
    if (performance.now() - this.#seenMs < SEEN_MS) return;
    const input = { Bucket: this.name };
    try {
      await this.send("look", (c, o) => c.send(new HeadBucketCommand(input), o), signal);
    } catch (error) {
      if (!answered(error, 404)) throw error;
      const text = `there is no bucket ${this.name}: create it, or correct \`bucket\` or \`endpoint\``;
      throw new SinkError("sink-permanent", text, { cause: error });
    }
    this.#seenMs = performance.now();
  }

  close(): void {
    this.#client.destroy();
  }
}

/** Stores quote etags in some answers and not in others. */
export const unquoted = (etag: string | undefined): string => (etag ?? "").replaceAll('"', "");
