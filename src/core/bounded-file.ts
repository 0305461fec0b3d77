import { closeSync, openSync, readSync } from "node:fs";

/**
 * A file's bytes; null when it has more than `maxBytes`. Not by its size: devices and pipes say 0, and some
 * never end.
 */
export function boundedFile(path: string, maxBytes: number): Buffer | null {
  const file = openSync(path, "r");
  try {
    const bytes = Buffer.allocUnsafe(maxBytes + 1);
    let have = 0;
    for (let n = -1; n !== 0 && have < bytes.length; have += n) {
      n = readSync(file, bytes, have, bytes.length - have, null);
    }
    return have > maxBytes ? null : Buffer.from(bytes.subarray(0, have));
  } finally {
    closeSync(file);
  }
}
