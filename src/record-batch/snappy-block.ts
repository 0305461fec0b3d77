import { compressSync, uncompressSync } from "snappy";
import { undecodable } from "./varint.ts";

/**
 * Snappy as Kafka has it: librdkafka and others write one bare block; Java writes "xerial" framing,
 * a header and then blocks with their lengths (snappy-java, SnappyOutputStream). Streams may follow
 * one another, each with its header.
 */
const XERIAL_MAGIC = Buffer.from([0x82, 0x53, 0x4e, 0x41, 0x50, 0x50, 0x59, 0x00]);
/** Magic, version int32, lowest compatible version int32. */
const XERIAL_HEADER_BYTES = 16;
/** What a reader of a block's length would see of the next stream's magic. */
const XERIAL_HEAD = XERIAL_MAGIC.readInt32BE(0);
/** As snappy-java cuts. */
const BLOCK_BYTES = 32 << 10;
/**
 * A copy of 64 bytes takes three, so a claim beyond this is a lie and nothing is allocated for it.
 */
const MAX_RATIO = 24;

/**
 * Without it the library hands out memory that is freed only between turns of the event loop: a
 * worker that decodes a file in one turn grew by all it had decoded, and was four times slower.
 */
const OWN_MEMORY = { copyOutputData: true } as const;

export function snappyDecompress(bytes: Uint8Array, maxBytes: number): Uint8Array {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (!isXerial(buffer)) return block(buffer, maxBytes);
  const blocks: Uint8Array[] = [];
  let left = maxBytes;
  let at = XERIAL_HEADER_BYTES;
  while (at < buffer.length) {
    if (buffer.length - at < 4) throw undecodable("snappy: a block length is cut off");
    const length = buffer.readInt32BE(at);
    if (length === XERIAL_HEAD && isXerial(buffer.subarray(at))) {
      at += XERIAL_HEADER_BYTES;
      continue;
    }
    at += 4;
    if (length < 0 || length > buffer.length - at) throw undecodable("snappy: a block is cut off");
    const unfolded = block(buffer.subarray(at, at + length), left);
    left -= unfolded.length;
    blocks.push(unfolded);
    at += length;
  }
  return blocks.length === 1 ? (blocks[0] as Uint8Array) : Buffer.concat(blocks);
}

export function snappyCompress(bytes: Buffer): Buffer {
  const head = Buffer.alloc(XERIAL_HEADER_BYTES);
  XERIAL_MAGIC.copy(head);
  head.writeInt32BE(1, 8);
  head.writeInt32BE(1, 12);
  const parts: Buffer[] = [head];
  for (let at = 0; at < bytes.length; at += BLOCK_BYTES) {
    const packed = compressSync(bytes.subarray(at, at + BLOCK_BYTES), OWN_MEMORY);
    const length = Buffer.alloc(4);
    length.writeInt32BE(packed.length);
    parts.push(length, packed);
  }
  return Buffer.concat(parts);
}

const isXerial = (buffer: Buffer): boolean =>
  buffer.length >= XERIAL_HEADER_BYTES &&
  buffer.compare(XERIAL_MAGIC, 0, XERIAL_MAGIC.length, 0, XERIAL_MAGIC.length) === 0;

/** The library allocates what the block's head claims before it looks further, so we look first. */
function block(bytes: Buffer, maxBytes: number): Buffer {
  let claimed = 0;
  for (let i = 0; i < 5; i++) {
    const byte = bytes[i];
    if (byte === undefined) throw undecodable("snappy: a block without its size");
    claimed += (byte & 0x7f) * 128 ** i;
    if (byte < 0x80) break;
  }
  if (claimed > maxBytes)
    throw undecodable(`snappy: unfolds beyond the bound of ${maxBytes} bytes`);
  if (claimed > bytes.length * MAX_RATIO) throw undecodable("snappy: a block claims too much");
  return uncompressSync(bytes, { asBuffer: true, ...OWN_MEMORY }) as Buffer;
}
