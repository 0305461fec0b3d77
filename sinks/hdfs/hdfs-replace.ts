import { CannotReplace, SinkError } from "../../src/sdk/sink-error.ts";
import { nextName, nextPrefix } from "../blob/next-file.ts";
import type { FileStatus } from "./hdfs-answers.ts";
import { entriesOf, tagOf } from "./hdfs-listing.ts";
import { dropTemp, writeTemp } from "./hdfs-writer.ts";
import type { CreateOptions, WebHdfs } from "./webhdfs.ts";

export interface Replacing {
  /** Absolute folder of the archive. */
  readonly base: string;
  readonly path: string;
  readonly bytes: Uint8Array;
  /** Of the file that is replaced. */
  readonly tag: string;
  readonly create: CreateOptions;
}

/**
 * Renames a whole file over the one that is seen as `tag`. RENAME takes no condition, so a late one must find
 * nothing to rename: what others have ready for this path is removed before and after. Theirs is either gone when
 * their request arrives, or was begun later than ours was there, and then they see that.
 */
export async function replaceFile(web: WebHdfs, r: Replacing, signal: AbortSignal): Promise<void> {
  const { base, path, bytes, create } = r;
  const final = `${base}/${path}`;
  await dropNext(web, base, path, signal);
  const temp = `${base}/tmp/${nextName(path)}`;
  let written: FileStatus;
  try {
    written = await writeTemp(web, temp, bytes, create, signal);
    signal.throwIfAborted();
    await assertIs(web, final, r.tag, signal);
    await renameOver(web, temp, final, written, signal);
  } catch (error) {
    // Who is told to end does so; whoever changes this path next removes it, as of one who was killed.
    if (!signal.aborted) await dropTemp(web, temp);
    throw error;
  }
  await dropNext(web, base, path, signal);
  await assertIs(web, final, tagOf(written), signal);
}

/** Removes what a run that was killed, or is frozen, has ready to replace a path with. */
export async function dropNext(
  web: WebHdfs,
  base: string,
  path: string,
  signal: AbortSignal,
): Promise<void> {
  const prefix = nextPrefix(path);
  for await (const { pathSuffix } of entriesOf(web, `${base}/tmp`, signal))
    if (pathSuffix.startsWith(prefix)) await web.remove(`${base}/tmp/${pathSuffix}`, signal);
}

/** After any answer that is not plain it looks whether the name is this very file. */
async function renameOver(
  web: WebHdfs,
  temp: string,
  final: string,
  written: FileStatus,
  signal: AbortSignal,
): Promise<void> {
  let failure: SinkError | undefined;
  try {
    if ((await web.renameOver(temp, final, signal)) === "moved") return;
  } catch (error) {
    if (!(error instanceof SinkError) || signal.aborted) throw error;
    failure = error;
  }
  const there = await web.status(final, signal);
  if (there !== undefined && tagOf(there) === tagOf(written)) return;
  throw failure ?? new CannotReplace(`${final}: ${IGNORES}`);
}

async function assertIs(
  web: WebHdfs,
  path: string,
  tag: string,
  signal: AbortSignal,
): Promise<void> {
  const file = await web.status(path, signal);
  if (file !== undefined && tagOf(file) === tag) return;
  throw new SinkError("sink-permanent", `${path} is no longer what was seen; look again`);
}

const IGNORES =
  "the gateway does not pass on renameoptions=OVERWRITE (HttpFS does not), and without it a request that comes late " +
  "could take a newer file: run this command with `url` naming the NameNodes, or Knox (docs/sinks/hdfs.md)";
