import { readdir, rename } from "node:fs/promises";
import { dirname, join } from "node:path";
import { SinkError } from "../../src/sdk/sink-error.ts";
import { nextName, nextPrefix } from "../blob/next-file.ts";
import { sinkError, stepOrAbsent } from "./fs-error.ts";
import { readRange, unlinkIfThere, withTemp, writeNew } from "./fs-file.ts";
import { syncFolder } from "./fs-folders.ts";
import { headOf } from "./fs-listing.ts";

export interface Replacing {
  /** Absolute. */
  readonly base: string;
  readonly path: string;
  readonly bytes: Uint8Array;
  /** Of the file that is replaced. */
  readonly tag: string;
  readonly fsync: boolean;
}

/**
 * Renames a whole, durable file over the one that is seen as `tag`. A rename takes no condition, and a process can
 * be frozen just before it. So what others have ready for this path is removed before and after: theirs is either
 * gone when they wake up, or was begun later than ours was there, and then they see that.
 */
export async function replaceFile(r: Replacing, signal: AbortSignal): Promise<void> {
  const { base, path, bytes, fsync } = r;
  const final = join(base, path);
  await dropNext(base, path);
  const temp = join(base, "tmp", nextName(path));
  const ours = await withTemp(temp, async () => {
    await writeNew(temp, bytes, fsync, signal);
    await assertHolds(temp, bytes, signal);
    const written = await headOf(temp);
    signal.throwIfAborted();
    if ((await headOf(final))?.tag !== r.tag) throw unseen(final);
    await renameOver(temp, final, written?.tag);
    return written?.tag;
  });
  if (fsync) await syncFolder(dirname(final));
  await dropNext(base, path);
  if ((await headOf(final))?.tag !== ours) throw unseen(final);
}

/** Removes what a run that was killed, or is frozen, has ready to replace a path with. */
export async function dropNext(base: string, path: string): Promise<void> {
  const tmp = join(base, "tmp");
  const prefix = nextPrefix(path);
  const names = (await stepOrAbsent("list", tmp, () => readdir(tmp))) ?? [];
  for (const name of names) if (name.startsWith(prefix)) await unlinkIfThere(join(tmp, name));
}

/** An NFS server that answers a repeated request says ENOENT to the one that made it. */
async function renameOver(temp: string, final: string, ours: string | undefined): Promise<void> {
  try {
    await rename(temp, final);
  } catch (error) {
    if (ours !== undefined && (await headOf(final))?.tag === ours) return;
    throw sinkError(error, "replace", final);
  }
}

/** What it replaces is gone afterwards: so it is read before. */
async function assertHolds(temp: string, bytes: Uint8Array, signal: AbortSignal): Promise<void> {
  let at = 0;
  for await (const piece of readRange(temp, 0, bytes.length, signal)) {
    if (Buffer.compare(piece, bytes.subarray(at, at + piece.length)) !== 0) break;
    at += piece.length;
  }
  if (at === bytes.length) return;
  throw new SinkError("sink-transient", `${temp} does not read back as it was written`);
}

const unseen = (path: string): SinkError =>
  new SinkError("sink-permanent", `${path} is no longer what was seen; look again`);
