import { randomBytes } from "node:crypto";
import { blake3Hex } from "../../src/core/digest.ts";

/**
 * What is to replace a path lies in `tmp/` first, in stores whose rename takes no condition. Its name begins alike
 * for one path, so that whoever changes that path next can remove what a run before has left there: a rename of it
 * that is still on its way, or of a process that wakes up, then finds nothing to rename.
 */
export const nextPrefix = (path: string): string =>
  `${blake3Hex(Buffer.from(path)).slice(0, 32)}.next-`;

/** A name that nobody else has. */
export const nextName = (path: string): string =>
  `${nextPrefix(path)}${randomBytes(12).toString("hex")}.part`;
