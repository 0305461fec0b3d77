import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, mkdirSync, openSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";

const MAIN = fileURLToPath(new URL("../../src/main.ts", import.meta.url));

/** A daemon in a process of its own, as an operator runs it; its log goes to a file. */
export class Daemon {
  readonly logPath: string;
  readonly #child: ChildProcess;
  readonly #exit: Promise<{ code: number | null; signal: NodeJS.Signals | null }>;

  private constructor(child: ChildProcess, logPath: string) {
    this.#child = child;
    this.logPath = logPath;
    this.#exit = once(child, "exit").then(([code, signal]) => ({
      code: code as number | null,
      signal: signal as NodeJS.Signals | null,
    }));
  }

  static start(
    config: string,
    logPath: string,
    env: Readonly<Record<string, string>> = {},
  ): Daemon {
    // Written by the daemon itself: when it is gone, all that it said is there.
    const log = openSync(logPath, "a");
    const child = spawn(process.execPath, [MAIN, "run", "--config", config], {
      env: { ...process.env, ...env },
      stdio: ["ignore", log, log],
    });
    closeSync(log);
    return new Daemon(child, logPath);
  }

  get pid(): number {
    return this.#child.pid ?? -1;
  }

  get running(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null;
  }

  signal(name: NodeJS.Signals): void {
    this.#child.kill(name);
  }

  /** Resolves when the process is gone; rejects after `ms`, with the end of its log. */
  async exited(ms: number): Promise<{ code: number | null; signal: NodeJS.Signals | null }> {
    const late = sleep(ms, null, { ref: false });
    const first = await Promise.race([this.#exit, late]);
    if (first !== null) return first;
    throw new Error(`the daemon did not exit within ${ms} ms; its log ends:\n${this.logTail()}`);
  }

  async kill(): Promise<void> {
    if (this.running) this.signal("SIGKILL");
    await this.exited(10_000);
  }

  /** SIGTERM, and the exit code 0 that a drained daemon owes. */
  async drain(ms = 30_000): Promise<void> {
    this.signal("SIGTERM");
    const { code, signal } = await this.exited(ms);
    if (code !== 0) throw new Error(`drained with ${code ?? signal}; log ends:\n${this.logTail()}`);
  }

  /** The kernel's view: `T` is stopped by a signal. */
  async stopped(ms: number): Promise<void> {
    for (let waited = 0; waited < ms; waited += 50) {
      const stat = readFileSync(`/proc/${this.pid}/stat`, "utf8");
      if (stat.slice(stat.lastIndexOf(")") + 2).startsWith("T")) return;
      await sleep(50);
    }
    throw new Error(`the daemon was not frozen within ${ms} ms; log ends:\n${this.logTail()}`);
  }

  /** Whether its log has it by now. */
  said(pattern: RegExp): boolean {
    return pattern.test(readFileSync(this.logPath, "utf8"));
  }

  logTail(): string {
    return readFileSync(this.logPath, "utf8").split("\n").slice(-25).join("\n");
  }
}

export interface ConfigOptions {
  readonly bootstrap: string;
  readonly group: string;
  readonly topics: readonly string[];
  readonly batchBytes?: string;
  readonly age?: string;
  readonly format?: "segment" | "ndjson";
  readonly memory?: string;
  readonly sinks?: readonly string[];
  readonly instanceId?: string;
  /** @default 6s, the least that brokers allow */
  readonly sessionTimeout?: string;
  readonly recipient?: string;
  readonly seedFile?: string;
  readonly extra?: string;
}

/** Writes a configuration file into `dir` and answers its path. */
export function writeConfig(dir: string, name: string, o: ConfigOptions): string {
  mkdirSync(dir, { recursive: true });
  const sinks = o.sinks ?? ["files"];
  const kafka = [
    `brokers: [${JSON.stringify(o.bootstrap)}]`,
    `sessionTimeout: ${o.sessionTimeout ?? "6s"}`,
    "heartbeat: 500ms",
    ...(o.instanceId === undefined ? [] : [`instanceId: ${o.instanceId}`]),
  ];
  const lines = [
    `kafka: { ${kafka.join(", ")} }`,
    `group: ${o.group}`,
    `topics: [${o.topics.join(", ")}]`,
    `batch: { bytes: ${o.batchBytes ?? "256KiB"}, age: ${o.age ?? "1s"} }`,
    `format: ${o.format ?? "segment"}`,
    `memory: ${o.memory ?? "64MiB"}`,
    ...(o.recipient === undefined
      ? []
      : [`encryption: { recipients: [${o.recipient}], seedFile: ${o.seedFile} }`]),
    "sinks:",
    ...sinks.map((s) => `  - { name: ${s}, kind: fs, path: ./${s} }`),
    ...(o.extra === undefined ? [] : [o.extra]),
  ];
  const path = join(dir, name);
  writeFileSync(path, `${lines.join("\n")}\n`);
  return path;
}
