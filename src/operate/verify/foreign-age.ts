import {
  createDecipheriv,
  createHmac,
  createPrivateKey,
  createPublicKey,
  diffieHellman,
  hkdfSync,
  type KeyObject,
} from "node:crypto";
import { bech32 } from "@scure/base";
import { ArchiverError } from "../../core/errors.ts";

/**
 * Reads age v1 files for X25519 recipients (https://age-encryption.org/v1), written apart from the
 * code that seals: an error both sides share would otherwise stay unseen until `age` refuses a
 * file.
 */
const VERSION_LINE = "age-encryption.org/v1";
const MAX_HEADER_BYTES = 64 << 10;
const CHUNK_BYTES = 64 << 10;
const TAG_BYTES = 16;
const PKCS8_X25519 = Buffer.from("302e020100300506032b656e04220420", "hex");
const SPKI_X25519 = Buffer.from("302a300506032b656e032100", "hex");

/** One `AGE-SECRET-KEY-1…` line. */
export interface Identity {
  readonly recipient: string;
  readonly privateKey: KeyObject;
  readonly publicKey: Buffer;
}

/** @param name of the file @throws ArchiverError `key-invalid`; the text never holds key material. */
export function parseIdentities(text: string, name = "identity"): readonly Identity[] {
  const lines = text.split(/\r?\n/).map((line) => line.trim());
  const keys = lines.filter((line) => line !== "" && !line.startsWith("#"));
  const found = keys.map((line) => parseIdentity(line, name));
  if (found.length === 0)
    throw new ArchiverError("key-invalid", `identity file ${name} holds no AGE-SECRET-KEY-1… line`);
  return found;
}

function parseIdentity(line: string, name: string): Identity {
  let raw: Buffer;
  try {
    const { prefix, words } = bech32.decode(line as `${string}1${string}`, false);
    if (prefix.toLowerCase() !== "age-secret-key-") throw new Error("another kind of key");
    raw = Buffer.from(bech32.fromWords(words));
    if (raw.length !== 32) throw new Error("another length");
  } catch {
    throw new ArchiverError(
      "key-invalid",
      `a line of identity file ${name} is no AGE-SECRET-KEY-1… key`,
    );
  }
  const der = Buffer.concat([PKCS8_X25519, raw]);
  const privateKey = createPrivateKey({ key: der, format: "der", type: "pkcs8" });
  const publicKey = createPublicKey(privateKey)
    .export({ format: "der", type: "spki" })
    .subarray(-32);
  const recipient = bech32.encode("age", bech32.toWords(publicKey), false);
  return { recipient, privateKey, publicKey };
}

export interface AgeFile {
  readonly fileKey: Buffer;
  readonly nonce: Buffer;
  readonly payload: Buffer;
}

/** Undefined when none of the identities opens it. @throws ArchiverError `sealed-invalid` */
export function openHeader(file: Buffer, identities: readonly Identity[]): AgeFile | undefined {
  const { stanzas, signed, mac, end } = parseHeader(file);
  for (const identity of identities) {
    for (const stanza of stanzas) {
      const fileKey = unwrap(stanza, identity);
      if (fileKey === undefined) continue;
      const macKey = Buffer.from(hkdfSync("sha256", fileKey, "", "header", 32));
      const expected = createHmac("sha256", macKey).update(signed).digest();
      if (!expected.equals(mac)) throw damaged("the age header's MAC is wrong");
      if (file.length < end + 16) throw damaged("the age file ends before its nonce");
      return { fileKey, nonce: file.subarray(end, end + 16), payload: file.subarray(end + 16) };
    }
  }
  return undefined;
}

/**
 * The payload in its chunks, each authenticated before it is given. @throws ArchiverError
 * `sealed-invalid`
 */
