import type { FileHandle } from "node:fs/promises";
import { link, open, stat, unlink } from "node:fs/promises";
import { SinkError, type SinkErrorCode } from "../../src/sdk/sink-error.ts";
import { errnoOf, sinkError, step, stepOrAbsent } from "./fs-error.ts";

const WRITE_BYTES = 8 << 20;
const READ_BYTES = 1 << 20;
/** What a file system without hard links answers. */
const NO_LINKS = new Set(["EPERM", "ENOTSUP", "EOPNOTSUPP", "ENOSYS"]);

/** A new file, whole and durable when this resolves. Never opens what is there already. */
export async function writeNew(
  path: string,
  bytes: Uint8Array,
  fsync: boolean,
  signal: AbortSignal,
): Promise<void> {
  await step("write", path, async () => {
    const handle = await open(path, "wx");
    try {
      for (let at = 0; at < bytes.length;) {
        signal.throwIfAborted();
        const length = Math.min(WRITE_BYTES, bytes.length - at);
        const { bytesWritten } = await handle.write(bytes, at, length, at);
        if (bytesWritten < 1)
          throw new SinkError("sink-transient", `${path}: a write wrote nothing`);
        at += bytesWritten;
      }
      // The inode's size goes with fdatasync; its name is made durable by the folder's fsync.
      if (fsync) await handle.datasync();
    } finally {
      // NFS reports failed writes here, so closing is a step that can fail like the others.
      await handle.close();
    }
  });
}

/**
 * Gives the file its final name, create-only: rename would replace what is there. After any other
 * answer than success it looks whether the name is this very file: an NFS server that answers a
 * repeated request says EEXIST to the one that made it.
 */
export async function linkNew(temp: string, final: string): Promise<"created" | "exists"> {
  try {
    await link(temp, final);
    return "created";
  } catch (error) {
    const errno = errnoOf(error) ?? "";
    const there = await afterFailedLink(temp, final, error);
    if (there !== undefined) return there;
    if (NO_LINKS.has(errno)) {
      const text =
        `${final}: ${errno}, this file system has no hard links (or forbids them), which is how ` +
        "a file is created without ever replacing one; use another file system";
      throw new SinkError("sink-permanent", text, { cause: error });
    }
    throw sinkError(error, "create", final);
  }
}

async function afterFailedLink(
  temp: string,
  final: string,
  error: unknown,
): Promise<"created" | "exists" | undefined> {
  try {
    const there = await stepOrAbsent("stat", final, () => stat(final, { bigint: true }));
    if (there === undefined) return undefined;
    const ours = await stat(temp, { bigint: true });
    return there.ino === ours.ino && there.dev === ours.dev ? "created" : "exists";
  } catch (second) {
    const both = new AggregateError([error, second]);
    const text = `cannot tell whether ${final} was created: looking after ${String(error)} failed`;
    throw new SinkError("sink-transient", text, { cause: both });
  }
}

/** Gone already is fine: leftovers are swept by age, by anyone. */
export async function unlinkIfThere(path: string): Promise<void> {
  await stepOrAbsent("remove", path, () => unlink(path));
}

/** Runs what uses a temporary file and removes it afterwards; a failure keeps its code. */
export async function withTemp<T>(temp: string, run: () => Promise<T>): Promise<T> {
  let result: T;
  try {
    result = await run();
  } catch (error) {
    try {
      await unlinkIfThere(temp);
    } catch (second) {
      if (!(error instanceof SinkError)) throw error;
      const text = `${error.message}; ${temp} stays behind as well: ${String(second)}`;
      throw new SinkError(error.code as SinkErrorCode, text, { cause: error.cause });
    }
    throw error;
  }
  await unlinkIfThere(temp);
  return result;
}

/** Bytes [from, to), in pieces; `sink-transient` when the file is absent or ends early. */
export async function* readRange(
  path: string,
  from: number,
  to: number,
  signal: AbortSignal,
): AsyncIterable<Uint8Array> {
  const handle = await step("open", path, () => open(path, "r"));
  try {
    for (let at = from; at < to;) {
      signal.throwIfAborted();
      const piece = await readPiece(handle, path, at, Math.min(READ_BYTES, to - at));
      at += piece.length;
      yield piece;
    }
  } finally {
    await handle.close();
  }
}

async function readPiece(
  handle: FileHandle,
  path: string,
  at: number,
  length: number,
): Promise<Uint8Array> {
  const buffer = Buffer.allocUnsafeSlow(length);
  const { bytesRead } = await step("read", path, () => handle.read(buffer, 0, length, at));
  if (bytesRead < 1) throw new SinkError("sink-transient", `${path} ends early, at byte ${at}`);
  return buffer.subarray(0, bytesRead);
}

/** A whole small file; undefined when it is absent. */
export async function readSmall(path: string, maxBytes: number): Promise<Uint8Array | undefined> {
  const handle = await stepOrAbsent("open", path, () => open(path, "r"));
  if (handle === undefined) return undefined;
  try {
    const { size } = await step("stat", path, () => handle.stat());
    if (size > maxBytes) {
      throw new SinkError("sink-permanent", `${path}: ${size} bytes, at most ${maxBytes} are read`);
    }
    return await step("read", path, () => handle.readFile());
  } finally {
    await handle.close();
  }
}
