import { readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { MUTANTS } from "./mutants.ts";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));

test("every line that is broken on purpose stands once in its file, so that all can be run any day", () => {
  const times = ({ file, find }: (typeof MUTANTS)[number]): number =>
    readFileSync(join(ROOT, file), "utf8").split(find).length - 1;
  expect(MUTANTS.filter((m) => times(m) !== 1).map((m) => `${m.name}: ${m.file}`)).toEqual([]);
  expect(MUTANTS.length).toBeGreaterThanOrEqual(30);
});
