import { closeSync, openSync, readFileSync, writeSync } from "node:fs";
import { join } from "node:path";

/**
 * Flips a bit among the records of the batch that begins at `offset`, in the log of a broker that is down;
 * a second time it is as it was.
 */
export function rot(logDir: string, topic: string, partition: number, offset: bigint): void {
  const path = join(logDir, `${topic}-${partition}`, `${"0".repeat(20)}.log`);
  const log = readFileSync(path);
  let at = 0;
  while (log.readBigInt64BE(at) !== offset) at += 12 + log.readInt32BE(at + 8);
  const file = openSync(path, "r+");
  writeSync(file, Buffer.from([(log[at + 80] ?? 0) ^ 4]), 0, 1, at + 80);
  closeSync(file);
}
