import {
  createDecipheriv,
  createPrivateKey,
  createPublicKey,
  diffieHellman,
  hkdfSync,
  type KeyObject,
} from "node:crypto";

/** Opens age files (C2SP/age.md) with X25519 keys of 32 bytes; the checkers' own. */
const PKCS8 = Buffer.from("302e020100300506032b656e04220420", "hex");
const SPKI = Buffer.from("302a300506032b656e032100", "hex");
const TAG = 16;
const CHUNK = (64 << 10) + TAG;

/** The file's key by the first stanza that the secret opens, and where the payload begins; null: none. */
export function fileKeyOf(
  file: Uint8Array,
  secret: Uint8Array,
): { readonly key: Buffer; readonly payload: number } | null {
  const text = Buffer.from(file).toString("latin1");
  const end = /\n--- [A-Za-z0-9+/]+\n/.exec(text);
  if (!text.startsWith("age-encryption.org/v1\n") || end === null)
    throw new Error("no age file of version 1");
  const own = secretKey(secret);
  const mine = createPublicKey(own).export({ format: "der", type: "spki" }).subarray(-32);
  for (const [, share = "", body = ""] of text
    .slice(0, end.index + 1)
    .matchAll(/-> X25519 (\S+)\n(\S+)\n/g)) {
    const peer = Buffer.from(share, "base64");
    const both = diffieHellman({ privateKey: own, publicKey: shareKey(peer) });
    const wrap = hkdf(both, Buffer.concat([peer, mine]), "age-encryption.org/v1/X25519");
    const found = opened(wrap, Buffer.alloc(12), Buffer.from(body, "base64"));
    if (found !== null) return { key: found, payload: end.index + end[0].length };
  }
  return null;
}

/** What is encrypted in it. @throws Error when the secret does not open it, or it is not whole */
export function decrypted(file: Uint8Array, secret: Uint8Array): Buffer {
  const found = fileKeyOf(file, secret);
  if (found === null) throw new Error("it is not encrypted to this key");
  const bytes = Buffer.from(file).subarray(found.payload);
  const stream = hkdf(found.key, bytes.subarray(0, TAG), "payload");
  const parts: Buffer[] = [];
  const iv = Buffer.alloc(12);
  for (let [at, n] = [TAG, 0]; at < bytes.length; at += CHUNK, n += 1) {
    iv.writeUInt32BE(n, 7);
    iv[11] = at + CHUNK >= bytes.length ? 1 : 0;
    const part = opened(stream, iv, bytes.subarray(at, at + CHUNK));
    if (part === null) throw new Error(`chunk ${n} is not what was encrypted`);
    parts.push(part);
  }
  return Buffer.concat(parts);
}

/** Null: another key, or other bytes. */
function opened(secret: Buffer, iv: Buffer, sealed: Buffer): Buffer | null {
  const cipher = createDecipheriv("chacha20-poly1305", secret, iv, { authTagLength: TAG });
  cipher.setAuthTag(sealed.subarray(-TAG));
  const plain = cipher.update(sealed.subarray(0, -TAG));
  try {
    return Buffer.concat([plain, cipher.final()]);
  } catch {
    return null;
  }
}

const hkdf = (ikm: Uint8Array, salt: Uint8Array, info: string): Buffer =>
  Buffer.from(hkdfSync("sha256", ikm, salt, info, 32));

const secretKey = (raw: Uint8Array): KeyObject =>
  createPrivateKey({ key: Buffer.concat([PKCS8, raw]), format: "der", type: "pkcs8" });
const shareKey = (raw: Uint8Array): KeyObject =>
  createPublicKey({ key: Buffer.concat([SPKI, raw]), format: "der", type: "spki" });
