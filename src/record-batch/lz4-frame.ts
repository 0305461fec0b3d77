import { decompressFrameSync } from "lz4-napi";
import { undecodable } from "./varint.ts";

/**
 * LZ4 frames (lz4_Frame_format.md) back to back. The library reads one frame, takes a missing end
 * mark for the end and has no bound; so the structure is walked here, which is cheap (a few bytes per
 * block), and each frame is handed over exactly. It then checks the header's, the blocks' and the
 * content's checksums, and reads linked blocks.
 */
const FRAME_MAGIC = 0x184d2204;
const SKIPPABLE_MAGIC = 0x184d2a50;
const UNCOMPRESSED = 0x80000000;
/** By the block size code 4 to 7 of the frame descriptor. */
const BLOCK_BYTES: readonly number[] = [0, 0, 0, 0, 64 << 10, 256 << 10, 1 << 20, 4 << 20];
/** A byte adds at most 255 to a match. */
const MAX_RATIO = 255;

interface Frame {
  readonly sizeBytes: number;
  /** Never less than the frame unfolds to. */
  readonly bound: number;
}

export function lz4Decompress(bytes: Uint8Array, maxBytes: number): Uint8Array {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (buffer.length === 0) throw undecodable("lz4: no frame");
  const parts: Buffer[] = [];
  let left = maxBytes;
  let at = 0;
  while (at < buffer.length) {
    const skippable = skippableBytes(buffer, at);
    if (skippable > 0) {
      at += skippable;
      continue;
    }
    const frame = frameAt(buffer, at, blockBound);
    const end = at + frame.sizeBytes;
    // Blocks that are not full make the cheap bound too high: then they are looked at one by one.
    if (frame.bound > left && frameAt(buffer, at, blockLength).bound > left) {
      throw undecodable(`lz4: unfolds beyond the bound of ${maxBytes} bytes`);
    }
    const part = decompressFrameSync(buffer.subarray(at, end));
    left -= part.length;
    parts.push(part);
    at = end;
  }
  return parts.length === 1 ? (parts[0] as Buffer) : Buffer.concat(parts);
}

/** Bytes of a skippable frame at `at`, 0 when there is none. */
function skippableBytes(b: Buffer, at: number): number {
  if (u32(b, at) >>> 4 !== SKIPPABLE_MAGIC >>> 4) return 0;
  const sizeBytes = 8 + u32(b, at + 4);
  if (sizeBytes > b.length - at) throw undecodable("lz4: a skippable frame is cut off");
  return sizeBytes;
}

type Measure = (b: Buffer, from: number, to: number, blockBytes: number) => number;

/** Walks one frame from its magic to its last byte. */
function frameAt(b: Buffer, start: number, measure: Measure): Frame {
  if (u32(b, start) !== FRAME_MAGIC) throw undecodable("lz4: not a frame");
  const flags = b[start + 4] ?? 0;
  const blockBytes = BLOCK_BYTES[((b[start + 5] ?? 0) >> 4) & 7] ?? 0;
  if (flags >> 6 !== 1 || blockBytes === 0) throw undecodable("lz4: a frame of unknown kind");
  if ((flags & 0x01) !== 0) throw undecodable("lz4: a frame needs a dictionary");
  const hasSize = (flags & 0x08) !== 0;
  const blockSumBytes = (flags & 0x10) === 0 ? 0 : 4;
  const contentSumBytes = (flags & 0x04) === 0 ? 0 : 4;
  let at = start + 7 + (hasSize ? 8 : 0);
  let bound = 0;
  for (;;) {
    const word = u32(b, at);
    at += 4;
    if (word === 0) break;
    const size = word & ~UNCOMPRESSED;
    const from = at;
    at += size + blockSumBytes;
    if (size > blockBytes || at > b.length) throw undecodable("lz4: a block is cut off");
    bound += word >= UNCOMPRESSED ? size : measure(b, from, from + size, blockBytes);
  }
  at += contentSumBytes;
  if (at > b.length) throw undecodable("lz4: a frame is cut off");
  if (hasSize && b.readBigUInt64LE(start + 6) > BigInt(bound)) {
    throw undecodable("lz4: a frame claims more than its blocks hold");
  }
  return { sizeBytes: at - start, bound };
}

const blockBound: Measure = (_b, from, to, blockBytes) =>
  Math.min(blockBytes, (to - from) * MAX_RATIO);

/** What one block unfolds to, from its tokens alone; a damaged one may come out wrong, but not slow. */
const blockLength: Measure = (b, from, to, blockBytes) => {
  let total = 0;
  let at = from;
  const extended = (nibble: number): number => {
    let length = nibble;
    for (let byte = nibble === 15 ? 255 : 0; byte === 255; length += byte) byte = b[at++] ?? 0;
    return length;
  };
  while (at < to) {
    const token = b[at++] as number;
    const literals = extended(token >> 4);
    total += literals;
    at += literals;
    if (at >= to) break;
    at += 2;
    total += extended(token & 15) + 4;
  }
  return Math.min(total, blockBytes);
};

function u32(b: Buffer, at: number): number {
  if (b.length - at < 4) throw undecodable("lz4: a frame is cut off");
  return b.readUInt32LE(at);
}
