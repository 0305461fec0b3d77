import {
  DeleteObjectCommand,
  GetObjectCommand,
  HeadObjectCommand,
  PutObjectCommand,
} from "@aws-sdk/client-s3";
import { SinkError } from "../../src/sdk/sink-error.ts";
import { ABOUT_NAME } from "./s3-about.ts";
import { type S3Bucket, unquoted } from "./s3-bucket.ts";
import { answered } from "./s3-error.ts";
import { ownHeaders, payloadHash } from "./s3-headers.ts";
import type { S3Config } from "./s3-schema.ts";

/** One object, or one version of it. */
export interface StoredObject {
  readonly size: number;
  /** Without quotes. */
  readonly etag: string;
  readonly versionId: string | undefined;
  /** The metadata that holds the description. */
  readonly about: string | undefined;
  /** Verified by the store, base64; AWS and MinIO keep it. */
  readonly sha256: string | undefined;
}

export interface NewObject {
  readonly bytes: Uint8Array;
  readonly about?: string;
  /** A value of `If-Match`: replaces what has this etag. Left out: nothing is replaced. */
  readonly insteadOf?: string;
}

export interface PutAnswer {
  readonly etag: string;
  readonly versionId: string | undefined;
}

/** Single objects of a bucket: each method is one request. */
export class S3Objects {
  readonly #bucket: S3Bucket;
  readonly #config: S3Config;

  constructor(bucket: S3Bucket, config: S3Config) {
    this.#bucket = bucket;
    this.#config = config;
  }

  /** Where the store honours the condition its 412 is `exists`: something is there, or something else. */
  async put(path: string, blob: NewObject, signal: AbortSignal): Promise<"exists" | PutAnswer> {
    const { bytes, about, insteadOf } = blob;
    const { integrity } = this.#config;
    // What is replaced cannot be looked up afterwards: the store has to compare a hash in any case.
    const compared = insteadOf !== undefined && integrity === "tls" ? "md5" : integrity;
    const hash = payloadHash(bytes, compared);
    const command = new PutObjectCommand({
      ...this.#at(path),
      ...ownHeaders(this.#config, path, new Date()),
      ...hash.headers,
      // A view, not a copy: the bytes may lie in shared memory and are never changed.
      Body: Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength),
      ContentLength: bytes.length,
      ContentType: path.endsWith(".json") ? "application/json" : "application/octet-stream",
      ...(insteadOf === undefined ? { IfNoneMatch: "*" } : { IfMatch: insteadOf }),
      ...(about === undefined ? {} : { Metadata: { [ABOUT_NAME]: about } }),
    });
    // The signer takes this header as the payload's hash instead of computing one.
    command.middlewareStack.add(
      (next) => (args) => {
        const { headers } = args.request as { headers: Record<string, string> };
        headers["x-amz-content-sha256"] = hash.signed;
        return next(args);
      },
      { step: "build", name: "payloadHash" },
    );
    try {
      const doing = `create ${path}`;
      const done = await this.#bucket.send(doing, (c, o) => c.send(command, o), signal);
      return { etag: unquoted(done.ETag), versionId: done.VersionId };
    } catch (error) {
      if (answered(error, 412)) return "exists";
      throw error;
    }
  }

  /** Of the current version, or of the one named. */
  async head(
    path: string,
    versionId: string | undefined,
    signal: AbortSignal,
  ): Promise<StoredObject | undefined> {
    const command = new HeadObjectCommand({
      ...this.#at(path),
      VersionId: versionId,
      ChecksumMode: "ENABLED",
    });
    try {
      const doing = `look at ${path}`;
      const found = await this.#bucket.send(doing, (c, o) => c.send(command, o), signal);
      return {
        size: found.ContentLength ?? 0,
        etag: unquoted(found.ETag),
        versionId: found.VersionId,
        about: found.Metadata?.[ABOUT_NAME],
        sha256: found.ChecksumType === "COMPOSITE" ? undefined : found.ChecksumSHA256,
      };
    } catch (error) {
      if (!answered(error, 404)) throw error;
      await this.#bucket.assertThere(signal);
      return undefined;
    }
  }

  /** By a retention that is not over, or a legal hold; false also where these keys may not see either. */
  async locked(path: string, versionId: string | undefined, signal: AbortSignal): Promise<boolean> {
    const command = new HeadObjectCommand({ ...this.#at(path), VersionId: versionId });
    try {
      const doing = `look at the lock of ${path}`;
      const found = await this.#bucket.send(doing, (c, o) => c.send(command, o), signal);
      const until = found.ObjectLockRetainUntilDate?.getTime() ?? 0;
      return until > Date.now() || found.ObjectLockLegalHoldStatus === "ON";
    } catch (error) {
      if (!answered(error, 404)) throw error;
      return false;
    }
  }

  /** Bytes [from, to); rejects with `sink-transient` when the object is absent or ends early. */
  async *get(
    path: string,
    versionId: string | undefined,
    range: { readonly from: number; readonly to: number },
    signal: AbortSignal,
  ): AsyncIterable<Uint8Array> {
    const { from, to } = range;
    if (from >= to) return;
    const command = new GetObjectCommand({
      ...this.#at(path),
      VersionId: versionId,
      Range: `bytes=${from}-${to - 1}`,
    });
    let at = from;
    const doing = `read ${path}`;
    try {
      const { Body } = await this.#bucket.send(doing, (c, o) => c.send(command, o), signal);
      // The SDK's type covers browsers as well; under Node it is a stream of buffers.
      for await (const piece of (Body ?? []) as AsyncIterable<Uint8Array>) {
        at += piece.length;
        yield piece;
      }
    } catch (error) {
      const known = this.#bucket.failed(error, doing, signal);
      const absent = answered(known, 404, "NoSuchKey", "NoSuchVersion") || answered(known, 416);
      if (!absent) throw known;
      const text = `${path} is absent, or ends before byte ${to}`;
      throw new SinkError("sink-transient", text, { cause: error });
    }
    if (at !== to) throw new SinkError("sink-transient", `${path} ends at byte ${at}, not ${to}`);
  }

  /** `ifMatch`: false when the store sees another etag than this; stores that ignore it never say so. */
  async remove(
    path: string,
    which: { readonly versionId?: string | undefined; readonly ifMatch?: string },
    signal: AbortSignal,
  ): Promise<boolean> {
    const { versionId: VersionId, ifMatch: IfMatch } = which;
    const command = new DeleteObjectCommand({ ...this.#at(path), VersionId, IfMatch });
    try {
      await this.#bucket.send(`remove ${path}`, (c, o) => c.send(command, o), signal);
      return true;
    } catch (error) {
      if (IfMatch !== undefined && (answered(error, 412) || answered(error, 404, "NoSuchKey")))
        return false;
      throw error;
    }
  }

  #at(path: string): { Bucket: string; Key: string } {
    return { Bucket: this.#bucket.name, Key: this.#bucket.key(path) };
  }
}
