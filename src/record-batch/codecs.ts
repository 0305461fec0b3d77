import { constants, gunzipSync, gzipSync } from "node:zlib";
import { compress as zstdCompress } from "zstd-napi";
import { ArchiverError } from "../core/errors.ts";
import type { RecordCodec } from "./header.ts";
import { lz4Decompress } from "./lz4-frame.ts";
import { lz4Compress } from "./lz4-write.ts";
import { snappyCompress, snappyDecompress } from "./snappy-block.ts";
import { undecodable } from "./varint.ts";
import { zstdDecompress } from "./zstd-frame.ts";

/** Records of one batch never unfold to more: the broker's limits on a batch are far below. */
export const MAX_EXPANSION_BYTES = 256 << 20;

/**
 * The records section of a batch, uncompressed; `none` gives the same view back. Synchronous, for a
 * worker thread. Memory stays below about `maxBytes`, whatever the bytes claim.
 *
 * @throws ArchiverError `undecodable-record-batch` for what is cut off, damaged, followed by other
 * bytes, or unfolds to more than `maxBytes`.
 */
export function decompress(
  codec: RecordCodec,
  bytes: Uint8Array,
  maxBytes: number = MAX_EXPANSION_BYTES,
): Uint8Array {
  try {
    switch (codec) {
      case "none":
        return bytes;
      case "gzip":
        return gunzip(bytes, maxBytes);
      case "snappy":
        return snappyDecompress(bytes, maxBytes);
      case "lz4":
        return lz4Decompress(bytes, maxBytes);
      case "zstd":
        return zstdDecompress(bytes, maxBytes);
    }
  } catch (cause) {
    if (cause instanceof ArchiverError) throw cause;
    const text = cause instanceof Error ? cause.message : String(cause);
    throw undecodable(`${codec}: ${text}`, cause);
  }
}

/**
 * Compresses a records section so that every Kafka client reads it; at each codec's default level.
 */
export function compress(codec: RecordCodec, bytes: Buffer): Uint8Array {
  switch (codec) {
    case "none":
      return bytes;
    case "gzip":
      return gzipSync(bytes);
    case "snappy":
      return snappyCompress(bytes);
    case "lz4":
      return lz4Compress(bytes);
    case "zstd":
      return zstdCompress(bytes);
  }
}

/** zlib's own 16 KiB makes a call, and a buffer, for each. */
const GUNZIP_CHUNK_BYTES = 64 << 10;

/** zlib goes through members by itself, but ignores zero bytes after the last one. */
function gunzip(bytes: Uint8Array, maxBytes: number): Uint8Array {
  const { buffer, engine } = gunzipSync(bytes, {
    maxOutputLength: maxBytes,
    finishFlush: constants.Z_FINISH,
    chunkSize: GUNZIP_CHUNK_BYTES,
    info: true,
  }) as unknown as { buffer: Buffer; engine: { bytesWritten: number } };
  if (engine.bytesWritten !== bytes.length) throw undecodable("gzip: bytes follow the last member");
  return buffer;
}
