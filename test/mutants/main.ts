import { spawnSync } from "node:child_process";
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { commandLine, numberOf } from "../command-line.ts";
import type { Mutant } from "./mutant.ts";
import { MUTANTS } from "./mutants.ts";

/** Breaks the product on purpose, one line at a time on a copy, and looks whether somebody notices. */
const HELP = `npm run mutants -- [--some N] [--name TEXT]

  --some N      so many of them, others every day (default all)
  --name TEXT   those whose name has this text`;
const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const NODE = process.execPath;
/** Seeds that the simulation gets to find it: as many as a busy machine plays within the limit. */
const SEEDS = 1_000;
const LIMIT_MS = 240_000;
const DAY_MS = 86_400_000;

const o = commandLine(HELP, { some: { type: "string" }, name: { type: "string" } });

function chosen(): readonly Mutant[] {
  const { name } = o;
  if (name !== undefined) {
    const named = MUTANTS.filter((m) => m.name.includes(name));
    if (named.length === 0) throw new Error(`no mutant has a name with "${name}"`);
    return named;
  }
  const some = o.some === undefined ? MUTANTS.length : numberOf(HELP, "some", o.some);
  const day = Math.floor(Date.now() / DAY_MS);
  return Array.from({ length: Math.min(some, MUTANTS.length) }, (_, i) => {
    const found = MUTANTS[(day * some + i) % MUTANTS.length];
    if (found === undefined) throw new RangeError("there are no mutants");
    return found;
  });
}

/** The copy with the line replaced. @throws when the line is not there, or more than once */
function breakIn(copy: string, { file, find, put, name }: Mutant): void {
  const path = join(copy, file);
  const source = readFileSync(path, "utf8");
  const found = source.split(find).length - 1;
  if (found !== 1) throw new Error(`mutant "${name}": its line stands ${found} times in ${file}`);
  writeFileSync(
    path,
    source.replace(find, () => put),
  );
}

/** What notices it: a seed known to show it is played first, and others after it. */
function commandOf(by: Mutant["by"]): readonly string[] {
  if ("seed" in by)
    return ["test/sim/main.ts", "--seed", String(by.seed), "--runs", String(SEEDS), "--first"];
  if ("case" in by) return ["test/sim/main.ts", "--case", by.case];
  return ["node_modules/vitest/vitest.mjs", "run", by.test];
}

function noticed(copy: string, { by }: Mutant): { readonly caught: boolean; readonly how: string } {
  const command = commandOf(by);
  const done = spawnSync(NODE, command, { cwd: copy, encoding: "utf8", timeout: LIMIT_MS });
  const said = `${done.stdout}${done.stderr}`;
  if (done.error !== undefined) {
    const how = `no verdict within ${LIMIT_MS / 1000} s (${done.error.message}): ${said.slice(-200)}`;
    return { caught: false, how };
  }
  const first = /^seed \d+: [^\n]{0,160}/m.exec(said)?.[0];
  const how = first ?? /FAIL(?:ED)? [^\n]{0,160}/.exec(said)?.[0];
  // A program that cannot even begin has noticed nothing.
  return { caught: done.status === 1 && how !== undefined, how: how ?? said.slice(-200) };
}

function run(): number {
  const copy = mkdtempSync(join(tmpdir(), "archiver-mutants-"));
  let passed = 0;
  const mutants = chosen();
  try {
    for (const part of ["src", "sinks", "test", "package.json", "tsconfig.json"])
      cpSync(join(ROOT, part), join(copy, part), { recursive: true });
    symlinkSync(join(ROOT, "node_modules"), join(copy, "node_modules"));
    for (const m of mutants) {
      const original = readFileSync(join(copy, m.file), "utf8");
      breakIn(copy, m);
      const began = Date.now();
      const { caught, how } = noticed(copy, m);
      writeFileSync(join(copy, m.file), original);
      const seconds = ((Date.now() - began) / 1000).toFixed(0);
      console.log(
        `${caught ? "caught" : "MISSED"} ${m.name} (${m.file}), ${seconds} s: ${how.trim()}`,
      );
      if (caught) passed += 1;
    }
  } finally {
    rmSync(copy, { recursive: true, force: true });
  }
  console.log(`${passed} passed, ${mutants.length - passed} failed`);
  return passed === mutants.length ? 0 : 1;
}

process.exitCode = run();
