import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { vectorFiles } from "./files.ts";

/** `node test/seal/vectors/make.ts` writes test/vectors/sealed anew; a second run changes nothing. */
const root = fileURLToPath(new URL("../../vectors/sealed/", import.meta.url));
rmSync(root, { recursive: true, force: true });
for (const [path, bytes] of vectorFiles()) {
  mkdirSync(dirname(join(root, path)), { recursive: true });
  writeFileSync(join(root, path), bytes);
}
