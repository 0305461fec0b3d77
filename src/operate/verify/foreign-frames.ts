import zlib from "node:zlib";
import type { Codec } from "../../core/description.ts";
import { ArchiverError } from "../../core/errors.ts";

const ZSTD_MAGIC = 0xfd2fb528;
const SKIPPABLE_MAGIC = 0x184d2a5e;
const SEEKABLE_MAGIC = 0x8f92eab1;

/**
 * The content of a compressed file, frame by frame, by node:zlib and not by the library that made
 * it. Unfolds to `maxBytes` at most. @throws ArchiverError `sealed-invalid`
 */
export function* contentOf(codec: Codec, stored: Buffer, maxBytes: number): Generator<Buffer> {
  if (codec === "zstd") yield* zstdFrames(stored, maxBytes);
  else if (codec === "gzip") yield gzipMembers(stored, maxBytes).content;
  else if (stored.length > 0) yield stored;
}

interface Frame {
  readonly content: Buffer;
  /** Bytes it takes in the file. */
  readonly length: number;
}

/**
 * Node's versions differ in whether they go on after a frame, so each is given to it alone, and what
 * follows is looked at here.
 */
function* zstdFrames(stored: Buffer, maxBytes: number): Generator<Buffer> {
  const seen: (readonly [length: number, contentLength: number])[] = [];
  let rest = stored;
  let left = maxBytes;
  while (rest.length >= 4 && rest.readUInt32LE(0) === ZSTD_MAGIC) {
    const frame = rest.subarray(0, frameLength(rest));
    const { content, length } = inflated(frame, left, zlib.zstdDecompressSync as Inflate);
    if (length !== frame.length) throw damaged("a zstd frame ends before its last block");
    seen.push([length, content.length]);
    left -= content.length;
    rest = rest.subarray(length);
    if (content.length > 0) yield content;
  }
  checkTable(rest, seen);
}

/** RFC 8878 §3.1.1: a header whose parts its descriptor names, blocks, perhaps a checksum. */
function frameLength(bytes: Buffer): number {
  const descriptor = bytes[4] ?? 0;
  const single = (descriptor & 0x20) !== 0;
  const dictionary = [0, 1, 2, 4][descriptor & 3] ?? 0;
  const contentSize = [single ? 1 : 0, 2, 4, 8][descriptor >> 6] ?? 0;
  let at = 5 + (single ? 0 : 1) + dictionary + contentSize;
  for (let last = false; !last;) {
    if (at + 3 > bytes.length) throw damaged("a zstd frame is cut off");
    const header = bytes.readUIntLE(at, 3);
    last = (header & 1) === 1;
    // A run is stored as its one byte.
    at += 3 + (((header >> 1) & 3) === 1 ? 1 : header >> 3);
  }
  at += (descriptor & 4) === 0 ? 0 : 4;
  if (at > bytes.length) throw damaged("a zstd frame is cut off");
  return at;
}

/** The table stands once, at the end, and says what the frames before it are. */
function checkTable(table: Buffer, seen: readonly (readonly [number, number])[]): void {
  const length = 8 + 8 * seen.length + 9;
  if (table.length !== length) {
    throw damaged(`${table.length} bytes follow ${seen.length} frames, their table has ${length}`);
  }
  const numbers = [table.readUInt32LE(0), table.readUInt32LE(4), table.readUInt32LE(length - 9)];
  const wanted = [SKIPPABLE_MAGIC, length - 8, seen.length];
  const flags = table.readUInt8(length - 5);
  const last = table.readUInt32LE(length - 4);
  if (numbers.join() !== wanted.join() || flags !== 0 || last !== SEEKABLE_MAGIC) {
    throw damaged("what follows the frames is no table of them");
  }
  for (const [i, [size, contentSize]] of seen.entries()) {
    const at = 8 + 8 * i;
    if (table.readUInt32LE(at) === size && table.readUInt32LE(at + 4) === contentSize) continue;
    throw damaged(`the table says something else of frame ${i} than what it is`);
  }
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
