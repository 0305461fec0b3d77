import {
  createDecipheriv,
  createHmac,
  createSecretKey,
  type KeyObject,
  timingSafeEqual,
} from "node:crypto";
import { ArchiverError } from "../core/errors.ts";
import { CHUNK_BYTES, NONCE_BYTES, TAG_BYTES, VERSION_LINE } from "./age-write.ts";
import { hkdf, privateKey, publicKey, rawPublic, shared } from "./x25519.ts";

/** A header with many recipients is a few kB; more than this is damage or an attack. */
const MAX_HEADER_BYTES = 64 << 10;
const NO_NONCE = Buffer.alloc(12);

export interface Opened {
  readonly fileKey: Buffer;
  /** The plaintext, chunk by chunk; rejects when a chunk does not authenticate or the end is missing. */
  readonly plain: AsyncGenerator<Uint8Array>;
}

/** @param identities raw X25519 secret keys. @throws ArchiverError identity-needed, sealed-invalid */
export async function openAge(
  source: AsyncIterable<Uint8Array>,
  identities: readonly Uint8Array[],
): Promise<Opened> {
  const reader = new Pull(source);
  try {
    const { fileKey } = await openHeader(reader, identities);
    const nonce = await reader.exactly(NONCE_BYTES);
    return { fileKey, plain: chunks(reader, payloadKey(fileKey, nonce)) };
  } catch (error) {
    await reader.close();
    throw error;
  }
}

const payloadKey = (fileKey: Buffer, nonce: Buffer): KeyObject =>
  createSecretKey(hkdf(fileKey, nonce, "payload"));

/** A file of which parts are read: what opens a chunk, and where the first one begins. */
export interface OpenedPayload {
  readonly payloadAt: number;
  /** Of the plaintext, for a file of this size. */
  plainBytes(fileBytes: number): number;
  /** The plaintext of chunk `n`, the last one of the file or not. @throws ArchiverError sealed-invalid */
  chunk(sealed: Uint8Array, n: number, last: boolean): Uint8Array;
}

/** Reads a file's header alone. @throws ArchiverError identity-needed, sealed-invalid */
export async function openAgePayload(
  source: AsyncIterable<Uint8Array>,
  identities: readonly Uint8Array[],
): Promise<OpenedPayload> {
  const { fileKey, bytes, nonce } = await closing(new Pull(source), async (reader) => ({
    ...(await openHeader(reader, identities)),
    nonce: await reader.exactly(NONCE_BYTES),
  }));
  const key = payloadKey(fileKey, nonce);
  const payloadAt = bytes + NONCE_BYTES;
  return {
    payloadAt,
    plainBytes: (fileBytes) => {
      const sealed = fileBytes - payloadAt;
      return sealed - TAG_BYTES * Math.max(1, Math.ceil(sealed / SEALED_CHUNK_BYTES));
    },
    chunk: (sealed, n, last) => {
      const iv = Buffer.alloc(12);
      iv.writeUInt32BE(n, 7);
      iv[11] = last ? 1 : 0;
      if (sealed.length < TAG_BYTES) throw invalid(`chunk ${n} is cut off`);
      return decrypt(Buffer.from(sealed.buffer, sealed.byteOffset, sealed.length), key, iv, n);
    },
  };
}

export const SEALED_CHUNK_BYTES = CHUNK_BYTES + TAG_BYTES;

/** The file key, and how many bytes the header has. @throws ArchiverError identity-needed, sealed-invalid */
export const headerOf = (
  source: AsyncIterable<Uint8Array>,
  identities: readonly Uint8Array[],
): Promise<{ readonly fileKey: Buffer; readonly bytes: number }> =>
  closing(new Pull(source), (reader) => openHeader(reader, identities));

/** What is left of the stream is let go: an open file, or a connection. */
async function closing<T>(reader: Pull, work: (reader: Pull) => Promise<T>): Promise<T> {
  try {
    return await work(reader);
  } finally {
    await reader.close();
  }
}

/** Its last line behind what the MAC covers: a space, 43 characters, a line feed. */
const MAC_CHARS = 45;

async function openHeader(
  reader: Pull,
  identities: readonly Uint8Array[],
): Promise<{ readonly fileKey: Buffer; readonly bytes: number }> {
  const header = await readHeader(reader);
  const fileKey = unwrap(header.stanzas, identities);
  const mac = createHmac("sha256", hkdf(fileKey, Buffer.alloc(0), "header"))
    .update(header.covered)
    .digest();
  if (header.mac.length !== mac.length || !timingSafeEqual(mac, header.mac)) {
    throw invalid("the header's MAC is wrong");
  }
  return { fileKey, bytes: header.covered.length + MAC_CHARS };
}

async function* chunks(reader: Pull, key: KeyObject): AsyncGenerator<Uint8Array> {
  const iv = Buffer.alloc(12);
  const sealedBytes = SEALED_CHUNK_BYTES;
  try {
    let sealed = await reader.upTo(sealedBytes);
    for (let n = 0; ; n += 1) {
      const next = sealed.length < sealedBytes ? Buffer.alloc(0) : await reader.upTo(sealedBytes);
      const last = next.length === 0;
      if (sealed.length < TAG_BYTES || (last && n > 0 && sealed.length === TAG_BYTES)) {
        throw invalid(`chunk ${n} is cut off`);
      }
      iv.writeUInt32BE(n, 7);
      iv[11] = last ? 1 : 0;
      yield decrypt(sealed, key, iv, n);
      if (last) return;
      sealed = next;
    }
  } finally {
    await reader.close();
  }
}

