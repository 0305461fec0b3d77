import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { awaitPlaces } from "./await-places.ts";

const ROOT = fileURLToPath(new URL("../../..", import.meta.url));
const FOLDERS = ["src/pipeline", "src/deliver", "sinks/blob", "src/daemon", "src/kafka"];

/** Files in these folders that no daemon runs while it archives: operator commands and `check`. */
const COMMANDS = new Set([
  "sinks/blob/blob-documents.ts",
  "sinks/blob/probe.ts",
  // New settings for an open sink: test/deliver/.
  "src/deliver/replaceable.ts",
]);

export const isProtocol = (path: string): boolean =>
  FOLDERS.includes(path.slice(0, path.lastIndexOf("/"))) &&
  path.endsWith(".ts") &&
  !COMMANDS.has(path);

/** A wait in the sources, as `file:line`, and the line. */
export interface Site {
  readonly place: string;
  readonly text: string;
}

/** Every `await` of the protocol path; two on one line are one place. */
export function sites(): Site[] {
  const paths = FOLDERS.flatMap((f) => readdirSync(`${ROOT}${f}`).map((name) => `${f}/${name}`));
  return paths.filter(isProtocol).flatMap((path) => {
    const source = readFileSync(`${ROOT}${path}`, "utf8");
    const lines = source.split("\n");
    const numbers = new Set(awaitPlaces(source).map((p) => p.line));
    return [...numbers].map((n) => ({ place: `${path}:${n}`, text: lines[n - 1]?.trim() ?? "" }));
  });
}
