import { type ChildProcess, spawn } from "node:child_process";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";

const MAIN = fileURLToPath(new URL("../../src/main.ts", import.meta.url));

export interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface Started {
  readonly child: ChildProcess;
  readonly ended: Promise<Ended>;
  /** Resolves when stderr holds the text; rejects when the process ended without it. */
  said(text: string): Promise<void>;
}

export interface CliOptions {
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
  /** Another installation's. @default src/main.ts */
  readonly main?: string;
  /** A command that runs it, and ends as it ends. */
  readonly under?: readonly string[];
}

/** `node src/main.ts …` as a process of its own. */
export function start(
  argv: readonly string[],
  { cwd, env = {}, main = MAIN, under = [] }: CliOptions = {},
): Started {
  const words = [...under, process.execPath, main, ...argv];
  const child = spawn(words[0] ?? "", words.slice(1), {
    cwd: cwd ?? process.cwd(),
    env: { ...process.env, ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let [stdout, stderr] = ["", ""];
  child.stdout.setEncoding("utf8").on("data", (text: string) => (stdout += text));
  child.stderr.setEncoding("utf8").on("data", (text: string) => (stderr += text));
  const ended = new Promise<Ended>((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (code, signal) => resolve({ code, signal, stdout, stderr }));
  });
  const said = (text: string): Promise<void> =>
    new Promise((resolve, reject) => {
      const look = (): void => {
        if (stderr.includes(text)) resolve();
      };
      child.stderr.on("data", look);
      child.on("close", () => reject(new Error(`ended without saying ${text}:\n${stderr}`)));
      look();
    });
  return { child, ended, said };
}

export const cli = (argv: readonly string[], options?: CliOptions): Promise<Ended> =>
  start(argv, options).ended;

/** SIGKILL as soon as `due`; rejects when the command came to its end before. */
export async function killedWhen(
  due: () => boolean,
  argv: readonly string[],
  options?: CliOptions,
): Promise<void> {
  const running = start(argv, options);
  while (running.child.exitCode === null && !due()) await sleep(1);
  running.child.kill("SIGKILL");
  const { signal, code, stderr } = await running.ended;
  if (signal !== "SIGKILL") throw new Error(`it ended with ${code} before: ${stderr}`);
}
