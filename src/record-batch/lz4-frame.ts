import { uncompressSync } from "lz4-napi";
import { undecodable } from "./varint.ts";
import { xxh32 } from "./xxh32.ts";

/**
 * LZ4 frames (lz4_Frame_format.md) back to back. The library's own frame reader stops silently
 * after the first frame, takes a missing end mark for the end, has no bound and is several times
 * slower than its block reader; so frames are read here, and the library gets one block at a time.
 */
const FRAME_MAGIC = 0x184d2204;
const SKIPPABLE_MAGIC = 0x184d2a50;
const UNCOMPRESSED = 0x80000000;
/** By the block size code 4 to 7 of the frame descriptor. */
const BLOCK_BYTES: readonly number[] = [0, 0, 0, 0, 64 << 10, 256 << 10, 1 << 20, 4 << 20];
/** How many times a block's size may be set aside for its content without a look. */
const MAX_WASTE = 4;
/** Added to every match length. */
const MIN_MATCH = 4;
/** How far back a linked block may refer. */
const WINDOW_BYTES = 64 << 10;

interface Descriptor {
  readonly linked: boolean;
  readonly blockSums: boolean;
  readonly contentSum: boolean;
  readonly contentBytes: bigint | null;
  readonly blockBytes: number;
  readonly sizeBytes: number;
}

export function lz4Decompress(bytes: Uint8Array, maxBytes: number): Uint8Array {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (buffer.length === 0) throw undecodable("lz4: no frame");
  const parts: Buffer[] = [];
  let left = maxBytes;
  let at = 0;
  while (at < buffer.length) {
    const magic = u32(buffer, at);
    if (magic >>> 4 === SKIPPABLE_MAGIC >>> 4) {
      at += 8 + u32(buffer, at + 4);
      if (at > buffer.length) throw undecodable("lz4: a skippable frame is cut off");
      continue;
    }
    if (magic !== FRAME_MAGIC) throw undecodable("lz4: not a frame");
    const frame = new FrameReader(buffer, at, left);
    const content = frame.read();
    left -= content.length;
    parts.push(content);
    at = frame.at;
  }
  return join(parts);
}

class FrameReader {
  at: number;
  readonly #b: Buffer;
  readonly #d: Descriptor;
  #left: number;

  constructor(buffer: Buffer, start: number, maxBytes: number) {
    this.#b = buffer;
    this.#left = maxBytes;
    this.#d = descriptorAt(buffer, start + 4);
    this.at = start + 4 + this.#d.sizeBytes;
  }

