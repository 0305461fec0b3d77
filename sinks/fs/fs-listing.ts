import type { Dirent } from "node:fs";
import { opendir, readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import type { BlobHead } from "../../src/sdk/blob-store.ts";
import { SinkError } from "../../src/sdk/sink-error.ts";
import { step, stepOrAbsent } from "./fs-error.ts";

/** Files whose size is asked for at once. */
const STATS_AT_ONCE = 16;

/**
 * Size and identity of a file; the tag changes whenever the file is another or was written again.
 */
export async function headOf(path: string): Promise<BlobHead | undefined> {
  const found = await stepOrAbsent("stat", path, () => stat(path, { bigint: true }));
  if (found === undefined) return undefined;
  if (!found.isFile()) throw new SinkError("sink-permanent", `${path} is not a file; move it away`);
  return { size: Number(found.size), tag: `${found.ino}-${found.size}-${found.mtimeNs}` };
}

/**
 * Every file below `base/folder`, ascending by its whole path; a missing folder has none. A link to a folder
 * inside of it is passed over: two that lead back up would make the walk endless.
 */
export async function* walk(
  base: string,
  folder: string,
  after: string | undefined,
  signal: AbortSignal,
): AsyncIterable<BlobHead & { path: string }> {
  const entries = await sortedEntries(join(base, folder));
  let run: string[] = [];
  for (const { name, isFolder, isLink } of entries) {
    signal.throwIfAborted();
    if (isFolder && isLink) continue;
    const path = `${folder}/${name}`;
    if (!isFolder) {
      if (after === undefined || path > after) run.push(path);
      if (run.length < STATS_AT_ONCE) continue;
    }
    yield* heads(base, run);
    run = [];
    if (isFolder && !passed(path, after)) yield* walk(base, path, after, signal);
  }
  yield* heads(base, run);
}

/** Whether every path below the folder comes at or before `after`. */
const passed = (folder: string, after: string | undefined): boolean =>
  after !== undefined && `${folder}/` < after && !after.startsWith(`${folder}/`);

/** A folder sorts as its name with a slash, which is where the paths below it belong. */
async function sortedEntries(folder: string): Promise<FolderEntry[]> {
  const entries = await stepOrAbsent("list", folder, () =>
    readdir(folder, { withFileTypes: true }),
  );
  const found = await Promise.all((entries ?? []).map((entry) => kindOf(folder, entry)));
  const key = (e: { name: string; isFolder: boolean }): string =>
    e.isFolder ? `${e.name}/` : e.name;
  return found.sort((a, b) => (key(a) < key(b) ? -1 : 1));
}

interface FolderEntry {
  readonly name: string;
  readonly isFolder: boolean;
  readonly isLink: boolean;
}

async function kindOf(folder: string, entry: Dirent): Promise<FolderEntry> {
  const { name } = entry;
  const isLink = entry.isSymbolicLink();
  if (entry.isFile() || entry.isDirectory()) return { name, isFolder: entry.isDirectory(), isLink };
  // A symbolic link, or a file system that does not say: ask.
  const path = join(folder, name);
  const found = await stepOrAbsent("stat", path, () => stat(path));
  return { name, isFolder: found?.isDirectory() ?? false, isLink };
}

async function* heads(
  base: string,
  paths: readonly string[],
): AsyncIterable<BlobHead & { path: string }> {
  const found = await Promise.all(paths.map((path) => headOf(join(base, path))));
  for (const [i, head] of found.entries()) {
    const path = paths[i];
    // What vanished since the folder was read is not there.
    if (head !== undefined && path !== undefined) yield { ...head, path };
  }
}

/** Names of the folders directly below, ascending; undefined when there is no such folder. */
export async function folderNames(folder: string): Promise<readonly string[] | undefined> {
  const entries = await stepOrAbsent("list", folder, () =>
    readdir(folder, { withFileTypes: true }),
  );
  if (entries === undefined) return undefined;
  const kinds = await Promise.all(entries.map((entry) => kindOf(folder, entry)));
  return kinds
    .filter((k) => k.isFolder)
    .map((k) => k.name)
    .sort();
}

/** Greatest accepted name in a folder, without holding all of them. */
export async function greatestName(
  folder: string,
  accepts: (name: string) => boolean,
  signal: AbortSignal,
): Promise<string | undefined> {
  const entries = await stepOrAbsent("list", folder, () => opendir(folder, { bufferSize: 1024 }));
  if (entries === undefined) return undefined;
  let greatest: string | undefined;
  await step("list", folder, async () => {
    for await (const { name } of entries) {
      signal.throwIfAborted();
      if ((greatest === undefined || name > greatest) && accepts(name)) greatest = name;
    }
  });
  return greatest;
}
