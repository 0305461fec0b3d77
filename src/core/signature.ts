import { createPrivateKey, createPublicKey, type KeyObject, sign, verify } from "node:crypto";
import { blake3Hex } from "./digest.ts";
import { ArchiverError } from "./errors.ts";

/**
 * Ed25519 (RFC 8032): the same key and text give the same signature, so what is signed stays a pure
 * function and every attempt writes the same bytes.
 */
export interface Signature {
  readonly algorithm: "ed25519";
  readonly keyId: string;
  /** 64 bytes, lower-case hex. */
  readonly value: string;
}

/** What a signature is for stands before the text, so that none can serve for something else. */
export type SignedKind = "manifest" | "head" | "pruned" | "amendment";

export interface Signer {
  readonly keyId: string;
  sign(kind: SignedKind, text: string): Signature;
}

/** Of the raw public key: tells keys apart. */
const KEY_ID_DIGITS = 8;
const RAW_PUBLIC_BYTES = 32;

/** `text` ends with its newline. */
const signedBytes = (kind: SignedKind, text: string): Buffer =>
  Buffer.from(`bulk-archiver ${kind} 1\n${text}`, "utf8");

export const keyIdOf = (publicKey: KeyObject): string => {
  const der = publicKey.export({ type: "spki", format: "der" });
  return blake3Hex(der.subarray(der.length - RAW_PUBLIC_BYTES)).slice(0, KEY_ID_DIGITS);
};

/** From PKCS #8 in PEM. @throws ArchiverError key-invalid */
export function signerOf(pem: string, where: string, keyId?: string): Signer {
  let key: KeyObject;
  try {
    key = createPrivateKey(pem);
  } catch (cause) {
    const text = `${where} holds no private key in PEM (keygen --signing makes one)`;
    throw new ArchiverError("key-invalid", text, { cause });
  }
  if (key.asymmetricKeyType !== "ed25519") {
    const text = `${where} holds a key of type ${key.asymmetricKeyType}, expected ed25519`;
    throw new ArchiverError("key-invalid", text);
  }
  const id = keyId ?? keyIdOf(createPublicKey(key));
  return {
    keyId: id,
    sign: (kind, text) => ({
      algorithm: "ed25519",
      keyId: id,
      value: sign(null, signedBytes(kind, text), key).toString("hex"),
    }),
  };
}

export const signatureOk = (
  kind: SignedKind,
  text: string,
  signature: Signature,
  publicKey: KeyObject,
): boolean => {
  const value = Buffer.from(signature.value, "hex");
  return verify(null, signedBytes(kind, text), publicKey, value);
};
