import { createHash } from "node:crypto";
import type { PutObjectCommandInput, StorageClass } from "@aws-sdk/client-s3";
import type { S3Config } from "./s3-schema.ts";

/** Of the archive itself; what is in `tmp/` and `quarantine/` is neither locked nor tagged. */
const FINAL = /^(?:data\/|manifests\/|archive\.json$)/;

/** What the configuration wants of an object at a path. */
export function ownHeaders(
  config: S3Config,
  path: string,
  now: Date,
): Partial<PutObjectCommandInput> {
  const { encryption, objectLock, storageClass, tags } = config;
  const headers: Partial<PutObjectCommandInput> = {};
  if (encryption !== undefined) {
    headers.ServerSideEncryption = encryption.algorithm;
    if (encryption.keyId !== undefined) headers.SSEKMSKeyId = encryption.keyId;
    if (encryption.bucketKey !== undefined) headers.BucketKeyEnabled = encryption.bucketKey;
  }
  if (!FINAL.test(path)) return headers;
  if (storageClass !== undefined && path.startsWith("data/")) {
    headers.StorageClass = storageClass as StorageClass;
  }
  if (Object.keys(tags).length > 0) headers.Tagging = tagging(tags);
  if (objectLock?.retention !== undefined) {
    headers.ObjectLockMode = objectLock.mode === "governance" ? "GOVERNANCE" : "COMPLIANCE";
    headers.ObjectLockRetainUntilDate = new Date(now.getTime() + objectLock.retention);
  }
  if (objectLock?.legalHold === true) headers.ObjectLockLegalHoldStatus = "ON";
  return headers;
}

/** As a query, with %20 for a space: Ceph takes a plus sign for itself. */
const tagging = (tags: Readonly<Record<string, string>>): string =>
  Object.entries(tags)
    .map((pair) => pair.map(encodeURIComponent).join("="))
    .join("&");

export interface PayloadHash {
  /** Value of `x-amz-content-sha256`, which the signature covers. */
  readonly signed: string;
  readonly headers: Partial<PutObjectCommandInput>;
}

/**
 * The one pass over the bytes that a PUT costs here, besides TLS. Left to itself the SDK's signer
 * hashes the payload, and integrity (Content-MD5) and evidence (a checksum) would each be one more.
 *
 * `sha256`: the hash is the signed one, which every store compares with what arrives (Ceph 16 too,
 * which ignores checksum headers), and the checksum that AWS and MinIO keep and show. `md5`: the
 * payload is unsigned, but the signature covers Content-MD5, which every store compares as well.
 * `tls`: no pass at all, what guards the way is TLS alone.
 *
 * Measured per GiB on one core: SHA-256 0.56 s with the processor's SHA instructions (2.5 s and
 * more without), MD5 1.2 s, BLAKE3 0.13 s (docs/decisions/0009-s3-one-hash-and-one-condition.md).
 */
export function payloadHash(bytes: Uint8Array, integrity: S3Config["integrity"]): PayloadHash {
  if (integrity === "tls") return { signed: UNSIGNED, headers: {} };
  const digest = createHash(integrity).update(bytes).digest();
  if (integrity === "md5") {
    return { signed: UNSIGNED, headers: { ContentMD5: digest.toString("base64") } };
  }
  // The algorithm's name as well: without it AWS takes no object with a retention.
  const headers = {
    ChecksumSHA256: digest.toString("base64"),
    ChecksumAlgorithm: "SHA256",
  } as const;
  return { signed: digest.toString("hex"), headers };
}

const UNSIGNED = "UNSIGNED-PAYLOAD";
