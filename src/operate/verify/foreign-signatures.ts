import { createPublicKey, type KeyObject, verify } from "node:crypto";
import { blake3 } from "@napi-rs/blake-hash";
import { ArchiverError } from "../../core/errors.ts";

/** Ed25519 keys that manifests and heads are held against, by their raw bytes' BLAKE3, 8 digits. */
export type PublicKeys = ReadonlyMap<string, KeyObject>;

export interface SignatureText {
  readonly algorithm: string;
  readonly keyId: string;
  readonly value: string;
}

const PEM = /-----BEGIN (?:PUBLIC|PRIVATE) KEY-----[^-]+-----END (?:PUBLIC|PRIVATE) KEY-----/g;
const MAX_KEYS = 64;

/** One or several keys in PEM; of a private key its public half. @throws `key-invalid` */
export function publicKeys(pem: string, where: string): PublicKeys {
  const found = new Map<string, KeyObject>();
  for (const [block] of pem.matchAll(PEM)) {
    const key = readKey(block, where);
    const der = key.export({ type: "spki", format: "der" });
    found.set(blake3(der.subarray(-32)).toString("hex").slice(0, 8), key);
  }
  if (found.size > 0 && found.size <= MAX_KEYS) return found;
  throw new ArchiverError("key-invalid", `${where}: expected 1 to ${MAX_KEYS} public keys in PEM`);
}

function readKey(block: string, where: string): KeyObject {
  try {
    const key = createPublicKey(block);
    if (key.asymmetricKeyType === "ed25519") return key;
  } catch (cause) {
    throw new ArchiverError("key-invalid", `${where}: a key in it cannot be read`, { cause });
  }
  throw new ArchiverError("key-invalid", `${where}: a key in it is not of type ed25519`);
}

/**
 * Whether any of the keys made the signature. The key's name in it is a hint for people: it is not
 * signed, and names may be chosen freely.
 */
export function signedByOne(
  kind: "manifest" | "head" | "pruned" | "amendment",
  text: string,
  signature: SignatureText,
  keys: PublicKeys,
): boolean {
  const bytes = Buffer.from(`bulk-archiver ${kind} 1\n${text}`, "utf8");
  const value = Buffer.from(signature.value, "hex");
  return [...keys.values()].some((key) => verify(null, bytes, key, value));
}

/** The stored text before `,"signature":…`, closed again: what was signed. */
export function unsignedText(stored: Uint8Array): string | undefined {
  const text = Buffer.from(stored).toString("utf8");
  const at = text.lastIndexOf(',"signature":{');
  return at < 0 ? undefined : `${text.slice(0, at)}}\n`;
}
