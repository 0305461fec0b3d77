import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { documents } from "../../src/reference/documents.ts";

const read = (path: string): string =>
  readFileSync(new URL(`../../${path}`, import.meta.url), "utf8");

test.each([...documents()])("%s is what the program says of itself", (path, text) => {
  expect(read(path), "run: npm run docs").toBe(text);
});

test("every error code has its anchor", () => {
  const page = documents().get("docs/errors.md") ?? "";
  expect(page).toContain("\n## port-busy\n");
  expect(page.match(/^## /gm)?.length).toBeGreaterThan(20);
});
