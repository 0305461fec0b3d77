import type { AgeSecrets } from "./age-write.ts";
import { hkdf } from "./x25519.ts";

/**
 * The secrets of one age file, derived: the same plan and payload make the same bytes, any other
 * payload has another key, so a nonce never meets two plaintexts.
 *
 * `payloadHash` is BLAKE3 of what age encrypts. In a stored zstd file the payload follows from the
 * content alone, so the content's digest serves under a label of its own, and one pass is saved.
 */
export function deriveSecrets(o: {
  readonly seed: Uint8Array;
  readonly salt: Uint8Array;
  readonly payloadHash: Uint8Array;
  readonly of: "payload" | "content";
  readonly batchId: string;
}): AgeSecrets {
  const salt = Buffer.concat([o.salt, o.payloadHash]);
  const derive = (label: string, bytes: number): Buffer =>
    hkdf(o.seed, salt, `bulk-archiver/1/${label}/${o.of}/${o.batchId}`, bytes);
  const fileKey = derive("file-key", 16);
  return {
    fileKey,
    nonce: derive("nonce", 16),
    ephemeral: ephemeralOf(fileKey, o.batchId),
  };
}

/** By file key and batch alone, so that whoever can open a file makes the same header for it. */
export const ephemeralOf =
  (fileKey: Uint8Array, batchId: string) =>
  (recipient: string): Buffer =>
    hkdf(fileKey, Buffer.alloc(0), `bulk-archiver/1/ephemeral/${batchId}/${recipient}`);
