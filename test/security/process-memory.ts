import { closeSync, openSync, readFileSync, readSync } from "node:fs";

const PIECE_BYTES = 16 << 20;

/**
 * Which of the needles stand anywhere in the writable memory of a process, by its own pages: what a thief of the
 * host or a core dump would have.
 */
export function inMemoryOf(pid: number, needles: ReadonlyMap<string, Buffer>): Set<string> {
  const found = new Set<string>();
  const overlap = Math.max(...[...needles.values()].map((n) => n.length));
  const memory = openSync(`/proc/${pid}/mem`, "r");
  const piece = Buffer.alloc(PIECE_BYTES + overlap);
  try {
    for (const { from, to } of regionsOf(pid)) {
      for (let at = from; at < to; at += PIECE_BYTES) {
        const most = Math.min(piece.length, to - at);
        const got = readPages(memory, piece.subarray(0, most), at);
        for (const [name, needle] of needles)
          if (piece.subarray(0, got).includes(needle)) found.add(name);
      }
    }
  } finally {
    closeSync(memory);
  }
  return found;
}

function regionsOf(pid: number): { from: number; to: number }[] {
  const maps = readFileSync(`/proc/${pid}/maps`, "utf8").split("\n");
  return maps.flatMap((line) => {
    const [, from, to, rights = "", name = ""] =
      /^([0-9a-f]+)-([0-9a-f]+) (\S+) \S+ \S+ \S+ *(.*)$/.exec(line) ?? [];
    if (from === undefined || to === undefined || !rights.startsWith("rw")) return [];
    if (name.startsWith("[v")) return [];
    return [{ from: Number.parseInt(from, 16), to: Number.parseInt(to, 16) }];
  });
}

/** None where the process has given the pages back meanwhile. */
function readPages(memory: number, into: Buffer, at: number): number {
  try {
    return readSync(memory, into, 0, into.length, at);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EIO") return 0;
    throw error;
  }
}
