import { SinkError } from "../../src/sdk/sink-error.ts";
import type { FileStatus } from "./hdfs-answers.ts";
import { checksumIsOf } from "./hdfs-checksum.ts";
import { readRange } from "./hdfs-read.ts";
import type { CreateOptions, WebHdfs } from "./webhdfs.ts";

/** How long a leftover is tried to be removed, when the caller no longer waits for anything. */
const CLEAN_MS = 5_000;

/**
 * Writes a temporary file and resolves when HDFS has all of it: a writer that dies leaves a closed,
 * shorter file, which nobody can tell from a whole one, so nothing is believed but the length and
 * the checksum that the DataNodes computed over what they received.
 */
export async function writeTemp(
  web: WebHdfs,
  path: string,
  bytes: Uint8Array,
  options: CreateOptions,
  signal: AbortSignal,
): Promise<FileStatus> {
  await web.create(path, bytes, options, signal);
  const written = await web.status(path, signal);
  if (written?.length !== bytes.length) {
    const found = written === undefined ? "is not there" : `has ${written.length} bytes`;
    const text = `${path} was acknowledged with ${bytes.length} bytes and ${found}`;
    throw new SinkError("sink-transient", text);
  }
  if ((await byChecksum(web, path, written, bytes, signal)) !== "different") return written;
  if (await readsBackAs(web, path, bytes, signal)) return written;
  const text = `${path} does not hold what was sent; it is written again`;
  throw new SinkError("sink-transient", text);
}

/**
 * Whether a file holds these bytes by GETFILECHECKSUM, computed here as well. `unknown`: in a form
 * that cannot be. Where it differs only reading tells: in an encryption zone it is over the
 * encrypted bytes.
 */
export async function byChecksum(
  web: WebHdfs,
  path: string,
  file: FileStatus,
  bytes: Uint8Array,
  signal: AbortSignal,
): Promise<"equal" | "different" | "unknown"> {
  if (bytes.length === 0) return file.length === 0 ? "equal" : "different";
  if (file.encBit === true || file.ecBit === true) return "unknown";
  const equal = checksumIsOf(await web.checksum(path, signal), bytes, file.blockSize);
  if (equal === undefined) return "unknown";
  return equal ? "equal" : "different";
}

async function readsBackAs(
  web: WebHdfs,
  path: string,
  bytes: Uint8Array,
  signal: AbortSignal,
): Promise<boolean> {
  let at = 0;
  for await (const piece of readRange(web, path, 0, bytes.length, signal)) {
    if (Buffer.compare(piece, bytes.subarray(at, at + piece.length)) !== 0) return false;
    at += piece.length;
  }
  return true;
}

/**
 * Gives the written file its final name, create-only. After any answer that is not plain it looks
 * whether the name is this very file: a broken connection leaves that open, and a gateway that
 * asks HDFS again after it had its own connection broken says "refused" to the one that did it.
 */
export async function renameNew(
  web: WebHdfs,
  temp: string,
  final: string,
  written: FileStatus,
  signal: AbortSignal,
): Promise<"created" | "exists" | "refused"> {
  let failure: SinkError | undefined;
  try {
    if ((await web.rename(temp, final, signal)) === "moved") return "created";
  } catch (error) {
    if (!(error instanceof SinkError) || signal.aborted) throw error;
    if (error.code !== "sink-transient") throw error;
    failure = error;
  }
  const there = await web.status(final, signal);
  if (there?.type === "DIRECTORY") {
    const text = `a folder stands where the file ${final} belongs; move it away`;
    throw new SinkError("sink-permanent", text);
  }
  if (there !== undefined) {
    return (await isSame(web, temp, written, there, signal)) ? "created" : "exists";
  }
  if (failure !== undefined) throw failure;
  return "refused";
}

/** The inode's number survives a rename; without it, our name that nobody else knows is gone. */
async function isSame(
  web: WebHdfs,
  temp: string,
  written: FileStatus,
  there: FileStatus,
  signal: AbortSignal,
): Promise<boolean> {
  if (written.fileId !== undefined && there.fileId !== undefined) {
    return written.fileId === there.fileId;
  }
  const moved = (await web.status(temp, signal)) === undefined;
  return moved && there.length === written.length;
}

/**
 * Removes a temporary file when that is possible now. What stays behind is swept by age, and why
 * the file is no longer wanted is the error that matters, so the outcome is not looked at.
 */
export async function dropTemp(web: WebHdfs, path: string): Promise<void> {
  await Promise.allSettled([web.remove(path, AbortSignal.timeout(CLEAN_MS))]);
}
