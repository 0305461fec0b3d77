import { deflateRawSync, inflateRawSync } from "node:zlib";
import { blake3Hex } from "../../src/core/digest.ts";

/** Names of user metadata come back in lower case from every store. */
export const ABOUT_NAME = "bulk-archiver-about";

/** AWS: names and values together at most 2 KB; the other stores take at least that. */
const MAX_METADATA_BYTES = 2048;
const MAX_VALUE_CHARS = MAX_METADATA_BYTES - ABOUT_NAME.length;

/** What unfolds to more than this is not put into metadata, and not unfolded from it. */
const MAX_ABOUT_BYTES = 256 << 10;

/**
 * A description as a value of user metadata: deflated, in base64, because a header holds printable
 * text only and a description of a batch of a topic with a long name has about 2 KB. Undefined when
 * it does not fit: many holes, many recipients. It then goes into an object of its own.
 */
export function aboutValue(about: Uint8Array): string | undefined {
  if (about.length > MAX_ABOUT_BYTES) return undefined;
  const value = deflateRawSync(about, { level: 9 }).toString("base64");
  return value.length > MAX_VALUE_CHARS ? undefined : value;
}

/** What cannot be unfolded comes as it is: whoever parses it finds that it is no description. */
export function aboutOf(value: string): Uint8Array {
  try {
    return inflateRawSync(Buffer.from(value, "base64"), { maxOutputLength: MAX_ABOUT_BYTES });
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    return Buffer.from(value);
  }
}

/**
 * Where a description is that does not fit: its name holds the digest of the data and of its path,
 * because two partitions can hold the same bytes.
 */
export const aboutPath = (path: string, digest: string): string =>
  `tmp/${digest}.${blake3Hex(Buffer.from(path)).slice(0, 16)}.about`;
