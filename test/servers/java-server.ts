import { type ChildProcess, spawn } from "node:child_process";
import { closeSync, cpSync, openSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { gone } from "./server-process.ts";
import type { SmallDisk } from "./small-disk.ts";

const START_MS = 120_000;
const LOOK_MS = 100;

/** A server of one Java process, with its data in a folder of its own; `logs` is there. */
export abstract class JavaServer {
  readonly #name: string;
  readonly #dir: string;
  /** Where the folder has one of its own. */
  readonly disk: SmallDisk | undefined;
  #child: ChildProcess | undefined;

  protected constructor(name: string, dir: string, disk?: SmallDisk) {
    this.#name = name;
    this.#dir = dir;
    this.disk = disk;
  }

  /** Of `java`. */
  protected abstract arguments(): readonly string[];
  /** @param log all that this start wrote */
  protected abstract ready(log: string): Promise<boolean>;

  get pid(): number {
    return this.#child?.pid ?? -1;
  }

  /** Connections stay open, nothing is answered. */
  freeze(): void {
    this.#child?.kill("SIGSTOP");
  }

  thaw(): void {
    this.#child?.kill("SIGCONT");
  }

  async kill(): Promise<void> {
    if (this.#child === undefined) return;
    this.#child.kill("SIGKILL");
    await gone(this.#child);
  }

  /** On the same ports and data. */
  async restart(): Promise<void> {
    await this.kill();
    await this.#launch();
  }

  /** Keeps a copy of all that is on its disk; what it answers puts that in place of everything. */
  async snapshot(): Promise<() => Promise<void>> {
    await this.kill();
    cpSync(this.#dir, this.#copy, { recursive: true });
    await this.#launch();
    return async () => {
      await this.kill();
      // The folder itself stays: it may be where a disk is mounted.
      for (const name of readdirSync(this.#dir)) rmSync(join(this.#dir, name), { recursive: true });
      cpSync(this.#copy, this.#dir, { recursive: true });
      await this.#launch();
    };
  }

  get #copy(): string {
    return `${this.#dir}.copy`;
  }

  async stop(): Promise<void> {
    await this.kill();
    this.disk?.unmount();
    for (const dir of [this.#dir, this.#copy]) rmSync(dir, { recursive: true, force: true });
  }

  /** Stopped, with nothing left, where it does not start. */
  protected async begin(): Promise<this> {
    try {
      await this.#launch();
      return this;
    } catch (error) {
      await this.stop();
      throw error;
    }
  }

  async #launch(): Promise<void> {
    const logPath = join(this.#dir, "logs", "out.log");
    const log = openSync(logPath, "w");
    const child = spawn("java", this.arguments(), {
      stdio: ["ignore", log, log],
      detached: true,
    });
    closeSync(log);
    this.#child = child;
    for (let waited = 0; waited < START_MS && child.exitCode === null; waited += LOOK_MS) {
      if (await this.ready(readFileSync(logPath, "utf8"))) return;
      await sleep(LOOK_MS);
    }
    const tail = readFileSync(logPath, "utf8").split("\n").slice(-25).join("\n");
    throw new Error(`${this.#name} did not start; its log ends:\n${tail}`);
  }
}
