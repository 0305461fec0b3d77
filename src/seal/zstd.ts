import type { CCtx, DCtx } from "zstd-napi/binding.js";
import binding from "zstd-napi/binding.js";
import { ArchiverError } from "../core/errors.ts";

/**
 * A zstd file of independent frames and a table of them (the "seekable format" of the zstd project's
 * contrib), so that `zstd -d` reads it and a reader can start at any frame.
 */
export const FRAME_BYTES = 1 << 20;
const MAX_BLOCK_BYTES = 128 << 10;
const FRAME_MAGIC = 0xfd2fb528;
const SKIPPABLE_MAGIC = 0x184d2a5e;
const SEEK_MAGIC = 0x8f92eab1;
const SEEK_FOOTER_BYTES = 9;
const SKIPPABLE_HEADER_BYTES = 8;
/** Frames of one file at most: far beyond any batch, and a bound for what a table may claim. */
const MAX_FRAMES = 1 << 20;

/** One for the thread, with room for one frame: both are megabytes that no collector knows of. */
let compressor: { readonly context: CCtx; readonly scratch: Buffer } | undefined;

/** Each piece (≤ 1 MiB) as one compressed frame with size and checksum, then the table. */
export function compressed(pieces: Iterable<Uint8Array>, level: number): Uint8Array[] {
  compressor ??= {
    context: new binding.CCtx(),
    scratch: Buffer.allocUnsafe(binding.compressBound(FRAME_BYTES)),
  };
  const { context, scratch } = compressor;
  context.setParameter(binding.CParameter.compressionLevel, level);
  context.setParameter(binding.CParameter.checksumFlag, 1);
  context.setParameter(binding.CParameter.contentSizeFlag, 1);
  return framed(pieces, (piece) => {
    const size = context.compress2(scratch, piece);
    return [Uint8Array.prototype.slice.call(scratch, 0, size)];
  });
}

/** Each piece as one frame of raw blocks: the bytes themselves between headers, nothing copied. */
export const stored = (pieces: Iterable<Uint8Array>): Uint8Array[] => framed(pieces, rawFrame);

function framed(
  pieces: Iterable<Uint8Array>,
  frame: (piece: Uint8Array) => readonly Uint8Array[],
): Uint8Array[] {
  const out: Uint8Array[] = [];
  const table: [size: number, contentSize: number][] = [];
  for (const piece of pieces) {
    const parts = frame(piece);
    out.push(...parts);
    table.push([parts.reduce((n, p) => n + p.length, 0), piece.length]);
  }
  out.push(seekTable(table));
  return out;
}

function rawFrame(piece: Uint8Array): Uint8Array[] {
  const head = Buffer.alloc(9);
  head.writeUInt32LE(FRAME_MAGIC, 0);
  // Four bytes of content size, a single segment, no checksum, no dictionary.
  head.writeUInt8(0xa0, 4);
  head.writeUInt32LE(piece.length, 5);
  const parts: Uint8Array[] = [head];
  for (let at = 0; at < piece.length || at === 0; at += MAX_BLOCK_BYTES) {
    const size = Math.min(MAX_BLOCK_BYTES, piece.length - at);
    const last = at + size >= piece.length ? 1 : 0;
    const header = Buffer.alloc(3);
    header.writeUIntLE((size << 3) | last, 0, 3);
    parts.push(header, piece.subarray(at, at + size));
  }
  return parts;
}

function seekTable(frames: readonly (readonly [number, number])[]): Buffer {
  const body = 8 * frames.length + SEEK_FOOTER_BYTES;
  const table = Buffer.alloc(SKIPPABLE_HEADER_BYTES + body);
  table.writeUInt32LE(SKIPPABLE_MAGIC, 0);
  table.writeUInt32LE(body, 4);
  let at = SKIPPABLE_HEADER_BYTES;
  for (const [size, contentSize] of frames) {
    table.writeUInt32LE(size, at);
    table.writeUInt32LE(contentSize, at + 4);
    at += 8;
  }
  table.writeUInt32LE(frames.length, at);
  table.writeUInt32LE(SEEK_MAGIC, at + 5);
  return table;
}

/**
 * The content of a whole zstd file, frame by frame; `into` takes them one behind the other. The table is not
 * trusted: it has to say what the frames are. @throws ArchiverError sealed-invalid for missing frames,
 * anything after the table, or content beyond `maxBytes`
 */
