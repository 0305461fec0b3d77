import { readSmall } from "./hdfs-read.ts";
import { MAX_MANIFEST_BYTES } from "../../src/core/manifest-schema.ts";
import { entriesOf } from "./hdfs-listing.ts";
import type { WebHdfs } from "./webhdfs.ts";

export interface Sweep {
  /** Absolute. */
  readonly tmp: string;
  readonly ageMs: number;
  readonly disposable: (about: Uint8Array) => Promise<boolean>;
  /** Brings a description back that was needed after all. */
  readonly restore: (name: string, about: Uint8Array) => Promise<void>;
}

/**
 * Removes what crashed writers left in `tmp/`; resolves to how many went. A description goes only
 * when it is `disposable`, before and after it went: a writer may have found it in between.
 */
export async function sweepTmp(web: WebHdfs, sweep: Sweep, signal: AbortSignal): Promise<number> {
  const { tmp, ageMs, disposable, restore } = sweep;
  // HDFS' clock made the times; an hour between it and ours is little against the age.
  const before = Date.now() - ageMs;
  let removed = 0;
  for await (const { pathSuffix, type, modificationTime } of entriesOf(web, tmp, signal)) {
    const path = `${tmp}/${pathSuffix}`;
    if (modificationTime > before) continue;
    if (type === "DIRECTORY") {
      for await (const inner of entriesOf(web, path, signal)) {
        if (inner.type === "FILE" && (await web.remove(`${path}/${inner.pathSuffix}`, signal)))
          removed += 1;
      }
      await web.remove(path, signal);
      continue;
    }
    if (!pathSuffix.endsWith(".about")) {
      if (await web.remove(path, signal)) removed += 1;
      continue;
    }
    const about = await readSmall(web, path, MAX_MANIFEST_BYTES, signal);
    if (about === undefined || !(await disposable(about))) continue;
    await web.remove(path, signal);
    if (await disposable(about)) removed += 1;
    else await restore(pathSuffix, about);
  }
  return removed;
}