  read(): Buffer {
    const { contentSum, contentBytes } = this.#d;
    const made = new Content(this.#d.linked);
    for (;;) {
      const block = this.#block(made.window());
      if (block === null) break;
      this.#left -= block.length;
      made.push(block);
    }
    const content = made.join();
    if (contentSum) this.#checkSum(content, "content");
    if (contentBytes !== null && BigInt(content.length) !== contentBytes) {
      throw undecodable(`lz4: ${content.length} bytes instead of ${contentBytes}`);
    }
    return content;
  }

  /** The next block's content, or null at the end mark. */
  #block(window: Buffer): Buffer | null {
    const word = this.#u32();
    if (word === 0) return null;
    const size = word & ~UNCOMPRESSED;
    if (size > this.#d.blockBytes || size > this.#b.length - this.at) {
      throw undecodable("lz4: a block is cut off");
    }
    const packed = this.#b.subarray(this.at, this.at + size);
    this.at += size;
    if (this.#d.blockSums) this.#checkSum(packed, "block");
    if (word >= UNCOMPRESSED) {
      if (size > this.#left) throw this.#beyond();
      return packed;
    }
    return this.#unfold(packed, window);
  }

  #unfold(packed: Buffer, window: Buffer): Buffer {
    // Room stays taken as long as the content: what might be far too much is not taken without a look.
    const most = Math.min(this.#d.blockBytes, packed.length * MAX_WASTE);
    if (most <= this.#left) {
      const content = unfolded(packed, most, window);
      if (!(content instanceof Error)) return content;
      if (most === this.#d.blockBytes) throw content;
    }
    const room = contentBytes(packed);
    if (room > this.#d.blockBytes) throw undecodable("lz4: a block is larger than the frame says");
    if (room > this.#left) throw this.#beyond();
    const content = unfolded(packed, room, window);
    if (content instanceof Error) throw content;
    return content;
  }

  #beyond(): Error {
    return undecodable(`lz4: unfolds beyond the bound, ${this.#left} bytes were left of it`);
  }

  #checkSum(bytes: Buffer, what: string): void {
    if (this.#u32() !== xxh32(bytes)) throw undecodable(`lz4: the checksum of a ${what} is wrong`);
  }

  #u32(): number {
    this.at += 4;
    return u32(this.#b, this.at - 4);
  }
}

/** Reads what follows the magic, the descriptor's own checksum included. */
function descriptorAt(b: Buffer, start: number): Descriptor {
  const flags = b[start] ?? 0;
  const kind = b[start + 1] ?? 0;
  const blockBytes = BLOCK_BYTES[kind >> 4] ?? 0;
  const reserved = (flags & 0x02) | (kind & 0x0f);
  if (flags >> 6 !== 1 || reserved !== 0 || blockBytes === 0) {
    throw undecodable("lz4: a frame of unknown kind");
  }
  if ((flags & 0x01) !== 0) throw undecodable("lz4: a frame needs a dictionary");
  const sized = (flags & 0x08) !== 0;
  const sumAt = start + (sized ? 10 : 2);
  if (sumAt >= b.length) throw undecodable("lz4: a frame is cut off");
  if (((xxh32(b.subarray(start, sumAt)) >>> 8) & 0xff) !== b[sumAt]) {
    throw undecodable("lz4: the checksum of a frame's head is wrong");
  }
  return {
    linked: (flags & 0x20) === 0,
    blockSums: (flags & 0x10) !== 0,
    contentSum: (flags & 0x04) !== 0,
    contentBytes: sized ? b.readBigUInt64LE(start + 2) : null,
    blockBytes,
    sizeBytes: sumAt + 1 - start,
  };
}

/**
 * What a frame unfolds to. Linked blocks refer to what came before them, so that lies in one piece
 * and grows by doubling; others are only kept, and joined once.
 */
class Content {
  readonly #linked: boolean;
  readonly #parts: Buffer[] = [];
  #whole = Buffer.alloc(0);
  #length = 0;

  constructor(linked: boolean) {
    this.#linked = linked;
  }

  push(block: Buffer): void {
    if (!this.#linked) {
      this.#parts.push(block);
      return;
    }
    const length = this.#length + block.length;
    if (length > this.#whole.length) {
      const larger = Buffer.allocUnsafe(Math.max(length, 2 * this.#whole.length));
      this.#whole.copy(larger, 0, 0, this.#length);
      this.#whole = larger;
    }
    block.copy(this.#whole, this.#length);
    this.#length = length;
  }

  /** What a linked block may refer to; empty for others. */
  window(): Buffer {
    return this.#whole.subarray(Math.max(0, this.#length - WINDOW_BYTES), this.#length);
  }

  join(): Buffer {
    return this.#linked ? this.#whole.subarray(0, this.#length) : join(this.#parts);
  }
}

/** A block's content, or what the library says of it: damaged, or larger than the room. */
function unfolded(packed: Buffer, room: number, window: Buffer): Buffer | Error {
  // The library takes the size to make room for from the first four bytes, and stops there.
  const sized = Buffer.allocUnsafe(4 + packed.length);
  sized.writeUInt32LE(room, 0);
  packed.copy(sized, 4);
  try {
    return window.length === 0 ? uncompressSync(sized) : uncompressSync(sized, window);
  } catch (error) {
    if (error instanceof Error) return error;
    throw error;
  }
}

/** What a block unfolds to, from the lengths in it alone; its copies are not looked at. */
function contentBytes(packed: Buffer): number {
  let total = 0;
  let at = 0;
  const extended = (nibble: number): number => {
    let length = nibble;
    for (let byte = nibble === 15 ? 255 : 0; byte === 255; length += byte) byte = packed[at++] ?? 0;
    return length;
  };
  while (at < packed.length) {
    const token = packed[at++] as number;
    const literals = extended(token >> 4);
    total += literals;
    at += literals;
    if (at >= packed.length) break;
    at += 2;
    total += extended(token & 15) + MIN_MATCH;
  }
  if (at !== packed.length) throw undecodable("lz4: a block ends inside a sequence");
  return total;
}

const join = (parts: readonly Buffer[]): Buffer =>
  parts.length === 1 ? (parts[0] as Buffer) : Buffer.concat(parts);

function u32(b: Buffer, at: number): number {
  if (b.length - at < 4) throw undecodable("lz4: a frame is cut off");
  return b.readUInt32LE(at);
}
