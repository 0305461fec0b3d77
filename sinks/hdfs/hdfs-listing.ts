import type { BlobHead } from "../../src/sdk/blob-store.ts";
import { SinkError } from "../../src/sdk/sink-error.ts";
import type { FileStatus } from "./hdfs-answers.ts";
import type { WebHdfs } from "./webhdfs.ts";

/** Of the layout a few, and of what somebody else laid there not many more. */
const MAX_DEPTH = 64;

type Entry = BlobHead & { readonly path: string };

/** Where relative paths lie in HDFS. */
export type Absolute = (path: string) => string;

/** Changes whenever the file is another one or was written again. */
export const tagOf = (s: FileStatus): string =>
  `${s.fileId ?? "f"}-${s.length}-${s.modificationTime}`;

/**
 * Entries of one folder in the order of their names' bytes, page by page; undefined when there is no
 * such folder. `startAfter` only saves pages: gateways may begin earlier.
 */
async function* pagesOf(
  web: WebHdfs,
  folder: string,
  startAfter: string,
  signal: AbortSignal,
): AsyncGenerator<readonly FileStatus[], boolean> {
  for (let after = startAfter; ;) {
    const page = await web.page(folder, after, signal);
    // A folder that goes while it is listed has no more entries.
    if (page === undefined) return false;
    yield page.entries;
    const last = page.entries.at(-1)?.pathSuffix;
    if (page.remaining === 0 || last === undefined) return true;
    if (last <= after) throw goesRound(folder);
    after = last;
  }
}

/** A listing that was cut short silently would look like a shorter archive. */
const goesRound = (folder: string): SinkError =>
  new SinkError("sink-permanent", `LISTSTATUS_BATCH of ${folder} does not go on after a name`);

/**
 * The name to list after so that everything from `name` on comes, and a folder whose name begins
 * `name` as well: a folder sorts as its name with a slash, behind names that continue below a slash.
 */
function justBefore(name: string): string {
  const cut = name.search(/[\0-.]/);
  return name.slice(0, cut < 0 ? name.length : cut).slice(0, -1);
}

/** Every file below a folder, ascending by its whole path; resolves to false when there is none. */
export async function* walk(
  web: WebHdfs,
  absolute: Absolute,
  folder: string,
  after: string | undefined,
  signal: AbortSignal,
): AsyncGenerator<Entry, boolean> {
  if (folder.split("/").length > MAX_DEPTH) {
    throw new SinkError("sink-permanent", `${folder}: folders in folders without end`);
  }
  const first = after?.startsWith(`${folder}/`) === true ? after.slice(folder.length + 1) : "";
  const pages = pagesOf(web, absolute(folder), justBefore(first.split("/")[0] ?? ""), signal);
  let waiting: string[] = [];
  for (;;) {
    const next = await pages.next();
    for (const entry of next.done === true ? [] : next.value) {
      const path = `${folder}/${entry.pathSuffix}`;
      if (entry.type === "DIRECTORY") {
        waiting.push(path);
        continue;
      }
      const due = waiting.filter((w) => `${w}/` < path);
      waiting = waiting.filter((w) => `${w}/` >= path);
      yield* walkAll(web, absolute, due, after, signal);
      if (after === undefined || path > after) yield entryOf(folder, entry);
    }
    if (next.done !== true) continue;
    yield* walkAll(web, absolute, waiting, after, signal);
    return next.value;
  }
}

async function* walkAll(
  web: WebHdfs,
  absolute: Absolute,
  folders: readonly string[],
  after: string | undefined,
  signal: AbortSignal,
): AsyncGenerator<Entry> {
  const bySlash = folders.toSorted((a, b) => (`${a}/` < `${b}/` ? -1 : 1));
  for (const folder of bySlash) {
    const passed = after !== undefined && `${folder}/` < after && !after.startsWith(`${folder}/`);
    if (!passed) yield* walk(web, absolute, folder, after, signal);
  }
}

/** Files directly below a folder whose names begin with `prefix`; false when there is no folder. */
export async function* startingWith(
  web: WebHdfs,
  absolute: Absolute,
  folder: string,
  prefix: string,
  signal: AbortSignal,
): AsyncGenerator<Entry, boolean> {
  const pages = pagesOf(web, absolute(folder), prefix.slice(0, -1), signal);
  for (;;) {
    const next = await pages.next();
    if (next.done === true) return next.value;
    for (const entry of next.value) {
      const { pathSuffix: name, type } = entry;
      if (name.startsWith(prefix)) {
        if (type !== "DIRECTORY") yield entryOf(folder, entry);
      } else if (name > prefix) return true;
    }
  }
}

/** Names of the folders directly below; undefined when there is no such folder. */
export async function folderNames(
  web: WebHdfs,
  path: string,
  signal: AbortSignal,
): Promise<readonly string[] | undefined> {
  const names: string[] = [];
  const pages = pagesOf(web, path, "", signal);
  for (;;) {
    const next = await pages.next();
    if (next.done === true) return next.value || names.length > 0 ? names : undefined;
    names.push(...next.value.filter((e) => e.type === "DIRECTORY").map((e) => e.pathSuffix));
  }
}

/** All entries of a small folder such as `tmp/`. */
export async function* entriesOf(
  web: WebHdfs,
  path: string,
  signal: AbortSignal,
): AsyncGenerator<FileStatus> {
  for await (const page of pagesOf(web, path, "", signal)) yield* page;
}

const entryOf = (folder: string, s: FileStatus): Entry => ({
  path: `${folder}/${s.pathSuffix}`,
  size: s.length,
  tag: tagOf(s),
});
