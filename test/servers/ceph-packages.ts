import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { broughtOnce } from "./maven-jars.ts";

const WANTED = ["ceph-mon", "ceph-osd", "radosgw", "ceph-common", "python3-rados"];
const APT_MS = 300_000;

/** Where Ceph's programs lie, and what they need in their environment. */
export interface CephPackages {
  readonly bin: string;
  /** Folder of the plug-ins: `erasure-code` and `rados-classes` are below `ceph/`. */
  readonly lib: string;
  readonly env: Readonly<Record<string, string>>;
}

/**
 * Ceph's Debian packages, unpacked into the cache folder and not installed: no root is needed, no
 * script of a package runs. Sizes and hashes are checked by apt.
 */
export async function cephPackages(
  say: (text: string) => void = () => undefined,
): Promise<CephPackages> {
  const folder = await broughtOnce("ceph", (into) => {
    say("downloading Ceph's packages by apt …");
    const debs = `${into}.debs`;
    rmSync(debs, { recursive: true, force: true });
    mkdirSync(debs, { recursive: true });
    const { names, options } = missingPackages(debs);
    run("apt-get", [...options, "download", "-qq", ...names], debs);
    for (const file of readdirSync(debs).filter((name) => name.endsWith(".deb"))) {
      run("dpkg", ["-x", join(debs, file), into], debs);
    }
    rmSync(debs, { recursive: true, force: true });
  });
  return laidOut(folder);
}

/** `name=version` of everything that is not installed here, and how apt has to be called. */
function missingPackages(work: string): { names: string[]; options: string[] } {
  const system = missingBy([]);
  if (system.length > 0) return { names: system, options: [] };
  // This machine's package lists are absent or too old: fetch own ones, which needs no root.
  for (const dir of ["state/lists/partial", "cache/archives/partial"]) {
    mkdirSync(join(work, "apt", dir), { recursive: true });
  }
  const options = [
    ...["-o", `Dir::State=${join(work, "apt/state")}`],
    ...["-o", `Dir::Cache=${join(work, "apt/cache")}`],
    ...["-o", "Dir::State::status=/var/lib/dpkg/status"],
  ];
  run("apt-get", [...options, "update", "-qq"], work);
  const names = missingBy(options);
  if (names.length === 0) throw new Error(`apt knows no ${WANTED.join(", ")}`);
  return { names, options };
}

function missingBy(options: readonly string[]): string[] {
  const args = [...options, "install", "-y", "--no-install-recommends", "--print-uris", ...WANTED];
  const asked = spawnSync("apt-get", args, { encoding: "utf8", timeout: APT_MS });
  if (asked.status !== 0) return [];
  // 'http://…/x.deb' name_version_arch.deb size hash
  const files = [...asked.stdout.matchAll(/^'[^']+' (\S+)\.deb \d+ /gm)];
  return files.flatMap(([, file = ""]) => {
    const [name, version] = file.split("_");
    return version === undefined ? [] : [`${name}=${version.replaceAll("%3a", ":")}`];
  });
}

function run(program: string, args: readonly string[], cwd: string): void {
  const done = spawnSync(program, args, { cwd, encoding: "utf8", timeout: APT_MS });
  if (done.status === 0) return;
  throw new Error(`${program} ${args[0]} ended with ${done.status}:\n${done.stdout}${done.stderr}`);
}

function laidOut(root: string): CephPackages {
  const arch = readdirSync(join(root, "usr/lib")).find((name) =>
    existsSync(join(root, "usr/lib", name, "ceph/erasure-code")),
  );
  if (arch === undefined) throw new Error(`${root} holds no Ceph; remove it and try again`);
  const lib = join(root, "usr/lib", arch);
  return {
    bin: join(root, "usr/bin"),
    lib,
    env: {
      LD_LIBRARY_PATH: [lib, join(lib, "ceph"), join(root, "lib", arch)].join(":"),
      PYTHONPATH: join(root, "usr/lib/python3/dist-packages"),
    },
  };
}
