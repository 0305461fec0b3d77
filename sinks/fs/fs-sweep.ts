import { randomBytes } from "node:crypto";
import { readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { MAX_MANIFEST_BYTES } from "../../src/core/manifest-schema.ts";
import { stepOrAbsent } from "./fs-error.ts";
import { linkNew, readSmall, unlinkIfThere, withTemp, writeNew } from "./fs-file.ts";

/**
 * Removes what crashed writers left in `tmp/`. A side file is the only description of data that has
 * no manifest yet, so it goes only when `disposable` says so, before and after it went: a writer
 * may have found it and linked its data in between, and then it comes back.
 */
export async function sweepTmp(
  tmp: string,
  ageMs: number,
  disposable: (about: Uint8Array) => Promise<boolean>,
  signal: AbortSignal,
): Promise<number> {
  const names = (await stepOrAbsent("list", tmp, () => readdir(tmp))) ?? [];
  let removed = 0;
  for (const name of names) {
    signal.throwIfAborted();
    const path = join(tmp, name);
    const found = await stepOrAbsent("stat", path, () => stat(path));
    if (found === undefined || !found.isFile() || Date.now() - found.mtimeMs < ageMs) continue;
    if (!name.endsWith(".about")) {
      await unlinkIfThere(path);
      removed += 1;
    } else if (await sweepSideFile(tmp, path, disposable, signal)) removed += 1;
  }
  return removed;
}

async function sweepSideFile(
  tmp: string,
  path: string,
  disposable: (about: Uint8Array) => Promise<boolean>,
  signal: AbortSignal,
): Promise<boolean> {
  const about = await readSmall(path, MAX_MANIFEST_BYTES);
  if (about === undefined || !(await disposable(about))) return false;
  await unlinkIfThere(path);
  if (await disposable(about)) return true;
  const temp = join(tmp, `${randomBytes(12).toString("hex")}.part`);
  await withTemp(temp, async () => {
    await writeNew(temp, about, true, signal);
    await linkNew(temp, path);
  });
  return false;
}