export function* unframed(
  file: Uint8Array,
  maxBytes: number,
  into?: Buffer,
): Generator<Uint8Array> {
  const bytes = Buffer.from(file.buffer, file.byteOffset, file.byteLength);
  const seen: [number, number][] = [];
  let at = 0;
  let total = 0;
  while (at + 4 <= bytes.length && bytes.readUInt32LE(at) === FRAME_MAGIC) {
    const room = into?.subarray(total);
    const { size, content } = frameAt(bytes.subarray(at), maxBytes - total, room);
    if (seen.length >= MAX_FRAMES) throw invalid(`more than ${MAX_FRAMES} frames`);
    seen.push([size, content.length]);
    at += size;
    total += content.length;
    yield content;
  }
  if (!bytes.subarray(at).equals(seekTable(seen))) {
    throw invalid(
      `at byte ${at} of ${bytes.length}: not the table of the ${seen.length} frames before it`,
    );
  }
}

/** One frame of a file: where it begins, and how much it is stored and unfolded. */
export interface Frame {
  readonly at: number;
  readonly size: number;
  readonly contentAt: number;
  readonly contentSize: number;
}

/** What the table of a file takes at its end, by its last nine bytes. @throws ArchiverError sealed-invalid */
export function seekTableBytes(footer: Uint8Array): number {
  const b = Buffer.from(footer.buffer, footer.byteOffset, footer.byteLength);
  const frames = b.length === SEEK_FOOTER_BYTES ? b.readUInt32LE(0) : MAX_FRAMES + 1;
  if (frames > MAX_FRAMES || b.readUInt8(4) !== 0 || b.readUInt32LE(5) !== SEEK_MAGIC) {
    throw invalid("no table of frames at the end");
  }
  return SKIPPABLE_HEADER_BYTES + 8 * frames + SEEK_FOOTER_BYTES;
}

/** The frames as the table tells them, which have to fill the file. @throws ArchiverError sealed-invalid */
export function seekFrames(table: Uint8Array, fileBytes: number): readonly Frame[] {
  const b = Buffer.from(table.buffer, table.byteOffset, table.byteLength);
  const frames: Frame[] = [];
  let [at, contentAt] = [0, 0];
  for (let i = SKIPPABLE_HEADER_BYTES; i < b.length - SEEK_FOOTER_BYTES; i += 8) {
    const [size, contentSize] = [b.readUInt32LE(i), b.readUInt32LE(i + 4)];
    frames.push({ at, size, contentAt, contentSize });
    at += size;
    contentAt += contentSize;
  }
  const told = frames.map((f): [number, number] => [f.size, f.contentSize]);
  if (at + b.length === fileBytes && b.equals(seekTable(told))) return frames;
  throw invalid("a table of frames that does not fit the file");
}

/** The content of exactly one frame. @throws ArchiverError sealed-invalid */
export function frameContent(bytes: Uint8Array, { contentSize }: Frame): Uint8Array {
  const frame = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const { size, content } = frameAt(frame, contentSize);
  if (size === frame.length && content.length === contentSize) return content;
  throw invalid("a frame that is not as the table says");
}

let decompressor: DCtx | undefined;

function frameAt(
  rest: Buffer,
  roomBytes: number,
  into?: Buffer,
): { size: number; content: Uint8Array } {
  try {
    const size = binding.findFrameCompressedSize(rest);
    const frame = rest.subarray(0, size);
    const contentSize = binding.getFrameContentSize(frame);
    if (contentSize === null || contentSize > FRAME_BYTES || contentSize > roomBytes) {
      throw invalid(`a frame that claims ${String(contentSize)} bytes of content`);
    }
    const content = into?.subarray(0, contentSize) ?? Buffer.allocUnsafe(contentSize);
    decompressor ??= new binding.DCtx();
    const got = decompressor.decompress(content, frame);
    if (got !== contentSize) throw invalid(`a frame of ${got} bytes that claims ${contentSize}`);
    return { size, content };
  } catch (cause) {
    if (cause instanceof ArchiverError) throw cause;
    throw invalid(cause instanceof Error ? cause.message : String(cause), cause);
  }
}

const invalid = (text: string, cause?: unknown): ArchiverError =>
  new ArchiverError("sealed-invalid", `zstd: ${text}`, { cause });
