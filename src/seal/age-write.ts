import { createCipheriv, createHmac, createSecretKey } from "node:crypto";
import { assert } from "../core/assert.ts";
import { decodeRecipient, hkdf, privateKey, publicKey, rawPublic, shared } from "./x25519.ts";

/** age v1 (C2SP/age.md): a header with a stanza per recipient, a nonce, chunks of 64 KiB. */
export const CHUNK_BYTES = 64 << 10;
export const TAG_BYTES = 16;
export const NONCE_BYTES = 16;
export const VERSION_LINE = "age-encryption.org/v1\n";
const NO_NONCE = Buffer.alloc(12);

export interface AgeSecrets {
  /** 16 bytes. */
  readonly fileKey: Buffer;
  /** 16 bytes. */
  readonly nonce: Buffer;
  /** 32 bytes for a recipient. */
  ephemeral(recipient: string): Buffer;
}

const base64 = (b: Uint8Array): string => Buffer.from(b).toString("base64").replace(/=+$/, "");

/** The header for these recipients: the same secrets give the same bytes. */
export function ageHeader(
  recipients: readonly string[],
  s: Pick<AgeSecrets, "fileKey" | "ephemeral">,
): Buffer {
  let text = VERSION_LINE;
  for (const recipient of recipients) {
    const peer = decodeRecipient(recipient);
    const secret = privateKey(s.ephemeral(recipient));
    const share = rawPublic(secret);
    const salt = Buffer.concat([share, peer]);
    const wrap = hkdf(shared(secret, publicKey(peer)), salt, "age-encryption.org/v1/X25519");
    const cipher = createCipheriv("chacha20-poly1305", wrap, NO_NONCE, {
      authTagLength: TAG_BYTES,
    });
    const body = Buffer.concat([cipher.update(s.fileKey), cipher.final(), cipher.getAuthTag()]);
    text += `-> X25519 ${base64(share)}\n${base64(body)}\n`;
  }
  text += "---";
  const mac = createHmac("sha256", hkdf(s.fileKey, Buffer.alloc(0), "header"))
    .update(text)
    .digest();
  return Buffer.from(`${text} ${base64(mac)}\n`, "latin1");
}

/** Memory for a file of exactly so many bytes. */
export type Room = (bytes: number) => Uint8Array;

/** The whole file in one piece of memory. */
export function ageFile(
  pieces: readonly Uint8Array[],
  recipients: readonly string[],
  s: AgeSecrets,
  room: Room,
): Uint8Array {
  const header = ageHeader(recipients, s);
  const payload = pieces.reduce((n, p) => n + p.length, 0);
  const chunks = Math.max(1, Math.ceil(payload / CHUNK_BYTES));
  const size = header.length + NONCE_BYTES + payload + TAG_BYTES * chunks;
  const out = room(size);
  out.set(header, 0);
  out.set(s.nonce, header.length);
  const end = encrypt(pieces, payload, s, out, header.length + NONCE_BYTES);
  assert(end === size, "the file is as long as it was computed to be");
  return out;
}

function encrypt(
  pieces: readonly Uint8Array[],
  payload: number,
  s: AgeSecrets,
  out: Uint8Array,
  from: number,
): number {
  const key = createSecretKey(hkdf(s.fileKey, s.nonce, "payload"));
  const iv = Buffer.alloc(12);
  const source = new Source(pieces);
  let at = from;
  let left = payload;
  for (let n = 0; n === 0 || left > 0; n += 1) {
    let size = Math.min(CHUNK_BYTES, left);
    left -= size;
    iv.writeUInt32BE(n, 7);
    iv[11] = left === 0 ? 1 : 0;
    const cipher = createCipheriv("chacha20-poly1305", key, iv, { authTagLength: TAG_BYTES });
    while (size > 0) {
      const part = source.take(size);
      const sealed = cipher.update(part);
      out.set(sealed, at);
      at += sealed.length;
      size -= part.length;
      // Its memory goes back at once: the collector would let a whole batch of it pile up.
      if (sealed.byteLength === sealed.buffer.byteLength)
        (sealed.buffer as ArrayBuffer).transfer(0);
    }
    cipher.final();
    out.set(cipher.getAuthTag(), at);
    at += TAG_BYTES;
  }
  return at;
}

/** Views of the pieces, as long as asked for where one piece reaches that far. */
class Source {
  readonly #pieces: readonly Uint8Array[];
  #index = 0;
  #at = 0;

  constructor(pieces: readonly Uint8Array[]) {
    this.#pieces = pieces;
  }

  take(most: number): Uint8Array {
    for (;;) {
      const piece = this.#pieces[this.#index];
      assert(piece !== undefined, "no more is read than the pieces hold");
      const part = piece.subarray(this.#at, this.#at + most);
      this.#at += part.length;
      if (this.#at >= piece.length) {
        this.#index += 1;
        this.#at = 0;
      }
      if (part.length > 0) return part;
    }
  }
}
