import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { commonOptions } from "../../src/operate/cli.ts";
import { commands } from "../../src/operate/commands.ts";

/** Every command line in a page's shell blocks is one that the program takes. */
const ROOT = fileURLToPath(new URL("../../", import.meta.url));
const pages = execFileSync("git", ["ls-files", "*.md"], { cwd: ROOT, encoding: "utf8" })
  .split("\n")
  .filter((path) => path !== "" && !path.startsWith("test/"));
const { scripts } = JSON.parse(readFileSync(`${ROOT}package.json`, "utf8")) as {
  scripts: Readonly<Record<string, string>>;
};

/** Lines of shell blocks, continued ones joined, without comments. */
function shellLines(path: string): string[] {
  const text = readFileSync(ROOT + path, "utf8");
  return [...text.matchAll(/^```(?:sh|bash|console)\n([\s\S]*?)^```/gm)].flatMap(([, body = ""]) =>
    body
      .replaceAll(/\\\n\s*/g, " ")
      .split("\n")
      .map((line) => line.replace(/(^|\s)#.*$/, "").replace(/^\$ /, "")),
  );
}

interface Found {
  readonly page: string;
  readonly line: string;
}

const lines: readonly Found[] = pages.flatMap((page) =>
  shellLines(page).map((line) => ({ page, line })),
);

/** The words after the program's name, up to a pipe, a redirection or the next command. */
function calls(line: string): string[][] {
  const found = line.matchAll(
    /(?:^|[\s(`;&|])(?:npx )?(?:bulk-archiver|node (?:\S*\/)?src\/main\.ts)((?: +[^|<>;&()]+)?)/g,
  );
  return [...found].map(([, rest = ""]) =>
    rest
      .trim()
      .split(/\s+/)
      .filter((w) => w !== ""),
  );
}

function wrong([name = "", ...words]: readonly string[]): string | null {
  if (name.startsWith("-") || name === "" || name === "COMMAND") return null;
  const command = commands.find((c) => c.name === name);
  if (command === undefined) return `no command ${name}`;
  const known = [...command.options, ...commonOptions(command)].map((o) => o.flags.split(" ")[0]);
  const unknown = words
    .filter((w) => w.startsWith("--"))
    .map((w) => w.split("=")[0] ?? "")
    .filter((w) => w !== "--help" && !known.includes(w));
  return unknown.length === 0 ? null : `${name} has no ${unknown.join(", ")}`;
}

test("there are many, so they were found", () => {
  expect(lines.flatMap(({ line }) => calls(line)).length).toBeGreaterThan(40);
});

test("commands and options are there", () => {
  const found = lines.flatMap(({ page, line }) =>
    calls(line).flatMap((words) => {
      const why = wrong(words);
      return why === null ? [] : [`${page}: ${line.trim()}: ${why}`];
    }),
  );
  expect(found).toEqual([]);
});

test("what is required is given, and examples of the program's own help are right", () => {
  for (const command of commands) {
    for (const example of command.examples) {
      const [words = []] = calls(example);
      expect(wrong(words), example).toBeNull();
      if (words[0] !== command.name) continue;
      for (const o of command.options.filter((one) => one.required === true)) {
        expect(words, example).toContain(o.flags.split(" ")[0]);
      }
    }
  }
});

test("npm scripts are there", () => {
  const missing = lines.flatMap(({ page, line }) =>
    [...line.matchAll(/\bnpm run ([\w:-]+)/g)]
      .filter(([, name = ""]) => !(name in scripts))
      .map(([call]) => `${page}: ${call}`),
  );
  expect(missing).toEqual([]);
});
