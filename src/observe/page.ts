import { readdirSync, readFileSync } from "node:fs";
import type { HttpAnswer } from "./http.ts";

/** Beside this file, compiled or not: .html, .css and .js as the browser gets them. */
const FOLDER = new URL("page/", import.meta.url);

const TYPES: Readonly<Record<string, string>> = {
  css: "text/css; charset=utf-8",
  html: "text/html; charset=utf-8",
  js: "text/javascript; charset=utf-8",
  svg: "image/svg+xml",
};

/** The page's files by path, read once: there is no build, and nothing comes from elsewhere. */
export function pageFiles(): ReadonlyMap<string, HttpAnswer> {
  const files = new Map<string, HttpAnswer>();
  for (const name of readdirSync(FOLDER)) {
    const type = TYPES[name.split(".").at(-1) ?? ""];
    if (type === undefined) continue;
    const answer = { status: 200, type, body: readFileSync(new URL(name, FOLDER), "utf8") };
    files.set(name === "index.html" ? "/" : `/page/${name}`, answer);
  }
  return files;
}
