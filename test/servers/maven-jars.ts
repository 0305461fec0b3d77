import { spawnSync } from "node:child_process";
import { copyFileSync, existsSync, mkdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";

const LOCK_WAIT_MS = 600_000;

/** Folder of downloads, shared by every clone of a user. */
export const cacheDir = (): string =>
  join(process.env["XDG_CACHE_HOME"] ?? join(homedir(), ".cache"), "bulk-archiver");

/** Fills a folder of the cache once: safe when several processes want it at the same time. */
export async function broughtOnce(
  name: string,
  bring: (into: string) => void | Promise<void>,
): Promise<string> {
  const folder = join(cacheDir(), name);
  const done = join(folder, ".complete");
  const lock = `${folder}.lock`;
  mkdirSync(cacheDir(), { recursive: true });
  for (let waited = 0; !existsSync(done); waited += 500) {
    if (took(lock)) {
      try {
        const part = `${folder}.part`;
        for (const dir of [part, folder]) rmSync(dir, { recursive: true, force: true });
        mkdirSync(part);
        await bring(part);
        renameSync(part, folder);
        writeFileSync(done, "");
      } finally {
        rmSync(lock, { recursive: true, force: true });
      }
    } else if (waited > LOCK_WAIT_MS) {
      throw new Error(`another process holds ${lock} for too long; remove it if none is running`);
    } else await sleep(500);
  }
  return folder;
}

/** A folder is made by one process only. */
function took(lock: string): boolean {
  try {
    mkdirSync(lock);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EEXIST") return false;
    throw error;
  }
}

/** The runtime jars of `poms/<server>.xml` at this version, downloaded once by Maven; their folder. */
export function mavenJars(
  server: string,
  version: string,
  say: (text: string) => void = () => undefined,
): Promise<string> {
  return broughtOnce(`${server}-${version}`, (into) => {
    say(`downloading ${server} ${version} by Maven …`);
    const work = `${into}.pom`;
    rmSync(work, { recursive: true, force: true });
    mkdirSync(work);
    const pom = fileURLToPath(new URL(`./poms/${server}.xml`, import.meta.url));
    copyFileSync(pom, join(work, "pom.xml"));
    const args = [
      ...["-B", "-ntp", "-q", "-f", join(work, "pom.xml"), `-D${server}.version=${version}`],
      "org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy-dependencies",
      ...["-DincludeScope=runtime", `-DoutputDirectory=${into}`],
    ];
    const run = spawnSync("mvn", args, { encoding: "utf8" });
    if (run.status !== 0)
      throw new Error(`mvn could not bring ${server}:\n${run.stdout}${run.stderr}`);
    rmSync(work, { recursive: true, force: true });
  });
}
