import { existsSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { builtInSinks } from "../../sinks/index.ts";
import { filesBelow } from "../sinks/fs-place.ts";

/** docs/sinks.md builds the package that the tests install: its code is that code, all of it. */
const EXAMPLE = fileURLToPath(new URL("../fixtures/bulk-archiver-sink-shelf", import.meta.url));
const DOCS = fileURLToPath(new URL("../../docs", import.meta.url));
const guide = readFileSync(`${DOCS}/sinks.md`, "utf8");

/** Code blocks that name a file; several of one file follow one another with an empty line between. */
function filesOfGuide(): ReadonlyMap<string, string> {
  const files = new Map<string, string>();
  for (const [, name = "", code = ""] of guide.matchAll(/^```js(?:on)? (\S+)\n([\s\S]*?)^```$/gm)) {
    const before = files.get(name);
    files.set(name, before === undefined ? code : `${before}\n${code}`);
  }
  return files;
}

test("the guide's code is the example's, file by file", async () => {
  const shown = filesOfGuide();
  expect([...shown.keys()].sort()).toEqual(await filesBelow(EXAMPLE));
  for (const [name, code] of shown) {
    expect(code, name).toBe(readFileSync(`${EXAMPLE}/${name}`, "utf8"));
  }
});

test("the overview names every built-in sink with its page", () => {
  const named = [...guide.matchAll(/^\| \[`(\w+)`\]\((sinks\/\w+\.md)\)/gm)];
  expect(new Set(named.map(([, kind]) => kind))).toEqual(new Set(builtInSinks.keys()));
  expect(named.length).toBe(builtInSinks.size);
  for (const [, kind, page] of named) expect(existsSync(`${DOCS}/${page}`), kind).toBe(true);
});
