import { execFile } from "node:child_process";
import { cpSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { assert } from "../../src/core/assert.ts";
import { ShelfServer } from "../fixtures/shelf-server.ts";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const FIXTURES = join(ROOT, "test/fixtures");
const NPM = ["--ignore-scripts", "--no-audit", "--no-fund", "--prefer-offline", "--loglevel=error"];
const MAX_OUTPUT_BYTES = 16 << 20;

export interface Ran {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/**
 * The product and the example plugin as users have them: packed, and installed by npm from the
 * tarballs into a clean folder. The example's tests and the broken sinks lie beside `node_modules`.
 */
export class Installation {
  readonly folder: string;
  readonly tarball: string;
  readonly main: string;

  private constructor(folder: string, tarball: string) {
    this.folder = folder;
    this.tarball = tarball;
    this.main = join(folder, "node_modules/bulk-archiver/dist/src/main.js");
  }

  static async make(): Promise<Installation> {
    const folder = mkdtempSync(join(tmpdir(), "bulk-archiver-installed-"));
    const product = await pack(ROOT, folder);
    const plugin = await pack(join(FIXTURES, "bulk-archiver-sink-shelf"), folder);
    const manifest = { name: "clean", private: true, type: "module" };
    writeFileSync(join(folder, "package.json"), JSON.stringify(manifest));
    const installed = new Installation(folder, product);
    const { code, stderr } = await installed.run("npm", ["install", ...NPM, product, plugin]);
    if (code !== 0) throw new Error(`npm install: ${stderr}`);
    // Compiling the binding takes a minute where its prebuilt file cannot be had: the checkout's is
    // that same version's, made by the same script.
    const binding = "node_modules/zstd-napi/build";
    cpSync(join(ROOT, binding), join(folder, binding), { recursive: true });
    for (const name of ["bulk-archiver-sink-shelf", "broken-sinks"]) {
      cpSync(join(FIXTURES, name), join(folder, name), { recursive: true });
    }
    return installed;
  }

  /** A program with this Node first on its path; never rejects because of how it ends. */
  run(program: string, args: readonly string[], options: RunOptions = {}): Promise<Ran> {
    return run(program, args, { cwd: this.folder, ...options });
  }

  node(args: readonly string[], options?: RunOptions): Promise<Ran> {
    return this.run(process.execPath, args, options);
  }

  write(name: string, lines: readonly string[]): string {
    const path = join(this.folder, name);
    writeFileSync(path, `${lines.join("\n")}\n`);
    return path;
  }

  files(name: string): readonly string[] {
    const folder = join(this.folder, "node_modules", name);
    const entries = readdirSync(folder, { recursive: true, withFileTypes: true });
    return entries
      .filter((e) => e.isFile())
      .map((e) => join(e.parentPath, e.name).slice(folder.length + 1));
  }

  remove(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }
}

/** One installation for all tests of a file, with a Shelf for its plugin. */
export class Installed {
  #npm: Installation | undefined;
  #shelf: ShelfServer | undefined;

  async make(): Promise<void> {
    this.#npm = await Installation.make();
    this.#shelf = await ShelfServer.start(join(this.#npm.folder, "shelf.db"));
  }

  get npm(): Installation {
    assert(this.#npm !== undefined, "it is not installed yet");
    return this.#npm;
  }

  get shelf(): ShelfServer {
    assert(this.#shelf !== undefined, "the Shelf is not up yet");
    return this.#shelf;
  }

  async remove(): Promise<void> {
    await this.#shelf?.stop();
    this.#npm?.remove();
  }
}

interface RunOptions {
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
}

async function pack(source: string, into: string): Promise<string> {
  const args = ["pack", "--json", "--loglevel=error", "--pack-destination", into];
  const { code, stdout, stderr } = await run("npm", args, { cwd: source });
  if (code !== 0) throw new Error(`npm pack in ${source}: ${stderr}`);
  // What `prepack` prints comes first.
  const [packed] = JSON.parse(stdout.slice(stdout.indexOf("[\n"))) as { filename: string }[];
  return join(into, packed?.filename ?? "");
}

function run(program: string, args: readonly string[], { cwd, env }: RunOptions): Promise<Ran> {
  const path = [dirname(process.execPath), process.env["PATH"] ?? ""].join(delimiter);
  return new Promise((resolve, reject) => {
    const options = {
      cwd,
      env: { ...process.env, npm_config_loglevel: "error", ...env, PATH: path },
      maxBuffer: MAX_OUTPUT_BYTES,
    };
    execFile(program, args, options, (error, stdout, stderr) => {
      const code = error === null ? 0 : error.code;
      if (typeof code === "number") resolve({ code, stdout, stderr });
      else reject(error ?? new Error(`${program} was ended by a signal: ${stderr}`));
    });
  });
}
