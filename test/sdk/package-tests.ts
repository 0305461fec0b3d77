import { readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import * as sdk from "../../src/sdk/index.ts";
import type { Installed } from "./installation.ts";

const BIN = fileURLToPath(new URL("../../node_modules/.bin/", import.meta.url));

type Problems = Readonly<Record<string, readonly { readonly resolutionKind: string }[]>>;

/** What the tarball holds, and that it runs and is imported where only npm put things. */
export function packageTests(on: Installed): void {
  test("holds what runs and what is read, and no source or test", () => {
    const files = on.npm.files("bulk-archiver");
    for (const name of ["package.json", "README.md", "LICENSE", "dist/src/main.js"]) {
      expect(files).toContain(name);
    }
    expect(files).toContain("docs/schema/config.schema.json");
    expect(files).toContain("docs/man/bulk-archiver.1");
    expect(files).toContain("dist/src/seal/worker.js");
    const strange = files.filter(
      (f) => !/^(dist|docs)\/|^(package\.json|README\.md|LICENSE)$/.test(f),
    );
    expect(strange).toEqual([]);
    expect(files.filter((f) => f.endsWith(".ts") && !f.endsWith(".d.ts"))).toEqual([]);
  });

  test("runs by npx", async () => {
    const { version } = JSON.parse(
      readFileSync(join(on.npm.folder, "node_modules/bulk-archiver/package.json"), "utf8"),
    ) as { version: string };
    const npx = (...args: string[]) =>
      on.npm.run("npx", ["--no-install", "bulk-archiver", ...args]);
    expect(await npx("--version")).toMatchObject({ code: 0, stdout: `${version}\n`, stderr: "" });
    const help = await npx("--help");
    expect(help).toMatchObject({ code: 0, stderr: "" });
    expect(help.stdout).toContain("bulk-archiver [options] [command]");
    const config = on.npm.write("nowhere.yaml", [
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
    const { stdout, stderr } = await on.npm.node(["--input-type=module", "-e", script]);
    expect(stderr).toBe("");
    const kit = ["HttpFaults", "TcpFaults", "conformance", "runConformance", "testConformance"];
    expect(JSON.parse(stdout)).toEqual([
      Object.keys(sdk).sort(),
      kit,
      "ERR_PACKAGE_PATH_NOT_EXPORTED",
    ]);
  });

  test("has types that every resolver finds", async () => {
    const args = [join(BIN, "attw"), on.npm.tarball, "--profile", "esm-only", "--format", "json"];
    const { code, stdout } = await on.npm.node(args);
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
    on.npm.write("tsconfig.json", [JSON.stringify({ compilerOptions, include })]);
    const { code, stdout } = await on.npm.node([join(BIN, "tsc"), "-p", on.npm.folder]);
    expect(stdout).toBe("");
    expect(code).toBe(0);
  });
}
