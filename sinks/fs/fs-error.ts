import { constants } from "node:os";
import { ArchiverError } from "../../src/core/errors.ts";
import { SinkError, type SinkErrorCode } from "../../src/sdk/sink-error.ts";

/** What the operator does about an errno, and whether a retry can help. */
const ERRNO: Readonly<Record<string, readonly [SinkErrorCode, string]>> = {
  ENOSPC: ["sink-transient", "the file system is full; free space, nothing is lost meanwhile"],
  EDQUOT: [
    "sink-transient",
    "the quota is used up; raise it or free space, nothing is lost meanwhile",
  ],
  EFBIG: ["sink-transient", "a file size limit was hit; raise the limit (ulimit -f)"],
  EROFS: [
    "sink-transient",
    "the file system is mounted read-only; look at the kernel log, remount it",
  ],
  ESTALE: [
    "sink-transient",
    "the file handle is stale; the server replaced the folder, check the mount",
  ],
  EIO: ["sink-transient", "the device or server failed; look at the kernel log"],
  ENOENT: ["sink-transient", "it is not there; check that the file system is mounted"],
  EACCES: [
    "sink-unauthorized",
    "permission denied; the daemon's user must own the folder or may write in it",
  ],
  EPERM: [
    "sink-unauthorized",
    "not permitted; check owner, mode and attributes (lsattr) of the folder",
  ],
  ENOTDIR: ["sink-permanent", "a part of the path is no folder; move it away"],
  EISDIR: ["sink-permanent", "a folder stands where a file belongs; move it away"],
  ENAMETOOLONG: [
    "sink-permanent",
    "the file system takes no name this long; choose a shorter path",
  ],
  ELOOP: ["sink-permanent", "symbolic links form a loop"],
  EINVAL: ["sink-permanent", "the file system refuses this call; use another file system"],
  EXDEV: ["sink-permanent", "tmp/ and data/ have to be on one file system"],
};

/**
 * The errno's name, or its number in words where there is no name. libuv has no names for some of
 * the errnos that matter here (ESTALE, EDQUOT), so the number decides.
 */
export function errnoOf(error: unknown): string | undefined {
  if (!(error instanceof Error) || !("errno" in error) || !("code" in error)) return undefined;
  const { errno, code } = error;
  if (typeof errno !== "number" || typeof code !== "string") return undefined;
  return /^E[A-Z0-9]+$/.test(code) ? code : (NAMES.get(-errno) ?? `errno ${-errno}`);
}

const NAMES: ReadonlyMap<number, string> = new Map(
  Object.entries(constants.errno).map(([name, number]) => [number, name]),
);

/** What node's fs raised as a `SinkError`; errors of our own and aborts stay as they are. */
export function sinkError(error: unknown, doing: string, path: string): unknown {
  if (error instanceof ArchiverError) return error;
  const errno = errnoOf(error);
  if (errno === undefined) return error;
  // Everything not in the table is retried: a retry loses nothing, giving up might.
  const [code, next] = ERRNO[errno] ?? ["sink-transient", "it is tried again"];
  return new SinkError(code, `cannot ${doing} ${path}: ${errno}, ${next}`, { cause: error });
}

/** Runs one step on the file system; what it raises names the step and the path. */
export async function step<T>(doing: string, path: string, run: () => Promise<T>): Promise<T> {
  try {
    return await run();
  } catch (error) {
    throw sinkError(error, doing, path);
  }
}

/** The same, with `undefined` where there is nothing. */
export async function stepOrAbsent<T>(
  doing: string,
  path: string,
  run: () => Promise<T>,
): Promise<T | undefined> {
  try {
    return await run();
  } catch (error) {
    if (errnoOf(error) === "ENOENT") return undefined;
    throw sinkError(error, doing, path);
  }
}
