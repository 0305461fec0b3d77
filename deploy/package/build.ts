import { execFileSync } from "node:child_process";
import { chmodSync, cpSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { extname, join } from "node:path";
import { fileURLToPath } from "node:url";

/**
 * Makes `dist/`, which the npm package holds: Node strips no types below node_modules, so there the
 * product is JavaScript. In a checkout it is never used. `npm run types` checks the types, this takes
 * them off.
 */
const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const DIST = join(ROOT, "dist");

rmSync(DIST, { recursive: true, force: true });
const compiler = join(ROOT, "node_modules/typescript/bin/tsc");
const project = join(ROOT, "deploy/package/tsconfig.json");
execFileSync(process.execPath, [compiler, "-p", project], { stdio: "inherit" });

// Pages, styles and whatever else the sources read lie where the sources expect them.
for (const folder of ["src", "sinks"]) {
  cpSync(join(ROOT, folder), join(DIST, folder), {
    recursive: true,
    filter: (path) => statSync(path).isDirectory() || extname(path) !== ".ts",
  });
}

// Sources read the version from two folders up. The rest of package.json names files from the
// package's root and would be wrong here.
const { version } = JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8")) as {
  version: string;
};
writeFileSync(join(DIST, "package.json"), `${JSON.stringify({ type: "module", version })}\n`);
chmodSync(join(DIST, "src/main.js"), 0o755);