function decrypt(sealed: Buffer, key: KeyObject, iv: Buffer, n: number): Buffer {
  const d = createDecipheriv("chacha20-poly1305", key, iv, { authTagLength: TAG_BYTES });
  d.setAuthTag(sealed.subarray(sealed.length - TAG_BYTES));
  const plain = d.update(sealed.subarray(0, sealed.length - TAG_BYTES));
  try {
    d.final();
  } catch (cause) {
    throw invalid(`chunk ${n} does not authenticate: altered, cut off or out of its place`, cause);
  }
  return plain;
}

interface Stanza {
  readonly share: Buffer;
  readonly body: Buffer;
}

async function readHeader(
  reader: Pull,
): Promise<{ stanzas: Stanza[]; covered: string; mac: Buffer }> {
  let covered = await reader.line();
  if (covered !== VERSION_LINE) throw invalid("it does not begin with age's version line");
  const stanzas: Stanza[] = [];
  for (;;) {
    const line = await reader.line();
    if (covered.length + line.length > MAX_HEADER_BYTES) throw invalid("its header is too long");
    if (line.startsWith("---")) {
      if (!/^--- [A-Za-z0-9+/]{43}\n$/.test(line)) throw invalid("the header's last line");
      return { stanzas, covered: `${covered}---`, mac: unbase64(line.slice(4, -1)) };
    }
    const words = line.slice(0, -1).split(" ");
    if (words[0] !== "->" || words.length < 2 || !words.every((w) => /^[!-~]+$/.test(w))) {
      throw invalid("a stanza line");
    }
    let body = "";
    covered += line;
    for (let full = true; full;) {
      const part = await reader.line();
      covered += part;
      body += part.slice(0, -1);
      full = part.length === 65;
      if (part.length > 65 || covered.length > MAX_HEADER_BYTES) throw invalid("a stanza's body");
    }
    const decoded = unbase64(body);
    if (words[1] === "X25519") stanzas.push(x25519Stanza(words, decoded));
  }
}

function x25519Stanza(words: readonly string[], body: Buffer): Stanza {
  const [, , share, ...more] = words;
  const found = { share: unbase64(share ?? ""), body };
  if (more.length === 0 && found.share.length === 32 && found.body.length === 32) return found;
  throw invalid("an X25519 stanza");
}

/** Canonical only: no padding, no other spelling of the same bytes. */
function unbase64(text: string): Buffer {
  const b = Buffer.from(text, "base64");
  if (b.toString("base64").replace(/=+$/, "") !== text)
    throw invalid("base64 that is not canonical");
  return b;
}

function unwrap(stanzas: readonly Stanza[], identities: readonly Uint8Array[]): Buffer {
  for (const raw of identities) {
    const secret = privateKey(raw);
    const own = rawPublic(secret);
    for (const { share, body } of stanzas) {
      const salt = Buffer.concat([share, own]);
      const wrap = hkdf(agreed(secret, share), salt, "age-encryption.org/v1/X25519");
      const d = createDecipheriv("chacha20-poly1305", wrap, NO_NONCE, { authTagLength: TAG_BYTES });
      d.setAuthTag(body.subarray(16));
      const fileKey = d.update(body.subarray(0, 16));
      try {
        d.final();
        return fileKey;
      } catch (error) {
        // Made for another recipient: the next stanza or identity may fit.
        if (!(error instanceof Error)) throw error;
      }
    }
  }
  throw new ArchiverError("identity-needed", "none of the identities given opens the file");
}

/** OpenSSL refuses a share of low order, whose secret everybody knows (RFC 7748 §6.1). */
function agreed(secret: KeyObject, share: Buffer): Buffer {
  try {
    return shared(secret, publicKey(share));
  } catch (cause) {
    throw invalid("a share that no recipient can use", cause);
  }
}

/** Pulls exact amounts and lines out of a stream of pieces. */
class Pull {
  readonly #pieces: AsyncIterator<Uint8Array>;
  #held: Buffer = Buffer.alloc(0);
  #done = false;

  constructor(source: AsyncIterable<Uint8Array>) {
    this.#pieces = source[Symbol.asyncIterator]();
  }

  async upTo(n: number): Promise<Buffer> {
    const parts: Buffer[] = [this.#held];
    let have = this.#held.length;
    while (have < n && !this.#done) {
      const next = await this.#pieces.next();
      if (next.done === true) {
        this.#done = true;
        break;
      }
      const { buffer, byteOffset, byteLength } = next.value;
      parts.push(Buffer.from(buffer, byteOffset, byteLength));
      have += byteLength;
    }
    const all = parts.length === 1 ? this.#held : Buffer.concat(parts);
    this.#held = all.subarray(n);
    return all.subarray(0, n);
  }

  /** Also before the end: whoever stops reading lets go of the source. */
  async close(): Promise<void> {
    await this.#pieces.return?.();
  }

  async exactly(n: number): Promise<Buffer> {
    const got = await this.upTo(n);
    if (got.length < n) throw invalid("it is cut off");
    return got;
  }

  /** With its line feed. */
  async line(): Promise<string> {
    const bytes: number[] = [];
    while (bytes.length < MAX_HEADER_BYTES) {
      const byte = (await this.exactly(1))[0] as number;
      bytes.push(byte);
      if (byte === 10) return Buffer.from(bytes).toString("latin1");
    }
    throw invalid("a header line is too long");
  }
}

const invalid = (text: string, cause?: unknown): ArchiverError =>
  new ArchiverError("sealed-invalid", `age: ${text}`, { cause });
