import { spawnSync } from "node:child_process";
import { copyFileSync, existsSync, mkdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";

export const KAFKA_VERSION = "4.1.0";
const POM = fileURLToPath(new URL("./pom.xml", import.meta.url));
const LOCK_WAIT_MS = 300_000;

/** Folder of downloads, shared by every clone of a user. */
export const cacheDir = (): string =>
  join(process.env["XDG_CACHE_HOME"] ?? join(homedir(), ".cache"), "bulk-archiver");

/** The class path of Kafka's jars, downloaded once by Maven. Safe when two processes do it at once. */
export async function kafkaClassPath(
  say: (text: string) => void = () => undefined,
): Promise<string> {
  const lib = join(cacheDir(), `kafka-${KAFKA_VERSION}`);
  const done = join(lib, ".complete");
  const lock = `${lib}.lock`;
  mkdirSync(cacheDir(), { recursive: true });
  for (let waited = 0; !existsSync(done); waited += 500) {
    if (took(lock)) {
      try {
        say(`downloading Kafka ${KAFKA_VERSION} by Maven …`);
        download(lib);
        writeFileSync(done, "");
      } finally {
        rmSync(lock, { recursive: true, force: true });
      }
    } else if (waited > LOCK_WAIT_MS) {
      throw new Error(`another process holds ${lock} for too long; remove it if none is running`);
    } else await sleep(500);
  }
  return `${lib}/*`;
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

function download(lib: string): void {
  const work = `${lib}.pom`;
  const into = `${lib}.part`;
  for (const dir of [work, into, lib]) rmSync(dir, { recursive: true, force: true });
  mkdirSync(work);
  copyFileSync(POM, join(work, "pom.xml"));
  const args = [
    ...["-B", "-ntp", "-q", "-f", join(work, "pom.xml"), `-Dkafka.version=${KAFKA_VERSION}`],
    "org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy-dependencies",
    ...["-DincludeScope=runtime", `-DoutputDirectory=${into}`],
  ];
  const run = spawnSync("mvn", args, { encoding: "utf8" });
  if (run.status !== 0) throw new Error(`mvn could not bring Kafka:\n${run.stdout}${run.stderr}`);
  renameSync(into, lib);
  rmSync(work, { recursive: true, force: true });
}