export function* payloadChunks({ fileKey, nonce, payload }: AgeFile): Generator<Buffer> {
  const key = Buffer.from(hkdfSync("sha256", fileKey, nonce, "payload", 32));
  const counter = Buffer.alloc(12);
  const step = CHUNK_BYTES + TAG_BYTES;
  for (let at = 0, index = 0; ; at += step, index++) {
    const chunk = payload.subarray(at, at + step);
    const last = at + step >= payload.length;
    if (chunk.length < TAG_BYTES || (last && index > 0 && chunk.length === TAG_BYTES)) {
      throw damaged("the age payload is cut off");
    }
    counter.writeUIntBE(index, 5, 6);
    counter[11] = last ? 1 : 0;
    const decipher = createDecipheriv("chacha20-poly1305", key, counter, {
      authTagLength: TAG_BYTES,
    });
    decipher.setAuthTag(chunk.subarray(-TAG_BYTES));
    const plain = decipher.update(chunk.subarray(0, -TAG_BYTES));
    try {
      decipher.final();
    } catch (cause) {
      throw new ArchiverError(
        "sealed-invalid",
        `age chunk ${index} is damaged, cut off or forged`,
        { cause },
      );
    }
    yield plain;
    if (last) return;
  }
}

interface Stanza {
  readonly args: readonly string[];
  readonly body: Buffer;
}

function parseHeader(file: Buffer): {
  stanzas: Stanza[];
  signed: Buffer;
  mac: Buffer;
  end: number;
} {
  const head = file.subarray(0, MAX_HEADER_BYTES).toString("latin1");
  const lines = head.split("\n");
  if (lines[0] !== VERSION_LINE) throw damaged("the file is no age v1 file");
  const stanzas: Stanza[] = [];
  let at = VERSION_LINE.length + 1;
  for (let i = 1; i < lines.length;) {
    const line = lines[i] ?? "";
    if (line.startsWith("--- ")) {
      const signed = file.subarray(0, at + 3);
      return { stanzas, signed, mac: unpadded(line.slice(4)), end: at + line.length + 1 };
    }
    if (!line.startsWith("-> ")) break;
    at += line.length + 1;
    const body: string[] = [];
    // A body ends with a line shorter than 64 characters, which may be empty.
    for (i++; i < lines.length; i++) {
      const part = lines[i] ?? "";
      if (part.length > 64) throw damaged("a line of the age header is too long");
      body.push(part);
      at += part.length + 1;
      if (part.length < 64) break;
    }
    i++;
    const args = line.slice(3).split(" ");
    if (args.some((arg) => !/^[\x21-\x7e]+$/.test(arg))) {
      throw damaged("an argument in the age header is malformed");
    }
    stanzas.push({ args, body: unpadded(body.join("")) });
  }
  throw damaged("the age header is cut off or malformed");
}

function unwrap({ args, body }: Stanza, identity: Identity): Buffer | undefined {
  if (args[0] !== "X25519") return undefined;
  if (args.length !== 2 || body.length !== 32) throw damaged("an X25519 stanza is malformed");
  const share = unpadded(args[1] ?? "");
  if (share.length !== 32) throw damaged("an X25519 share has another length");
  const publicKey = createPublicKey({
    key: Buffer.concat([SPKI_X25519, share]),
    format: "der",
    type: "spki",
  });
  const secret = agreed(identity.privateKey, publicKey);
  const salt = Buffer.concat([share, identity.publicKey]);
  const key = Buffer.from(hkdfSync("sha256", secret, salt, `${VERSION_LINE}/X25519`, 32));
  const decipher = createDecipheriv("chacha20-poly1305", key, Buffer.alloc(12), {
    authTagLength: TAG_BYTES,
  });
  decipher.setAuthTag(body.subarray(-TAG_BYTES));
  const fileKey = decipher.update(body.subarray(0, -TAG_BYTES));
  try {
    decipher.final();
    return fileKey;
  } catch {
    // Wrapped for another recipient: the format has no other way to say so.
    return undefined;
  }
}

/** OpenSSL refuses a share of low order (RFC 7748 §6.1). */
function agreed(privateKey: KeyObject, publicKey: KeyObject): Buffer {
  try {
    return diffieHellman({ privateKey, publicKey });
  } catch (cause) {
    const text = "an X25519 share of low order";
    throw new ArchiverError("sealed-invalid", text, { cause });
  }
}

function unpadded(text: string): Buffer {
  const bytes = Buffer.from(text, "base64");
  if (bytes.toString("base64").replace(/=+$/, "") !== text)
    throw damaged("base64 in the age header is malformed");
  return bytes;
}

const damaged = (text: string): ArchiverError => new ArchiverError("sealed-invalid", text);
