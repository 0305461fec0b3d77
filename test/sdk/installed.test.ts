import { readFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { ConformanceRow } from "../../src/sdk/conformance.ts";
import { conformance } from "../../src/sdk/conformance.ts";
import * as sdk from "../../src/sdk/index.ts";
import { ShelfServer } from "../fixtures/shelf-server.ts";
import { Installation } from "./installation.ts";
import { BROKEN, type Broken } from "./broken-sinks.ts";

/** The package as users have it: from npm's tarball, without the checkout. */
let it: Installation;
let shelf: ShelfServer;
let rows: string;

beforeAll(async () => {
  rows = await mkdtemp(join(tmpdir(), "bulk-archiver-shelf-"));
  [it, shelf] = await Promise.all([Installation.make(), ShelfServer.start(join(rows, "shelf.db"))]);
}, 240_000);
afterAll(async () => {
  await shelf.stop();
  it.remove();
  await rm(rows, { recursive: true });
}, 60_000);

const BIN = fileURLToPath(new URL("../../node_modules/.bin/", import.meta.url));
const shelfEnv = () => ({ SHELF_URL: shelf.url, SHELF_TOKEN: shelf.token });

describe("the package", () => {
  test("holds what runs and what is read, and no source or test", () => {
    const files = it.files("bulk-archiver");
    for (const name of ["package.json", "README.md", "LICENSE", "dist/src/main.js"]) {
      expect(files).toContain(name);
    }
    expect(files).toContain("docs/schema/config.schema.json");
    expect(files).toContain("dist/src/seal/worker.js");
    const strange = files.filter(
      (f) => !/^(dist|docs)\/|^(package\.json|README\.md|LICENSE)$/.test(f),
    );
    expect(strange).toEqual([]);
    expect(files.filter((f) => f.endsWith(".ts") && !f.endsWith(".d.ts"))).toEqual([]);
  });

  test("runs by npx", async () => {
    const { version } = JSON.parse(
      readFileSync(join(it.folder, "node_modules/bulk-archiver/package.json"), "utf8"),
    ) as { version: string };
    const npx = (...args: string[]) => it.run("npx", ["--no-install", "bulk-archiver", ...args]);
    expect(await npx("--version")).toMatchObject({ code: 0, stdout: `${version}\n`, stderr: "" });
    const help = await npx("--help");
    expect(help).toMatchObject({ code: 0, stderr: "" });
    expect(help.stdout).toContain("bulk-archiver [options] [command]");
    const config = it.write("nowhere.yaml", [
      'kafka: { brokers: ["127.0.0.1:1"] }',
      "group: archiver",
      "topics: [logs]",
      "sinks: [{ name: files, kind: fs, path: ./archive }]",
    ]);
    const check = await npx("check", "--config", config, "--sink", "files", "--json");
    expect(check.stdout).toContain('"write-probe"');
  });

  test("exports the sdk and the kit, and nothing else", async () => {
    const script = `
      const names = async (path) => Object.keys(await import(path)).sort();
      const inner = await import("bulk-archiver/dist/src/core/errors.js").catch((e) => e.code);
      console.log(JSON.stringify([await names("bulk-archiver/sdk"),
        await names("bulk-archiver/sdk/conformance"), inner]));`;
    const { stdout, stderr } = await it.node(["--input-type=module", "-e", script]);
    expect(stderr).toBe("");
    const kit = ["HttpFaults", "TcpFaults", "conformance", "runConformance", "testConformance"];
    expect(JSON.parse(stdout)).toEqual([
      Object.keys(sdk).sort(),
      kit,
      "ERR_PACKAGE_PATH_NOT_EXPORTED",
    ]);
  });

  test("has types that every resolver finds", async () => {
    const args = [join(BIN, "attw"), it.tarball, "--profile", "esm-only", "--format", "json"];
    const { code, stdout } = await it.node(args);
    const { problems = {} } = JSON.parse(stdout) as { problems?: Problems };
    // Resolvers from before `exports` are not served, and `require` of a module is a matter of Node's.
    const found = Object.values(problems).flat();
    const old = new Set(["node10", "node16-cjs"]);
    expect(found.filter((p) => !old.has(p.resolutionKind))).toEqual([]);
    expect(code).toBe(0);
  });

  test("has types that fit the example and the broken sinks", async () => {
    const types = fileURLToPath(new URL("../../node_modules/@types", import.meta.url));
    const compilerOptions = {
      ...{ noEmit: true, strict: true, allowJs: true, checkJs: true, skipLibCheck: false },
      ...{ module: "nodenext", target: "es2024", typeRoots: [types], types: ["node"] },
      // A package of plain JavaScript is not looked into where it is installed.
      paths: { "bulk-archiver-sink-shelf": ["./bulk-archiver-sink-shelf/index.js"] },
    };
    const include = ["bulk-archiver-sink-shelf", "broken-sinks"];
    it.write("tsconfig.json", [JSON.stringify({ compilerOptions, include })]);
    const { code, stdout } = await it.node([join(BIN, "tsc"), "-p", it.folder]);
    expect(stdout).toBe("");
    expect(code).toBe(0);
  });
});

describe("the kit", () => {
  test(
    "holds for the example under node --test, with its matrix",
    { timeout: 240_000 },
    async () => {
      const matrix = join(rows, "matrix.jsonl");
      const small = { SHELF_BATCHES: "400", SHELF_KILLS: "10", CONFORMANCE_MATRIX: matrix };
      const { code, stdout } = await it.node(["--test", "test/conformance.test.js"], {
        cwd: join(it.folder, "bulk-archiver-sink-shelf"),
        env: { ...shelfEnv(), ...small },
      });
      expect(stdout).toMatch(/^ℹ fail 0$/m);
      expect(code).toBe(0);
      const lines = readFileSync(matrix, "utf8").trimEnd().split("\n");
      const found = lines.map((l) => JSON.parse(l) as ConformanceRow);
      expect(found.map((r) => r.case)).toEqual(conformance.map((c) => c.name));
      const unasked = found
        .filter((r) => r.outcome !== "held")
        .map((r) => `${r.outcome}: ${r.case}`);
      expect(unasked).toEqual([
        "not-asked: data that lost its description is damaged, never taken for something else",
        "not-asked: setAside acts only on what was seen, and then it is gone",
      ]);
    },
  );

  test.each(BROKEN)("catches a sink that is broken: $name", { timeout: 120_000 }, async (b) => {
    const { stdout, stderr } = await it.node([`broken-sinks/run.js`, b.name], { env: shelfEnv() });
    expect(stderr).toBe("");
    const found = JSON.parse(stdout) as ConformanceRow[];
    expect(found.length).toBeGreaterThan(30);
    expect(failedOf(found)).toContain(b.caughtBy);
    expect(failedOf(found).filter((name) => !related(b, name))).toEqual([]);
  });
});

type Problems = Readonly<Record<string, readonly { readonly resolutionKind: string }[]>>;

const failedOf = (found: readonly ConformanceRow[]): readonly string[] =>
  found.filter((r) => r.outcome === "failed").map((r) => r.case);

const related = (b: Broken, name: string): boolean =>
  name === b.caughtBy || b.also.some((part) => name.includes(part));
