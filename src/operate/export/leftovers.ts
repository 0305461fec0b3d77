import { readdir, unlink } from "node:fs/promises";
import { join } from "node:path";

const TEMPORARY = /^(?:part|export\.json)\.(\d+)\.tmp$/;

/** Removes what exports that were killed had begun to write; what another is writing now stays. */
export async function dropLeftovers(dir: string): Promise<void> {
  for (const name of await readdir(dir)) {
    const pid = TEMPORARY.exec(name)?.[1];
    if (pid !== undefined && !runs(Number(pid))) await unlink(join(dir, name));
  }
}

function runs(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    // Any other refusal is about one that is there.
    return (error as NodeJS.ErrnoException).code !== "ESRCH";
  }
}
