import { link, open, unlink } from "node:fs/promises";
import { temporaryOf } from "./leftovers.ts";

/** File systems that have no second names, such as that of a memory stick. */
const NO_LINKS = new Set(["EPERM", "ENOTSUP", "EOPNOTSUPP", "ENOSYS", "EMLINK"]);

/**
 * A new file that only its owner reads: whole, or not there, also when the process is killed. Where the file
 * system has no links it may be half there then. What is left of one that was killed is dropped by `dropLeftovers`. @throws as node:fs; EEXIST where there is one
 */
export async function createFile(path: string, text: string): Promise<void> {
  const temporary = temporaryOf(path);
  try {
    await write(temporary, text);
    await link(temporary, path);
  } catch (error) {
    if (!NO_LINKS.has((error as NodeJS.ErrnoException).code ?? "")) throw error;
    await write(path, text);
  } finally {
    await Promise.allSettled([unlink(temporary)]);
  }
}

async function write(path: string, text: string): Promise<void> {
  const file = await open(path, "wx", 0o600);
  try {
    await file.writeFile(text);
    await file.sync();
  } finally {
    await file.close();
  }
}
