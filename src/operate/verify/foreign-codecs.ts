import zlib from "node:zlib";
import { decompressFrameSync } from "lz4-napi";
import snappy from "snappy";
import { ArchiverError } from "../../core/errors.ts";

/** One record batch never unfolds to more: what a producer sends is bounded far below. */
const MAX_INFLATED_BYTES = 512 << 20;

/** Attributes bits 0-2 of a record batch. @throws ArchiverError `format-invalid` */
export function inflate(codec: number, data: Buffer): Buffer {
  try {
    switch (codec) {
      case 0:
        return data;
      case 1:
        return zlib.gunzipSync(data, { maxOutputLength: MAX_INFLATED_BYTES });
      case 2:
        return inflateSnappy(data);
      case 3:
        return decompressFrameSync(data);
      case 4:
        return inflateZstd(data);
      default:
        throw new ArchiverError("format-invalid", `a record batch names codec ${codec}`);
    }
  } catch (cause) {
    if (cause instanceof ArchiverError) throw cause;
    const text = cause instanceof Error ? cause.message : String(cause);
    throw new ArchiverError("format-invalid", `compressed records are damaged: ${text}`, { cause });
  }
}

const XERIAL_MAGIC = Buffer.from([0x82, 0x53, 0x4e, 0x41, 0x50, 0x50, 0x59, 0x00]);
const XERIAL_HEADER_BYTES = 16;

/** Java frames blocks with their lengths; librdkafka and others write one bare block. */
function inflateSnappy(data: Buffer): Buffer {
  if (!data.subarray(0, XERIAL_MAGIC.length).equals(XERIAL_MAGIC)) return inflateBlock(data);
  const blocks: Buffer[] = [];
  let total = 0;
  for (let at = XERIAL_HEADER_BYTES; at < data.length;) {
    const length = data.readInt32BE(at);
    if (length < 0 || at + 4 + length > data.length) throw new Error("a snappy block is cut off");
    const block = inflateBlock(data.subarray(at + 4, at + 4 + length));
    total += block.length;
    if (total > MAX_INFLATED_BYTES) throw new Error("unfolds beyond the bound");
    blocks.push(block);
    at += 4 + length;
  }
  return Buffer.concat(blocks);
}

function inflateBlock(block: Buffer): Buffer {
  let claimed = 0;
  for (let i = 0; i < 5; i++) {
    const byte = block[i] ?? 0;
    claimed += (byte & 0x7f) * 128 ** i;
    if (byte < 0x80) break;
  }
  if (claimed > MAX_INFLATED_BYTES) throw new Error("unfolds beyond the bound");
  return snappy.uncompressSync(block, { asBuffer: true }) as Buffer;
}

/** node:zlib stops silently after one frame, so it is asked how far it came. */
function inflateZstd(data: Buffer): Buffer {
  const frames: Buffer[] = [];
  let rest = data;
  let total = 0;
  while (rest.length > 0) {
    const { buffer, engine } = zlib.zstdDecompressSync(rest, {
      info: true,
      maxOutputLength: MAX_INFLATED_BYTES - total,
    }) as unknown as { buffer: Buffer; engine: { bytesWritten: number } };
    if (engine.bytesWritten <= 0) throw new Error("zstd makes no progress");
    frames.push(buffer);
    total += buffer.length;
    rest = rest.subarray(engine.bytesWritten);
  }
  return frames.length === 1 ? (frames[0] as Buffer) : Buffer.concat(frames);
}
