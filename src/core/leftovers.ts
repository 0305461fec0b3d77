import { readdir, unlink } from "node:fs/promises";
import { join } from "node:path";

/** What this process writes before it has its name; `dropLeftovers` knows it again. */
export const temporaryOf = (path: string): string => `${path}.${process.pid}.tmp`;

/**
 * Removes what processes that were killed had begun to write under one of these names in a folder; what another
 * is writing now stays. Before this one begins to write there. @throws as node:fs
 */
export async function dropLeftovers(dir: string, names: readonly string[]): Promise<void> {
  for (const found of await leftoversIn(dir, names)) await unlink(join(dir, found));
}

/** Their names as they are in the folder. @throws as node:fs */
export async function leftoversIn(dir: string, names: readonly string[]): Promise<string[]> {
  return (await readdir(dir)).filter((found) => {
    const [, name = "", pid] = /^(.+)\.(\d+)\.tmp$/.exec(found) ?? [];
    return names.includes(name) && !another(Number(pid));
  });
}

/** In a container a process often has the number of the one before it. */
function another(pid: number): boolean {
  try {
    return pid !== process.pid && process.kill(pid, 0);
  } catch (error) {
    // Any other refusal is about one that is there.
    return (error as NodeJS.ErrnoException).code !== "ESRCH";
  }
}
