import { type ChildProcess, execFileSync, spawn, spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, readdirSync, rmdirSync } from "node:fs";
import { rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, dirname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { writeEtc } from "./etc.ts";

const CHECKOUT = fileURLToPath(new URL("../../../", import.meta.url));
const SCRIPT = fileURLToPath(new URL("root.sh", import.meta.url));
const NAMESPACES = ["--pid", "--mount", "--uts", "--ipc", "--cgroup"];
const ENTER = ["-m", "-p", "-u", "-i", "-C"];
const ENV = { PATH: "/usr/local/bin:/usr/bin:/bin", LANG: "C.UTF-8", SYSTEMD_COLORS: "0" };

export interface Ended {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** One line of the journal; more fields than these are there. */
export interface JournalLine {
  readonly MESSAGE: string;
  readonly PRIORITY: string;
  readonly SYSLOG_IDENTIFIER: string;
  readonly _PID: string;
}

/**
 * A real systemd as the first process of namespaces of its own, with a journal. It has its own /etc,
 * /run, /tmp, /var and /dev; of the host it has /usr and this checkout, both read-only, and the network.
 * Needs root: the mounts, and a cgroup of its own.
 */
export class BootedSystemd {
  readonly #dir: string;
  readonly #cgroup: string;
  readonly #child: ChildProcess;
  #init = "";

  private constructor(dir: string, cgroup: string, child: ChildProcess) {
    this.#dir = dir;
    this.#cgroup = cgroup;
    this.#child = child;
  }

  /** With the units of these files, none of them started. */
  static async boot(services: readonly string[]): Promise<BootedSystemd> {
    if (process.getuid?.() !== 0)
      throw new Error("to boot systemd these tests have to run as root");
    const dir = mkdtempSync(join(tmpdir(), "archiver-systemd-"));
    const [root, etc] = [join(dir, "root"), join(dir, "etc")];
    mkdirSync(root);
    writeEtc(etc, services);
    const cgroup = join(ownCgroup(), basename(dir));
    mkdirSync(cgroup);
    const enter = 'echo $$ > "$1/cgroup.procs"; shift; exec "$@"';
    const unshare = [
      "unshare",
      ...NAMESPACES,
      "--fork",
      "--kill-child",
      "--propagation",
      "private",
    ];
    const script = ["sh", SCRIPT, root, CHECKOUT, process.execPath, etc];
    const child = spawn("sh", ["-c", enter, "sh", cgroup, ...unshare, ...script], {
      stdio: ["ignore", "ignore", "pipe"],
    });
    let said = "";
    child.stderr.setEncoding("utf8").on("data", (text: string) => (said += text));
    const booted = new BootedSystemd(dir, cgroup, child);
    try {
      await booted.#running(() => said);
    } catch (error) {
      await booted.close();
      throw error;
    }
    return booted;
  }

  async #running(said: () => string): Promise<void> {
    for (const until = Date.now() + 30_000; Date.now() < until; await sleep(100)) {
      const { pid = 0, exitCode } = this.#child;
      if (exitCode !== null) throw new Error(`systemd did not begin: ${said()}`);
      this.#init = readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").trim();
      if (this.#init === "" || !isSystemd(this.#init)) continue;
      if (this.run("systemctl", "is-system-running").stdout.trim() === "running") return;
    }
    throw new Error(`systemd is not up after 30 s: ${said()}`);
  }

  /** Runs a program beside the services; answers how it ended. */
  run(command: string, ...args: readonly string[]): Ended {
    return this.#enter([command, ...args]);
  }

  #enter(words: readonly string[], input?: string): Ended {
    const args = ["-t", this.#init, ...ENTER, "--", ...words];
    return spawnSync("nsenter", args, { encoding: "utf8", env: ENV, input, timeout: 90_000 });
  }

  /** `systemctl`, which has to succeed. */
  control(...args: readonly string[]): string {
    const { status, stdout, stderr } = this.run("systemctl", "--no-pager", ...args);
    if (status === 0) return stdout;
    const journal = this.run("journalctl", "-n", "40", "--no-pager").stdout;
    throw new Error(`systemctl ${args.join(" ")} ended with ${status}: ${stderr}\n${journal}`);
  }

  /** A property of a unit as `systemctl show` has it. */
  property(unit: string, name: string): string {
    return this.control("show", unit, "--value", "-p", name).trim();
  }

  /** Waits until a property is as wanted. */
  async until(unit: string, name: string, wanted: RegExp, ms = 60_000): Promise<string> {
    for (const end = Date.now() + ms; ; await sleep(100)) {
      const value = this.property(unit, name);
      if (wanted.test(value)) return value;
      if (Date.now() > end) throw new Error(`${name} of ${unit} is ${value}, not ${wanted.source}`);
    }
  }

  /** Writes a file there, and the folder that it is in. */
  put(path: string, text: string): void {
    const script = 'mkdir -p "$1" && cat > "$2"';
    const { status, stderr } = this.#enter(["sh", "-c", script, "sh", dirname(path), path], text);
    if (status !== 0) throw new Error(`${path}: ${stderr}`);
  }

  /** What the unit's processes wrote, and what systemd says of the unit. */
  journal(unit: string): JournalLine[] {
    const out = this.run("journalctl", "-u", unit, "-o", "json", "--no-pager").stdout;
    const lines = out.split("\n").filter((line) => line !== "");
    return lines.map((line) => JSON.parse(line) as JournalLine);
  }

  async close(): Promise<void> {
    // The kernel ends everything in a process namespace with its first process.
    if (this.#child.exitCode === null) {
      const gone = new Promise((resolve) => this.#child.once("exit", resolve));
      if (this.#init !== "") process.kill(Number(this.#init), "SIGKILL");
      else this.#child.kill("SIGKILL");
      await gone;
    }
    removeCgroup(this.#cgroup);
    await rm(this.#dir, { recursive: true, force: true });
  }
}

const isSystemd = (pid: string): boolean =>
  readFileSync(`/proc/${pid}/comm`, "utf8").trim() === "systemd";

/** The folder of this process's cgroup of version 2, beside which version 1 may be there too. */
function ownCgroup(): string {
  const mounted = execFileSync("findmnt", ["-n", "-t", "cgroup2", "-o", "TARGET"], {
    encoding: "utf8",
  });
  const own = /^0::(.*)$/m.exec(readFileSync("/proc/self/cgroup", "utf8"))?.[1] ?? "/";
  return join(mounted.split("\n")[0] ?? "", own);
}

function removeCgroup(path: string): void {
  for (const entry of readdirSync(path, { withFileTypes: true })) {
    if (entry.isDirectory()) removeCgroup(join(path, entry.name));
  }
  rmdirSync(path);
}
