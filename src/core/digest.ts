import { blake3, Blake3Hasher } from "@napi-rs/blake-hash";

/** BLAKE3, lower-case hex. Takes views on shared memory as they are, without a copy. */
export const blake3Hex = (bytes: Uint8Array): string => blake3(bytes).toString("hex");

/** The same over a stream of pieces; stops with what the stream rejects with. */
export async function blake3HexOf(pieces: AsyncIterable<Uint8Array>): Promise<string> {
  const hasher = new Blake3Hasher();
  for await (const piece of pieces) hasher.update(piece);
  return hasher.digest("hex");
}
