import { Readable } from "node:stream";
import type { Description } from "../../core/description.ts";
import { ArchiverError } from "../../core/errors.ts";
import type { Sink } from "../../sdk/sink.ts";
import { openAgePayload, SEALED_CHUNK_BYTES } from "../../seal/age-read.ts";
import { CHUNK_BYTES } from "../../seal/age-write.ts";
import { namingRecipients } from "../../seal/recipients.ts";

/** A stored file without its encryption, of which parts are read. */
export interface StoredPart {
  readonly sizeBytes: number;
  /** Bytes [from, to). @throws ArchiverError sealed-invalid */
  read(from: number, to: number): Promise<Uint8Array>;
}

/** The longest age header that is read, and the nonce behind it. */
const HEADER_BYTES = (64 << 10) + 16;

/** @throws ArchiverError identity-needed, sealed-invalid */
export async function openStoredPart(
  sink: Sink,
  d: Description,
  identities: readonly Uint8Array[],
  signal: AbortSignal,
): Promise<StoredPart> {
  const stored = (from: number, to: number): Promise<Uint8Array> =>
    exactly(sink.read(d, { from, to }, signal), to - from, d);
  if (d.seal.encryption === "none") return { sizeBytes: d.seal.size, read: stored };
  const opened = await namingRecipients(d, identities, async () => {
    const head = await stored(0, Math.min(d.seal.size, HEADER_BYTES));
    return openAgePayload(Readable.from([head]), identities);
  });
  const sizeBytes = opened.plainBytes(d.seal.size);
  const lastChunk = Math.max(0, Math.ceil(sizeBytes / CHUNK_BYTES) - 1);
  const read = async (from: number, to: number): Promise<Uint8Array> => {
    const [first, last] = [Math.floor(from / CHUNK_BYTES), Math.floor((to - 1) / CHUNK_BYTES)];
    const at = opened.payloadAt + first * SEALED_CHUNK_BYTES;
    const end = Math.min(d.seal.size, opened.payloadAt + (last + 1) * SEALED_CHUNK_BYTES);
    const sealed = await stored(at, end);
    const plain: Uint8Array[] = [];
    for (let n = first; n <= last; n += 1) {
      const begin = (n - first) * SEALED_CHUNK_BYTES;
      const chunk = sealed.subarray(begin, begin + SEALED_CHUNK_BYTES);
      plain.push(opened.chunk(chunk, n, n === lastChunk));
    }
    const skip = from - first * CHUNK_BYTES;
    return Buffer.concat(plain).subarray(skip, skip + to - from);
  };
  return { sizeBytes, read };
}

async function exactly(
  pieces: AsyncIterable<Uint8Array>,
  size: number,
  d: Description,
): Promise<Uint8Array> {
  const all: Uint8Array[] = [];
  for await (const piece of pieces) all.push(piece);
  const bytes = Buffer.concat(all);
  if (bytes.length === size) return bytes;
  throw new ArchiverError("sealed-invalid", `${d.seal.path} ends before it should`);
}
