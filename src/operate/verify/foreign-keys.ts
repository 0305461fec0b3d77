import { createHmac, hkdfSync } from "node:crypto";
import { blake3 } from "@napi-rs/blake-hash";
import { ArchiverError } from "../../core/errors.ts";

/** Keys as docs/format.md derives them, written again: what the seed vouches for, and file keys. */
export interface SeedKeys {
  /** Of the MAC that manifests carry. */
  readonly mac: Uint8Array;
  /** Of the keyed content digest that needs no identity. */
  readonly contentCheck: Uint8Array;
}

/**
 * By key id. A line of a seed file: 64 hex digits, perhaps `keyId:` before them. @throws
 * `key-invalid`
 */
export function seedKeys(text: string): ReadonlyMap<string, SeedKeys> {
  const keys = new Map<string, SeedKeys>();
  for (const line of text.split(/\r?\n/).map((l) => l.trim())) {
    if (line === "" || line.startsWith("#")) continue;
    const found = /^(?:([^:]+):)?([0-9a-fA-F]{64})$/.exec(line);
    if (found === null)
      throw new ArchiverError("key-invalid", "a line of the seed file is no seed");
    const seed = Buffer.from(found[2] ?? "", "hex");
    const id = found[1] ?? blake3(seed).toString("hex").slice(0, 8);
    keys.set(id, {
      mac: derive(seed, "manifest-mac"),
      contentCheck: derive(seed, "content-check"),
    });
  }
  return keys;
}

export const checkOf = (key: Uint8Array, batchId: string, digest: string): string =>
  createHmac("sha256", key).update(`${batchId}\n`).update(Buffer.from(digest, "hex")).digest("hex");

/**
 * What stands in the manifest of an encrypted file: its content's digest, keyed by the file key.
 */
export const contentTag = (fileKey: Uint8Array, digest: string): string =>
  createHmac("sha256", derive(fileKey, "content")).update(Buffer.from(digest, "hex")).digest("hex");

const derive = (secret: Uint8Array, label: string): Uint8Array =>
  new Uint8Array(hkdfSync("sha256", secret, "", `bulk-archiver/1/${label}`, 32));
