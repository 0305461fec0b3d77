import { createHash } from "node:crypto";
import type { StoredObject } from "./s3-objects.ts";

/** An etag of this form is the MD5 of the object, where it is a hash of the object at all. */
const MD5 = /^[0-9a-f]{32}$/;

export const isMd5 = (etag: string): boolean => MD5.test(etag);

/**
 * Whether an object holds these bytes, by a hash that the store computed: the SHA-256 it keeps
 * (AWS, MinIO), else length and MD5 (Ceph, and AWS without a key service). Undefined where the
 * store's words do not decide it, and the bytes have to be read. Only on a comparison, so the MD5
 * is no pass of every write.
 */
export function holdsBytes(stored: StoredObject, bytes: Uint8Array): boolean | undefined {
  if (stored.size !== bytes.length) return false;
  if (stored.sha256 !== undefined) return stored.sha256 === hashOf("sha256", bytes, "base64");
  if (!isMd5(stored.etag)) return undefined;
  // Another etag proves nothing: under a key service it has this form and is no MD5 of the bytes.
  return stored.etag === hashOf("md5", bytes, "hex") ? true : undefined;
}

const hashOf = (algorithm: string, bytes: Uint8Array, form: "hex" | "base64"): string =>
  createHash(algorithm).update(bytes).digest(form);
