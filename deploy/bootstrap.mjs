// Brings what a fresh clone lacks, then the rest of the product's scripts can rely on it. Plain
// JavaScript: it has to run under the machine's own Node, which may be 20.
import { execFileSync, spawnSync } from "node:child_process";
import { existsSync, readFileSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

export const ROOT = dirname(dirname(fileURLToPath(import.meta.url)));
export const NODE = join(ROOT, "node_modules/.bin/node");
const INSTALLED = join(ROOT, "node_modules/.package-lock.json");

const has = (program, args = ["--version"]) => {
  const found = spawnSync(program, args, { stdio: "ignore" });
  return found.error === undefined && found.status === 0;
};

const javaVersion = () => {
  const out = spawnSync("java", ["-version"], { encoding: "utf8" });
  const major = /version "(\d+)/.exec(`${out.stdout ?? ""}${out.stderr ?? ""}`)?.[1];
  return major === undefined ? 0 : Number(major);
};

/** Programs by what they are for; `packages` are Debian's names. */
const NEEDS = {
  java: {
    packages: ["default-jre-headless"],
    there: () => javaVersion() >= 17,
    name: "Java 17 or newer",
  },
  maven: { packages: ["maven"], there: () => has("mvn"), name: "Maven" },
  compiler: {
    packages: ["g++", "make", "python3"],
    there: () => has("g++") && has("make") && has("python3"),
    name: "a C++ compiler, make and Python 3",
  },
  kcat: { packages: ["kcat"], there: () => has("kcat", ["-V"]), name: "kcat" },
  age: { packages: ["age"], there: () => has("age"), name: "age" },
  zstd: { packages: ["zstd"], there: () => has("zstd"), name: "zstd" },
  chromium: { packages: ["chromium"], there: () => has("chromium"), name: "Chromium" },
  promtool: { packages: ["prometheus"], there: () => has("promtool"), name: "promtool" },
  go: { packages: ["golang-go"], there: () => has("go", ["version"]), name: "Go" },
  groff: { packages: ["groff-base"], there: () => has("groff"), name: "groff" },
  systemd: { packages: ["systemd"], there: () => has("systemd-analyze"), name: "systemd" },
  venv: {
    packages: ["python3", "python3-venv"],
    there: () => has("python3", ["-c", "import ensurepip, venv"]),
    name: "Python 3 with venv",
  },
  zsh: { packages: ["zsh"], there: () => has("zsh"), name: "zsh" },
  fish: { packages: ["fish"], there: () => has("fish"), name: "fish" },
  strace: { packages: ["strace"], there: () => has("strace", ["-V"]), name: "strace" },
};

/** Installs what is missing where that is possible without asking, else says what it is and ends. */
export function bring(names) {
  const missing = names.map((n) => NEEDS[n]).filter((n) => !n.there());
  if (missing.length === 0) return;
  const text = missing.map((n) => n.name).join(", ");
  const root = process.getuid?.() === 0 && has("apt-get");
  if (!root) {
    console.error(`This machine lacks ${text}: install it, then run the command again.`);
    process.exit(2);
  }
  console.error(`installing ${text} …`);
  const packages = missing.flatMap((n) => n.packages);
  const env = { ...process.env, DEBIAN_FRONTEND: "noninteractive" };
  const quiet = { env, stdio: ["ignore", "ignore", "pipe"], encoding: "utf8" };
  spawnSync("apt-get", ["update"], quiet);
  const done = spawnSync(
    "apt-get",
    ["install", "-y", "--no-install-recommends", ...packages],
    quiet,
  );
  const still = missing.filter((n) => !n.there());
  if (still.length === 0) return;
  console.error(done.stderr ?? "");
  console.error(
    `This machine lacks ${still.map((n) => n.name).join(", ")} and apt-get could not install it.`,
  );
  process.exit(2);
}

/** node_modules as the lock file says, with Node 24 and the compiled zstd binding. */
export function installDependencies() {
  const lock = join(ROOT, "package-lock.json");
  const fresh = existsSync(INSTALLED) && statSync(INSTALLED).mtimeMs >= statSync(lock).mtimeMs;
  if (fresh && works()) return;
  if (!existsSync(join(ROOT, "node_modules/zstd-napi/build/Release"))) bring(["compiler"]);
  console.error("installing dependencies …");
  const headers = join(dirname(dirname(process.execPath)), "include/node/node_api.h");
  const env = { ...process.env };
  // The binding is compiled where its prebuilt file cannot be had; Node's headers are mostly at hand.
  if (existsSync(headers)) env.npm_config_nodedir ??= dirname(dirname(process.execPath));
  // Not `npm ci`: it refuses a lock file without the binaries of every other platform, and registries
  // do not all carry those. The versions installed are the lock file's all the same.
  const args = ["install", "--no-save", "--no-audit", "--no-fund", "--loglevel=error"];
  execFileSync("npm", args, { cwd: ROOT, env, stdio: ["ignore", "ignore", "inherit"] });
  if (works()) return;
  console.error("The dependencies were installed but do not load: see the messages above.");
  process.exit(2);
}

function works() {
  const wanted = JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8")).devDependencies.node;
  const script = "require('zstd-napi'); process.stdout.write(process.versions.node)";
  const got = spawnSync(NODE, ["-e", script], { cwd: ROOT, encoding: "utf8" });
  return got.status === 0 && got.stdout === wanted;
}

/** Runs a script under the project's own Node and ends with its exit code. */
export function handOver(script, args) {
  const child = spawnSync(
    NODE,
    ["--disable-warning=ExperimentalWarning", join(ROOT, script), ...args],
    {
      cwd: ROOT,
      stdio: "inherit",
    },
  );
  process.exit(child.status ?? 130);
}
