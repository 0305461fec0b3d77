import { existsSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { CASES } from "./cases.ts";
import { GUARANTEES, guaranteesPage } from "./guarantees-page.ts";
import { PROMISES, type Promised } from "./promises.ts";
import { SHOWN_BY } from "./shown-by.ts";

const root = new URL("../../", import.meta.url);
const path = (name: string): string => fileURLToPath(new URL(name, root));
const page = readFileSync(path(GUARANTEES), "utf8");
const promises = Object.keys(PROMISES) as Promised[];

test("the page says what shows each promise now", () => {
  expect(guaranteesPage(page), "run: npm run docs").toBe(page);
});

test("each promise of the page is one of the list, and has a test that shows it", () => {
  const promised = page.slice(page.indexOf("## Promises"), page.indexOf("## Not promised"));
  const headings = [...promised.matchAll(/^### (.*)$/gm)].map(([, heading]) => heading);
  expect(headings).toEqual(promises.map((p) => PROMISES[p]));
  for (const name of promises) expect(SHOWN_BY[name].length, name).toBeGreaterThan(0);
});

test("what is named as showing a promise is there", () => {
  for (const { path: file, test: name } of promises.flatMap((p) => SHOWN_BY[p])) {
    expect(existsSync(path(`test/${file}`)), file).toBe(true);
    if (name === undefined) continue;
    expect(readFileSync(path(`test/${file}`), "utf8"), `${file}: "${name}"`).toContain(name);
  }
});

test("each case of the matrix shows a promise, under a name of its own", () => {
  expect(CASES.filter((c) => c.shows.length === 0)).toEqual([]);
  expect(new Set(CASES.map((c) => c.name)).size).toBe(CASES.length);
});
