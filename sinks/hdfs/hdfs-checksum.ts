import { createHash } from "node:crypto";
import { crc32, crc32c } from "@node-rs/crc32";

/** What GETFILECHECKSUM answers. */
export interface FileChecksum {
  readonly algorithm: string;
  /** Lower-case hex; MD5 forms carry a head before the digest and zeros after it. */
  readonly bytes: string;
}

const MD5_FORM = /^MD5-of-\d+MD5-of-(\d{1,9})(CRC32C?)$/;
const COMPOSITE_FORM = /^COMPOSITE-(CRC32C?)$/;
/** 4 bytes of bytesPerCRC and 8 of crcPerBlock stand before the MD5. */
const MD5_HEAD_BYTES = 12;
const MD5_BYTES = 16;

/**
 * Whether a file with this checksum holds exactly these bytes, computed as HDFS does; undefined for
 * a form that is not known here. `blockSize` is the file's own.
 */
export function checksumIsOf(
  checksum: FileChecksum,
  bytes: Uint8Array,
  blockSize: number,
): boolean | undefined {
  const composite = COMPOSITE_FORM.exec(checksum.algorithm);
  if (composite !== null) {
    return checksum.bytes.slice(0, 8) === hex32(crcOf(composite[1])(bytes));
  }
  const md5 = MD5_FORM.exec(checksum.algorithm);
  if (md5 === null) return undefined;
  const bytesPerCrc = Number(md5[1]);
  if (bytesPerCrc < 1 || blockSize < 1 || blockSize % bytesPerCrc !== 0) return undefined;
  const stored = checksum.bytes.slice(2 * MD5_HEAD_BYTES, 2 * (MD5_HEAD_BYTES + MD5_BYTES));
  return stored === md5OfBlocks(bytes, blockSize, bytesPerCrc, crcOf(md5[2]));
}

type Crc = (bytes: Uint8Array) => number;

const crcOf = (name: string | undefined): Crc => (name === "CRC32" ? crc32 : crc32c);

const hex32 = (n: number): string => (n >>> 0).toString(16).padStart(8, "0");

/**
 * MD5 over the MD5s of the blocks, each over its CRCs in big-endian. HDFS takes the MD5 of its
 * output buffer as it was allocated, so zeros follow up to the next 32 · 2^k bytes.
 */
function md5OfBlocks(bytes: Uint8Array, blockSize: number, bytesPerCrc: number, crc: Crc): string {
  const blocks: Buffer[] = [];
  for (let at = 0; at < bytes.length; at += blockSize) {
    blocks.push(md5OfBlock(bytes.subarray(at, at + blockSize), bytesPerCrc, crc));
  }
  const length = blocks.length * MD5_BYTES;
  let padded = 2 * MD5_BYTES;
  while (padded < length) padded *= 2;
  return createHash("md5")
    .update(Buffer.concat([...blocks, Buffer.alloc(padded - length)]))
    .digest("hex");
}

function md5OfBlock(block: Uint8Array, bytesPerCrc: number, crc: Crc): Buffer {
  const crcs = Buffer.allocUnsafe(4 * Math.ceil(block.length / bytesPerCrc));
  let at = 0;
  for (let from = 0; from < block.length; from += bytesPerCrc) {
    at = crcs.writeUInt32BE(crc(block.subarray(from, from + bytesPerCrc)) >>> 0, at);
  }
  return createHash("md5").update(crcs).digest();
}
