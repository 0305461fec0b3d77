import { type ChildProcess, spawn } from "node:child_process";
import { closeSync, openSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

/** The product's command, run as a user runs it: in processes of its own. */
export class ArchiverCommand {
  readonly #main: string;
  readonly #config: string;
  readonly #log: string;
  #daemon: ChildProcess | null = null;
  #expected = false;

  constructor(root: string, config: string, log: string) {
    this.#main = join(root, "src/main.ts");
    this.#config = config;
    this.#log = log;
  }

  get pid(): number {
    return this.#daemon?.pid ?? -1;
  }

  start(): void {
    const log = openSync(this.#log, "a");
    this.#expected = false;
    this.#daemon = spawn(process.execPath, [this.#main, "run", "--config", this.#config], {
      stdio: ["ignore", log, log],
      detached: true,
    });
    closeSync(log);
  }

  /** @throws Error with the end of the log, when the daemon ended by itself */
  refuseDead(): void {
    if (this.#daemon === null || this.#expected || this.#daemon.exitCode === null) return;
    const tail = readFileSync(this.#log, "utf8").split("\n").slice(-15).join("\n");
    throw new Error(`the daemon ended with ${this.#daemon.exitCode}; its log ends:\n${tail}`);
  }

  kill(): Promise<void> {
    return this.#end("SIGKILL");
  }

  drain(): Promise<void> {
    return this.#end("SIGTERM");
  }

  killNow(): void {
    this.#daemon?.kill("SIGKILL");
  }

  /** The daemon outlives this process. */
  letGo(): void {
    this.#daemon?.unref();
    this.#daemon = null;
  }

  async #end(signal: NodeJS.Signals): Promise<void> {
    const daemon = this.#daemon;
    if (daemon === null) return;
    this.#expected = true;
    daemon.kill(signal);
    while (daemon.exitCode === null && daemon.signalCode === null) await sleep(20);
    this.#daemon = null;
  }

  /** Runs a command to its end; its standard output. */
  async run(args: readonly string[], codes: readonly number[] = [0]): Promise<string> {
    const child = this.#spawn(args);
    const out: Buffer[] = [];
    child.stdout?.on("data", (b: Buffer) => out.push(b));
    const code = await ended(child);
    if (code === null || !codes.includes(code)) throw new Error(`${args[0]} ended with ${code}`);
    return Buffer.concat(out).toString("utf8");
  }

  /** The first lines of a command's output; then the pipe is closed, as `head` does. */
  async head(args: readonly string[], lines: number): Promise<string> {
    const child = this.#spawn(args);
    let text = "";
    for await (const chunk of child.stdout ?? []) {
      text += String(chunk);
      if (text.split("\n").length > lines) break;
    }
    child.stdout?.destroy();
    await ended(child);
    return text.split("\n").slice(0, lines).join("\n");
  }

  #spawn(args: readonly string[]): ChildProcess {
    const config = args[0] === "keygen" ? [] : ["--config", this.#config];
    return spawn(process.execPath, [this.#main, ...args, ...config], {
      stdio: ["ignore", "pipe", "inherit"],
    });
  }
}

const ended = (child: ChildProcess): Promise<number | null> =>
  new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (code) => resolve(code));
  });
