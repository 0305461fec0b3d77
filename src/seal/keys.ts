import { createHmac } from "node:crypto";
import { boundedFile } from "../core/bounded-file.ts";
import { blake3Hex } from "../core/digest.ts";
import { ArchiverError } from "../core/errors.ts";
import { messageOf } from "../core/message.ts";
import { type Signer, signerOf } from "../core/signature.ts";
import { decodeIdentity, decodeRecipient, hkdf } from "./x25519.ts";

const NO_SALT = Buffer.alloc(0);
/** Key files are a few lines; more is another file by mistake. */
const MAX_KEY_FILE_BYTES = 64 << 10;

export interface Seed {
  readonly keyId: string;
  /** 32 bytes. */
  readonly secret: Buffer;
}

/** Name of a seed that the file gives none: it tells seeds apart and says nothing about them. */
const nameOf = (secret: Uint8Array): string => blake3Hex(secret).slice(0, 8);

/** One seed a line, the first is active: 64 hex digits, or `keyId:` before them; `#` begins a comment. */
export async function loadSeeds(path: string): Promise<readonly Seed[]> {
  const seeds: Seed[] = [];
  for (const [n, line] of linesOf(path, "seed file").entries()) {
    const found = /^(?:([A-Za-z0-9._-]{1,32}):)?([0-9a-fA-F]{64})$/.exec(line);
    if (found === null) {
      throw new ArchiverError(
        "key-invalid",
        `seed file ${path}, entry ${n + 1}: expected 64 hex digits, or a key id, a colon and 64 hex digits`,
      );
    }
    const secret = Buffer.from(found[2] ?? "", "hex");
    const keyId = found[1] ?? nameOf(secret);
    if (seeds.some((s) => s.keyId === keyId)) {
      throw new ArchiverError("key-invalid", `seed file ${path}: key id ${keyId} is there twice`);
    }
    seeds.push({ keyId, secret });
  }
  if (seeds.length > 0) return seeds;
  throw new ArchiverError("key-invalid", `seed file ${path} holds no seed; make one with keygen`);
}

/** What manifests are signed with; `keyId` null: named after the public key. */
export function loadSigner(path: string, keyId: string | null): Signer {
  const pem = keyFile(path, "signing key").toString("utf8");
  return signerOf(pem, `signing key ${path}`, keyId ?? undefined);
}

/** The raw X25519 secret keys of an age identity file. */
export async function loadIdentities(path: string): Promise<readonly Buffer[]> {
  const lines = linesOf(path, "identity file");
  const keys = lines.map((line) => decodeIdentity(line, `a line of identity file ${path}`));
  if (keys.length > 0) return keys;
  throw new ArchiverError("key-invalid", `identity file ${path} holds no AGE-SECRET-KEY-1… line`);
}

/** @throws ArchiverError key-invalid, naming the recipient */
export function checkRecipients(recipients: readonly string[]): void {
  for (const r of recipients) decodeRecipient(r);
}

/** @throws ArchiverError key-invalid */
export function keyFile(path: string, what: string): Buffer {
  let bytes: Buffer | null;
  try {
    bytes = boundedFile(path, MAX_KEY_FILE_BYTES);
  } catch (cause) {
    throw new ArchiverError("key-invalid", `${what} ${path}: ${messageOf(cause)}`, { cause });
  }
  if (bytes === null) {
    const text = `${what} ${path}: more than ${MAX_KEY_FILE_BYTES} bytes are no key file`;
    throw new ArchiverError("key-invalid", text);
  }
  return bytes;
}

const linesOf = (path: string, what: string): string[] =>
  keyFile(path, what)
    .toString("utf8")
    .split(/\r?\n/)
    .map((line) => line.trim())
    .filter((line) => line !== "" && !line.startsWith("#"));

/** Key of the MAC that manifests carry. */
export const manifestMacKey = (seed: Uint8Array): Buffer =>
  hkdf(seed, NO_SALT, "bulk-archiver/1/manifest-mac");

/** Lets a daemon that holds no identity compare content: HMAC under the seed over batch id and digest. */
export const contentCheck = (seed: Uint8Array, batchId: string, digestHex: string): string =>
  createHmac("sha256", hkdf(seed, NO_SALT, "bulk-archiver/1/content-check"))
    .update(batchId)
    .update("\n")
    .update(Buffer.from(digestHex, "hex"))
    .digest("hex");

/** The content digest of an encrypted file, keyed by its file key: an identity alone can check it. */
export const contentTag = (fileKey: Uint8Array, digestHex: string): string =>
  createHmac("sha256", hkdf(fileKey, NO_SALT, "bulk-archiver/1/content"))
    .update(Buffer.from(digestHex, "hex"))
    .digest("hex");
