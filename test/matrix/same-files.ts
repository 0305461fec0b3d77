import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { join, relative } from "node:path";

/** What differs between archives in folders that should hold the same files; the first few. */
export function differences(folders: readonly string[]): readonly string[] {
  const [first = "", ...others] = folders;
  const wanted = digests(first);
  const wrong: string[] = [];
  for (const other of others) {
    const found = digests(other);
    for (const name of new Set([...wanted.keys(), ...found.keys()])) {
      if (wanted.get(name) === found.get(name)) continue;
      const how = !found.has(name) ? "lacks" : wanted.has(name) ? "differs in" : "alone has";
      wrong.push(`${other} ${how} ${name}`);
    }
  }
  return wrong.slice(0, 5);
}

/** By path in the archive; leftovers and what `reconcile` set aside are each sink's own. */
function digests(folder: string): ReadonlyMap<string, string> {
  const files = readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .map((path) => [relative(folder, path), path] as const)
    .filter(([name]) => !/^(tmp|quarantine)\//.test(name));
  return new Map(
    files.map(([name, path]) => [
      name,
      createHash("sha256").update(readFileSync(path)).digest("hex"),
    ]),
  );
}
