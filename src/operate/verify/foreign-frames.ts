import zlib from "node:zlib";
import type { Codec } from "../../core/description.ts";
import { ArchiverError } from "../../core/errors.ts";

const ZSTD_MAGIC = 0xfd2fb528;
const SKIPPABLE_MAGIC = 0x184d2a50;
const SKIPPABLE_MASK = 0xfffffff0;

/**
 * The content of a compressed file, frame by frame, by node:zlib and not by the library that made
 * it. Unfolds to `maxBytes` at most. @throws ArchiverError `sealed-invalid`
 */
export function* contentOf(codec: Codec, stored: Buffer, maxBytes: number): Generator<Buffer> {
  if (codec === "none") {
    if (stored.length > 0) yield stored;
    return;
  }
  let rest = stored;
  let left = maxBytes;
  while (rest.length > 0) {
    const { content, length } = codec === "zstd" ? zstdFrame(rest, left) : gzipMembers(rest, left);
    left -= content.length;
    rest = rest.subarray(length);
    if (content.length > 0) yield content;
  }
}

interface Frame {
  readonly content: Buffer;
  /** Bytes it takes in the file. */
  readonly length: number;
}

/** node:zlib decodes one frame and stops silently, so what follows is looked at here. */
function zstdFrame(bytes: Buffer, maxBytes: number): Frame {
  const magic = bytes.length < 8 ? 0 : bytes.readUInt32LE(0);
  if ((magic & SKIPPABLE_MASK) >>> 0 === SKIPPABLE_MAGIC) {
    const length = 8 + bytes.readUInt32LE(4);
    if (length > bytes.length) throw damaged("the seek table is cut off");
    return { content: Buffer.alloc(0), length };
  }
  if (magic !== ZSTD_MAGIC) throw damaged("other bytes stand where a zstd frame must begin");
  return inflated(bytes, maxBytes, zlib.zstdDecompressSync as Inflate);
}

function gzipMembers(bytes: Buffer, maxBytes: number): Frame {
  const frame = inflated(bytes, maxBytes, zlib.gunzipSync as Inflate);
  // zlib reads all members at once and ignores what follows them.
  if (frame.length !== bytes.length) throw damaged("other bytes follow the gzip members");
  return frame;
}

type Inflate = (bytes: Buffer, options: { info: true; maxOutputLength: number }) => unknown;

function inflated(bytes: Buffer, maxBytes: number, inflate: Inflate): Frame {
  let found: { buffer: Buffer; engine: { bytesWritten: number } };
  try {
    // A frame that unfolds to nothing must still be allowed to.
    found = inflate(bytes, { info: true, maxOutputLength: Math.max(maxBytes, 1) }) as typeof found;
  } catch (cause) {
    const text = cause instanceof Error ? cause.message : String(cause);
    throw new ArchiverError("sealed-invalid", `decompressing failed: ${text}`, { cause });
  }
  const { buffer, engine } = found;
  if (buffer.length > maxBytes) throw damaged(`unfolds to more than ${maxBytes} bytes`);
  if (engine.bytesWritten <= 0) throw damaged("decompressing makes no progress");
  return { content: buffer, length: engine.bytesWritten };
}

const damaged = (text: string): ArchiverError => new ArchiverError("sealed-invalid", text);
