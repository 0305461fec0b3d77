import { headerOf } from "./age-read.ts";
import { ageHeader } from "./age-write.ts";
import { ephemeralOf } from "./secrets.ts";

/**
 * An age file for other recipients: a new header, and behind it the same bytes. Whoever can open the file
 * makes the same header, so every sink gets the same file.
 * @param identities raw X25519 secret keys. @throws ArchiverError identity-needed, sealed-invalid
 */
export async function rewrapped(
  file: Uint8Array,
  identities: readonly Uint8Array[],
  to: { readonly recipients: readonly string[]; readonly batchId: string },
): Promise<Uint8Array> {
  const { fileKey, bytes } = await headerOf(once(file), identities);
  const ephemeral = ephemeralOf(fileKey, to.batchId);
  const header = ageHeader(to.recipients, { fileKey, ephemeral });
  const out = new Uint8Array(header.length + file.length - bytes);
  out.set(header, 0);
  out.set(file.subarray(bytes), header.length);
  return out;
}

// oxlint-disable-next-line require-await -- a stream of what is at hand
async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}
