import { execFileSync, spawnSync } from "node:child_process";
import { tmpdir } from "node:os";
import { fileURLToPath } from "node:url";
import { beforeAll, expect, test } from "vitest";
import { commonOptions } from "../../src/operate/cli.ts";
import { commands } from "../../src/operate/commands.ts";
import { cli } from "../operate/cli-process.ts";
import { typedInZsh } from "./typed-zsh.ts";

let bash: string;

beforeAll(async () => {
  const { code, stdout } = await cli(["completion", "bash"]);
  expect(code).toBe(0);
  bash = stdout;
});

/** What bash proposes for the last of the words. */
function completed(...words: readonly string[]): string[] {
  const list = words.map((w) => `'${w}'`).join(" ");
  const script = `${bash}\nCOMP_WORDS=(bulk-archiver ${list}); COMP_CWORD=${words.length}\n_bulk_archiver\nprintf '%s\\n' "\${COMPREPLY[@]}"`;
  const out = execFileSync("bash", ["-uc", script], { encoding: "utf8", cwd: "/etc" });
  return out.split("\n").filter((line) => line !== "");
}

test("bash proposes commands, options, words and files", () => {
  expect(completed("ver")).toEqual(["verify"]);
  expect(completed("")).toEqual([...commands.map((c) => c.name), "--help", "--version"]);
  expect(completed("verify", "--acr")).toEqual(["--across-sinks"]);
  expect(completed("completion", "z")).toEqual(["zsh"]);
  expect(completed("run", "--config", "pass")).toContain("passwd");
  expect(completed("list", "--topic", "")).toEqual([]);
});

test("zsh completes what is typed: commands, options, words and files", async () => {
  const { stdout } = await cli(["completion", "zsh"]);
  const typed = [
    "verif",
    "verify --acr",
    "completion fi",
    "run --config pass",
    "list --topic x --sin",
  ];
  const lines = typed.map((line) => `bulk-archiver ${line}`);
  expect(typedInZsh(stdout, "/etc", lines).map((l) => l.replace("bulk-archiver ", ""))).toEqual([
    "verify",
    "verify --across-sinks",
    "completion fish",
    "run --config passwd",
    "list --topic x --sink",
  ]);
}, 90_000);

test("fish proposes commands, options, words and files", async () => {
  const { stdout } = await cli(["completion", "fish"]);
  const typed = ["verif", "verify --acr", "completion fi", "run --config pass", "list --topic "];
  const asked = typed.map((line) => `complete -C 'bulk-archiver ${line}'; echo ::`);
  const env = { ...process.env, HOME: tmpdir() };
  const script = [stdout, ...asked].join("\n");
  const out = execFileSync("fish", ["--no-config", "-c", script], {
    encoding: "utf8",
    cwd: "/etc",
    env,
  });
  const proposed = out.split("::\n").map((text) => text.split("\n").map((l) => l.split("\t")[0]));
  expect(proposed[0]).toContain("verify");
  expect(proposed[1]).toContain("--across-sinks");
  expect(proposed[2]).toContain("fish");
  expect(proposed[3]).toContain("passwd");
  expect(proposed[4]).toEqual([""]);
});

test.each(["zsh", "fish"])("%s knows every command and option", async (shell) => {
  const { code, stdout } = await cli(["completion", shell]);
  expect(code).toBe(0);
  for (const command of commands) {
    const lines = stdout.split("\n").filter((line) => line.includes(command.name));
    for (const { flags } of [...command.options, ...commonOptions(command)]) {
      const name = flags.split(" ")[0]?.slice(2) ?? "";
      expect(
        lines.some((line) => line.includes(name)),
        `${command.name} ${flags}`,
      ).toBe(true);
    }
  }
});

test("the man page has no error that groff finds, and every command", () => {
  const page = fileURLToPath(new URL("../../docs/man/bulk-archiver.1", import.meta.url));
  const { stdout, stderr } = spawnSync("groff", ["-man", "-Tascii", "-ww", "-P-cbou", page], {
    encoding: "utf8",
  });
  expect(stderr).toBe("");
  for (const { name } of commands) expect(stdout).toContain(`   ${name}`);
});
