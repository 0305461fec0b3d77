import { execFileSync } from "node:child_process";
import { closeSync, openSync, rmSync, writeSync } from "node:fs";
import { join } from "node:path";

const FILLER = "filler";
const [MIB, PAGE] = [1 << 20, 4 << 10];

/** A folder on a file system of its own, in memory, that can be filled to its last page. Needs root. */
export class SmallDisk {
  readonly #dir: string;

  private constructor(dir: string) {
    this.#dir = dir;
  }

  /** @param dir an empty folder */
  static at(dir: string, mib: number): SmallDisk {
    execFileSync("mount", ["-t", "tmpfs", "-o", `size=${mib}m`, "none", dir], { stdio: "pipe" });
    return new SmallDisk(dir);
  }

  fill(): void {
    const file = openSync(join(this.#dir, FILLER), "w");
    try {
      for (const bytes of [MIB, PAGE]) writeUntilFull(file, Buffer.alloc(bytes, 1));
    } finally {
      closeSync(file);
    }
  }

  free(): void {
    rmSync(join(this.#dir, FILLER), { force: true });
  }

  /** With everything that lies on it; nobody may have a file open there. */
  unmount(): void {
    execFileSync("umount", [this.#dir], { stdio: "pipe" });
  }
}

function writeUntilFull(file: number, piece: Buffer): void {
  try {
    for (;;) writeSync(file, piece);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOSPC") throw error;
  }
}
