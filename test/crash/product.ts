import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { awaitPlaces } from "../sim/cover/await-places.ts";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));

/** Sources that run where the product is installed; the kit for sinks runs in tests. */
export const isProduct = (path: string): boolean =>
  /^(src|sinks)\/.*\.ts$/.test(path) && !path.startsWith("src/sdk/conformance");

/** Every `await` of the product as `file:line`, with its line; two on one line are one place. */
export function everyWait(): ReadonlyMap<string, string> {
  const listed = execFileSync("git", ["ls-files", "-z", "src", "sinks"], { cwd: ROOT });
  const found = new Map<string, string>();
  for (const path of listed.toString().split("\0").filter(isProduct)) {
    const source = readFileSync(`${ROOT}${path}`, "utf8");
    const lines = source.split("\n");
    for (const { line } of awaitPlaces(source))
      found.set(`${path}:${line}`, lines[line - 1]?.trim() ?? "");
  }
  return found;
}
