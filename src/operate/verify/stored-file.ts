import { blake3, Blake3Hasher } from "@napi-rs/blake-hash";
import type { Manifest } from "../../core/description.ts";
import { ArchiverError } from "../../core/errors.ts";
import type { Sink } from "../../sdk/sink.ts";

/** A sink holds no larger file (`maxBatchBytes`), so a manifest that says so is not followed. */
const MAX_FILE_BYTES = 2 ** 31 - 1;

export interface Stored {
  /** BLAKE3, lower-case hex. */
  readonly digest: string;
  readonly bytes: Uint8Array | undefined;
}

/** Hashes what the sink gives, piece by piece. */
export async function hashStored(sink: Sink, m: Manifest, signal: AbortSignal): Promise<Stored> {
  const hasher = new Blake3Hasher();
  for await (const piece of sink.read(m, { from: 0 }, signal)) hasher.update(piece);
  return { digest: hasher.digest("hex"), bytes: undefined };
}

/** The whole stored file in memory, once for hashing and opening: a batch is bounded. */
export async function readStored(sink: Sink, m: Manifest, signal: AbortSignal): Promise<Stored> {
  if (m.seal.size > MAX_FILE_BYTES) {
    throw new ArchiverError("sealed-invalid", `${m.seal.path}: ${m.seal.size} bytes are too many`);
  }
  const bytes = Buffer.allocUnsafe(m.seal.size);
  let at = 0;
  for await (const piece of sink.read(m, { from: 0 }, signal)) {
    if (at + piece.length > bytes.length) {
      throw new ArchiverError(
        "sealed-invalid",
        `${m.seal.path} gives more than ${bytes.length} bytes`,
      );
    }
    bytes.set(piece, at);
    at += piece.length;
  }
  return { digest: blake3(bytes.subarray(0, at)).toString("hex"), bytes: bytes.subarray(0, at) };
}
