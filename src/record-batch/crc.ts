import { crc32c } from "@node-rs/crc32";

/** Where the checksum stands in a record batch, and the first byte it covers. */
export const CRC_AT = 17;
export const CRC_FROM = 21;

/** CRC32C over everything after the checksum itself; `bytes` is one whole record batch. */
export const crcOf = (bytes: Uint8Array): number => crc32c(bytes.subarray(CRC_FROM));

/**
 * False when the bytes are not those the producer or broker wrote. Takes shared memory as it is.
 */
export function verifyCrc(bytes: Uint8Array): boolean {
  if (bytes.length < CRC_FROM) return false;
  const high = ((bytes[CRC_AT] as number) << 8) | (bytes[CRC_AT + 1] as number);
  const low = ((bytes[CRC_AT + 2] as number) << 8) | (bytes[CRC_AT + 3] as number);
  return crcOf(bytes) === high * 65_536 + low;
}
