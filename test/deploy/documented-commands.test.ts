import { execFileSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { type CliHost, runCli } from "../../src/operate/cli.ts";
import { commands } from "../../src/operate/commands.ts";
import { EXIT } from "../../src/operate/exit-code.ts";

/**
 * Every line of every shell block of the pages: a command of the program is parsed by the program itself,
 * an npm script is there with the options named, and anything else is named below with what runs it.
 * Blocks marked `sh run` are run as they stand (test/operate/operations-page.test.ts).
 */
const ROOT = fileURLToPath(new URL("../../", import.meta.url));
const pages = execFileSync("git", ["ls-files", "*.md"], { cwd: ROOT, encoding: "utf8" })
  .split("\n")
  .filter((path) => path !== "" && !path.startsWith("test/"));
const { scripts } = JSON.parse(readFileSync(`${ROOT}package.json`, "utf8")) as {
  scripts: Readonly<Record<string, string>>;
};

/** What is not the program's own, and the test that does the same: with paths of its own, or without an engine. */
const OTHERS: readonly (readonly [pattern: RegExp, by: string])[] = [
  [/^age -d -i identity .* \| zstdcat/, "test/operate/foreign-opener.test.ts"],
  [/^kafka-dump-log\.sh /, "test/operate/foreign-decoder.test.ts"],
  [/^npm test\b/, "test/run.ts"],
  [/^node_modules\/\.bin\/tsc -p \./, "test/run.ts"],
  [/CONFORMANCE_MATRIX=\S+ node --test$/, "test/sdk/package-tests.ts"],
  [/^systemctl /, "test/deploy/systemd-run.test.ts"],
  [/^kubectl apply -k /, "test/deploy/kubernetes.test.ts"],
  [/^helm install /, "test/deploy/kubernetes.test.ts"],
  [/^docker build /, "test/deploy/image.test.ts"],
  // It needs a cluster, which no test has; that one renders what mounts the secret.
  [/^kubectl create secret generic bulk-archiver /, "test/deploy/kubernetes.test.ts"],
];

interface Found {
  readonly page: string;
  readonly line: string;
}

/** Lines of shell blocks that are not run as they stand, continued ones joined, without comments. */
function shellLines(page: string): Found[] {
  const text = readFileSync(ROOT + page, "utf8");
  return [...text.matchAll(/^```(?:sh|bash|console)\n([\s\S]*?)^```/gm)].flatMap(([, body = ""]) =>
    body
      .replaceAll(/\\\n\s*/g, " ")
      .split("\n")
      .map((line) => ({
        page,
        line: line
          .replace(/(^|\s)#.*$/, "")
          .replace(/^\$ /, "")
          .trim(),
      }))
      .filter(({ line }) => line !== ""),
  );
}

const lines = pages.flatMap(shellLines);

/** The words after the program's name, up to a pipe, a redirection or the next command. */
function calls(line: string): string[][] {
  const found = line.matchAll(
    /(?:^|[\s(`;&|])(?:npx )?(?:bulk-archiver|node (?:\S*\/)?src\/main\.ts)((?: +[^|<>;&()]+)?)/g,
  );
  return [...found].map(([, rest = ""]) =>
    [...rest.matchAll(/"([^"]*)"|'([^']*)'|(\S+)/g)].map((m) => m[1] ?? m[2] ?? m[3] ?? ""),
  );
}

/** The real parser, before commands that do nothing. */
const parsed = commands.map((c) => ({ ...c, run: () => Promise.resolve(EXIT.done) }));

/** What the program says against the words; empty: nothing. */
async function wrong(words: readonly string[]): Promise<string> {
  let said = "";
  const host = { env: {}, signal: new AbortController().signal };
  const stderr = { write: (text: string) => (said += text) !== "" };
  const stdout = { write: () => true };
  const code = await runCli(words, parsed, { ...host, stdout, stderr } as unknown as CliHost);
  return code === EXIT.done ? "" : said;
}

test("every line is a command that the program takes, a script, or run by a test that is named", async () => {
  const unknown: string[] = [];
  let taken = 0;
  for (const { page, line } of lines) {
    const elsewhere = OTHERS.some(([pattern]) => pattern.test(line));
    const own = elsewhere ? [] : calls(line);
    for (const words of own) {
      taken += 1;
      const said = await wrong(words);
      if (said !== "") unknown.push(`${page}: ${line}: ${said}`);
    }
    const named = elsewhere || own.length > 0 || line.startsWith("npm run ");
    if (!named) unknown.push(`${page}: ${line}: nothing runs it`);
  }
  expect(unknown).toEqual([]);
  expect(taken).toBeGreaterThan(40);
});

test("what runs the others is there, and none of them is named for nothing", () => {
  for (const [pattern, by] of OTHERS) {
    expect(existsSync(ROOT + by), by).toBe(true);
    expect(
      lines.some(({ line }) => pattern.test(line)),
      String(pattern),
    ).toBe(true);
  }
});

test("a wrong option, command or value would be found", async () => {
  expect(await wrong(["verify", "--across"])).toContain("--across");
  expect(await wrong(["verifi"])).toContain("verifi");
  expect(await wrong(["list", "--partition", "x"])).toContain("--partition");
  expect(await wrong(["skip", "--topic", "logs"])).not.toBe("");
});

test("examples of the program's own help are right", async () => {
  for (const command of commands) {
    for (const example of command.examples) {
      const [words = []] = calls(example);
      expect(await wrong(words), example).toBe("");
    }
  }
});

test("npm scripts are there, with their options", () => {
  const missing = lines.flatMap(({ page, line }) => {
    const [, name = "", rest = ""] = /^npm run ([\w:-]+)(?: -- (.*))?$/.exec(line) ?? [];
    if (name === "") return [];
    const script = scripts[name];
    if (script === undefined) return [`${page}: ${line}`];
    const source = readFileSync(ROOT + (script.split(" ").at(-1) ?? ""), "utf8");
    const options = [...rest.matchAll(/(?<=--)[a-z-]+/g)].map(([option]) => option);
    return options.filter((o) => !source.includes(o)).map((o) => `${page}: ${name} has no --${o}`);
  });
  expect(missing).toEqual([]);
});
