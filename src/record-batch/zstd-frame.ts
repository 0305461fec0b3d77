import type { DCtx } from "zstd-napi/binding.js";
import binding from "zstd-napi/binding.js";
import { undecodable } from "./varint.ts";

/** One for the thread: calls are synchronous, and each resets it. */
let context: DCtx | undefined;

/** Chunks for frames that do not say their size; streaming writers (Java) write such. */
const FIRST_CHUNK_BYTES = 128 << 10;
const MAX_CHUNK_BYTES = 16 << 20;

/** Zstandard frames (RFC 8878) back to back; every one whole, nothing after the last. */
export function zstdDecompress(bytes: Uint8Array, maxBytes: number): Uint8Array {
  const parts: Uint8Array[] = [];
  let left = maxBytes;
  let at = 0;
  if (bytes.length === 0) throw undecodable("zstd: no frame");
  while (at < bytes.length) {
    const rest = bytes.subarray(at);
    const frame = rest.subarray(0, binding.findFrameCompressedSize(rest));
    const claimed = binding.getFrameContentSize(frame);
    const limit = claimed ?? 0;
    if (limit > left) throw undecodable(`zstd: unfolds beyond the bound of ${maxBytes} bytes`);
    const made = claimed === null ? [...unfold(frame, left, maxBytes)] : [whole(frame, claimed)];
    for (const part of made) {
      left -= part.length;
      parts.push(part);
    }
    at += frame.length;
  }
  return parts.length === 1 ? (parts[0] as Uint8Array) : Buffer.concat(parts);
}

function fresh(): DCtx {
  context ??= new binding.DCtx();
  context.reset(binding.ResetDirective.sessionOnly);
  return context;
}

function whole(frame: Uint8Array, claimed: number): Uint8Array {
  const out = Buffer.allocUnsafe(claimed);
  const length = fresh().decompress(out, frame);
  if (length !== claimed) throw undecodable(`zstd: ${length} bytes instead of ${claimed}`);
  return out;
}

function* unfold(frame: Uint8Array, bound: number, maxBytes: number): Generator<Uint8Array> {
  const stream = fresh();
  let chunkBytes = FIRST_CHUNK_BYTES;
  let rest = frame;
  let total = 0;
  for (;;) {
    const out = Buffer.allocUnsafe(chunkBytes);
    const [more, made, taken] = stream.decompressStream(out, rest);
    rest = rest.subarray(taken);
    total += made;
    if (total > bound) throw undecodable(`zstd: unfolds beyond the bound of ${maxBytes} bytes`);
    if (made > 0) yield out.subarray(0, made);
    if (more === 0) break;
    if (made === 0 && taken === 0) throw undecodable("zstd: a frame is cut off");
    chunkBytes = Math.min(chunkBytes * 2, MAX_CHUNK_BYTES);
  }
  if (rest.length > 0) throw undecodable("zstd: bytes follow a frame");
}
