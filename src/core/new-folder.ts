import { mkdir, stat } from "node:fs/promises";
import { dirname } from "node:path";

/**
 * A folder with those above it; nothing where it is there. Not by Node's `recursive`, which tries without end
 * where a folder that is there answers ENOENT to whoever creates something in it, as /proc does.
 * @throws as node:fs
 */
export async function createFolder(path: string, mode = 0o777): Promise<void> {
  try {
    await mkdir(path, { mode });
    return;
  } catch (error) {
    if (await isFolder(path)) return;
    const above = dirname(path);
    const lacks = (error as NodeJS.ErrnoException).code === "ENOENT" && above !== path;
    if (!lacks) throw error;
    if (await isFolder(above)) throw new Error(`${above} takes no folder`, { cause: error });
    await createFolder(above, mode);
  }
  try {
    await mkdir(path, { mode });
  } catch (error) {
    // Somebody else was faster.
    if (!(await isFolder(path))) throw error;
  }
}

async function isFolder(path: string): Promise<boolean> {
  try {
    return (await stat(path)).isDirectory();
  } catch {
    return false;
  }
}
