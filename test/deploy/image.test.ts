import { execFileSync, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { basename, dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, test } from "vitest";
import { stagesOf, stepsOf, wordsOf } from "./dockerfile.ts";
import { pythonTool } from "./tools.ts";

/**
 * The image without an engine: its instructions are carried out in a folder, with this checkout's
 * node_modules where the image gets the same from the lock file.
 */
const ROOT = fileURLToPath(new URL("../../", import.meta.url));
const DOCKERFILE = join(ROOT, "Dockerfile");
const steps = stepsOf(DOCKERFILE);
const [build = [], run = []] = stagesOf(steps);
let dir: string;

/** Steps that ask a registry, and what stands for them here. */
function shellOf(command: string): string {
  if (command === "npm ci") return `ln -s '${ROOT}node_modules' node_modules`;
  return command
    .replace("npm prune --omit=dev \\", "")
    .replace("npm prune --omit=dev", "true")
    .replace("cp -r dist node_modules", "cp -rP dist node_modules")
    .replace("rm -rf app/node_modules/.cache", "true");
}

/** Carries out the build stage in a new folder. */
function built(): string {
  const dir = mkdtempSync(join(tmpdir(), "archiver-image-"));
  const node = dirname(process.execPath);
  const env = { ...process.env, PATH: `${node}:${process.env["PATH"]}`, SOURCE_DATE_EPOCH: "0" };
  for (const { word, rest } of build) {
    if (word === "RUN")
      execFileSync("sh", ["-euc", shellOf(rest)], { cwd: dir, env, stdio: "pipe" });
    if (word !== "COPY") continue;
    const words = rest.split(/\s+/);
    const to = words.pop() ?? "";
    for (const from of words) {
      const target = join(dir, to, to.endsWith("/") ? basename(from) : "");
      mkdirSync(dirname(target), { recursive: true });
      cpSync(join(ROOT, from), target, { recursive: true });
    }
  }
  return dir;
}

beforeAll(() => {
  dir = built();
}, 180_000);

afterAll(() => rmSync(dir, { recursive: true, force: true }));

/** SHA-256 of each file of the product; its packages are linked here. */
function digests(app: string): Record<string, string> {
  const own = readdirSync(app).filter((name) => name !== "node_modules");
  const paths = own.flatMap((name) => {
    if (!statSync(join(app, name)).isDirectory()) return [name];
    const below = readdirSync(join(app, name), { recursive: true, withFileTypes: true });
    return below.filter((e) => e.isFile()).map((e) => relative(app, join(e.parentPath, e.name)));
  });
  const of = (path: string): string =>
    createHash("sha256")
      .update(readFileSync(join(app, path)))
      .digest("hex");
  return Object.fromEntries(paths.map((path) => [path, of(path)]));
}

test("hadolint finds nothing", () => {
  const { status, stdout } = spawnSync(pythonTool("hadolint"), [DOCKERFILE], { encoding: "utf8" });
  expect([stdout, status]).toEqual(["", 0]);
});

const of = (word: string): string => run.find((s) => s.word === word)?.rest ?? "";
/** The image's own node, and where the image has the program. */
const here = (word: string): string =>
  word.replace("/nodejs/bin/node", process.execPath).replace(/^\/app\//, `${dir}/app/`);

test("what it copies is there, and the program in it runs", () => {
  expect(of("COPY")).toMatch(/\/build\/app \/app$/);
  const [command = "", ...args] = wordsOf(of("ENTRYPOINT")).map(here);
  const said = execFileSync(command, [...args, "--version"], { encoding: "utf8" });
  const { version } = JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8")) as {
    version: string;
  };
  expect(said.trim()).toBe(version);
  const help = execFileSync(command, [...args, "run", "--help"], { encoding: "utf8" });
  expect(help).toContain("--config");
  expect(wordsOf(of("CMD"))).toEqual(["run", "--config", "/etc/bulk-archiver/config.yaml"]);
});

test("its bill of materials names what it runs with, and nothing that only building needs", () => {
  const sbom = JSON.parse(readFileSync(join(dir, "app/sbom.spdx.json"), "utf8")) as {
    packages: readonly { name: string; versionInfo: string }[];
  };
  const names = sbom.packages.map((p) => p.name);
  expect(names).toEqual(expect.arrayContaining(["kafkajs", "zod", "zstd-napi"]));
  expect(names).not.toContain("vitest");
});

test("the same sources make the same files, whenever it is built", () => {
  const main = join(dir, "app/dist/src/main.js");
  expect(statSync(main).mtimeMs).toBe(0);
  expect(existsSync(join(dir, "app/docs/schema/config.schema.json"))).toBe(true);
  const again = built();
  try {
    const files = digests(join(dir, "app"));
    expect(Object.keys(files)).toContain("sbom.spdx.json");
    expect(digests(join(again, "app"))).toEqual(files);
  } finally {
    rmSync(again, { recursive: true, force: true });
  }
}, 180_000);

test("it runs as nobody, and says how it is: a health check that fails where nothing listens", () => {
  expect(of("USER")).toMatch(/^[1-9]\d+:/);
  const [command = "", ...args] = wordsOf(of("HEALTHCHECK")).map(here);
  const { status } = spawnSync(
    command,
    args.map((a) => a.replace(":9464", ":1")),
  );
  expect(status).toBe(1);
});

test("what is not copied is not sent to the engine either", () => {
  const kept = readFileSync(join(ROOT, ".dockerignore"), "utf8").split("\n");
  for (const { word, rest } of build) {
    if (word !== "COPY") continue;
    for (const from of rest.split(/\s+/).slice(0, -1)) expect(kept).toContain(`!${from}`);
  }
  expect(kept).toContain("*");
});
