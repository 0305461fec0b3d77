import {
  createPrivateKey,
  createPublicKey,
  diffieHellman,
  hkdfSync,
  type KeyObject,
} from "node:crypto";
import { bech32 } from "@scure/base";
import { ArchiverError } from "../core/errors.ts";

/** Raw X25519 keys and their texts in age (C2SP/age.md); node wants DER around the 32 bytes. */
const PKCS8 = Buffer.from("302e020100300506032b656e04220420", "hex");
const SPKI = Buffer.from("302a300506032b656e032100", "hex");
const RECIPIENT_HRP = "age";
const IDENTITY_HRP = "age-secret-key-";

export const privateKey = (raw: Uint8Array): KeyObject =>
  createPrivateKey({ key: Buffer.concat([PKCS8, raw]), format: "der", type: "pkcs8" });

export const publicKey = (raw: Uint8Array): KeyObject =>
  createPublicKey({ key: Buffer.concat([SPKI, raw]), format: "der", type: "spki" });

export const rawPublic = (key: KeyObject): Buffer =>
  createPublicKey(key).export({ format: "der", type: "spki" }).subarray(-32);

export const shared = (secret: KeyObject, peer: KeyObject): Buffer =>
  diffieHellman({ privateKey: secret, publicKey: peer });

export const hkdf = (ikm: Uint8Array, salt: Uint8Array, info: string, bytes = 32): Buffer =>
  Buffer.from(hkdfSync("sha256", ikm, salt, info, bytes));

export const encodeRecipient = (raw: Uint8Array): string =>
  bech32.encode(RECIPIENT_HRP, bech32.toWords(raw), false);

export const encodeIdentity = (raw: Uint8Array): string =>
  bech32.encode(IDENTITY_HRP, bech32.toWords(raw), false).toUpperCase();

/** The 32 bytes of `age1…`. @throws ArchiverError key-invalid */
export const decodeRecipient = (text: string): Buffer =>
  decode(text, RECIPIENT_HRP, `recipient "${text}"`);

/** The 32 bytes of `AGE-SECRET-KEY-1…`; the text never appears in an error, `what` does. */
export const decodeIdentity = (text: string, what = "an identity"): Buffer =>
  decode(text.toLowerCase(), IDENTITY_HRP, what);

function decode(text: string, hrp: string, what: string): Buffer {
  try {
    const { prefix, words } = bech32.decode(text as `${string}1${string}`, false);
    const raw = Buffer.from(bech32.fromWords(words));
    if (prefix === hrp && raw.length === 32) return raw;
  } catch (cause) {
    throw new ArchiverError("key-invalid", `${what} is no age X25519 key`, { cause });
  }
  throw new ArchiverError("key-invalid", `${what} is no age X25519 key`);
}
