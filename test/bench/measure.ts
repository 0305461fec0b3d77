import { type ChildProcess, spawn } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";

/** What the operating system counted for a process or a tree of them. */
export interface Cost {
  readonly wallSeconds: number;
  /** User and system, all threads. */
  readonly cpuSeconds: number;
  readonly peakMb: number;
}

const TICKS_PER_SECOND = 100;

/** CPU of a live process with all its threads, and its peak memory; from /proc. */
export function costOf(pid: number): { cpuSeconds: number; peakMb: number } {
  const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  const ticks = Number(fields[11]) + Number(fields[12]);
  const peak = /VmHWM:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1];
  return { cpuSeconds: ticks / TICKS_PER_SECOND, peakMb: Number(peak ?? 0) / 1024 };
}

/** Runs a shell line to its end; CPU by the shell's own `times`, memory as the tree's greatest sum. */
export async function measured(line: string): Promise<Cost> {
  const began = performance.now();
  const child = spawn("bash", ["-c", `set -e\n${line}\ntimes`], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const memory = watchTree(child);
  let out = "";
  child.stdout.on("data", (b: Buffer) => {
    out += b.toString("utf8");
  });
  const code = await new Promise<number | null>((resolve) => child.once("close", resolve));
  if (code !== 0) throw new Error(`"${line}" ended with ${code}`);
  const wallSeconds = (performance.now() - began) / 1000;
  const children = out.trim().split("\n").at(-1) ?? "";
  const cpuSeconds = [...children.matchAll(/(\d+)m([\d.]+)s/g)]
    .map(([, m, s]) => Number(m) * 60 + Number(s))
    .reduce((a, b) => a + b, 0);
  return { wallSeconds, cpuSeconds, peakMb: await memory };
}

async function watchTree(root: ChildProcess): Promise<number> {
  let peak = 0;
  while (root.exitCode === null && root.signalCode === null) {
    peak = Math.max(peak, treeMb(root.pid ?? -1));
    await sleep(100);
  }
  return peak;
}

function treeMb(root: number): number {
  const parents = new Map<number, number>();
  const rss = new Map<number, number>();
  for (const name of readdirSync("/proc")) {
    if (!/^\d+$/.test(name)) continue;
    try {
      const status = readFileSync(`/proc/${name}/status`, "utf8");
      parents.set(Number(name), Number(/PPid:\s+(\d+)/.exec(status)?.[1] ?? 0));
      rss.set(Number(name), Number(/VmRSS:\s+(\d+) kB/.exec(status)?.[1] ?? 0) / 1024);
    } catch (error) {
      // It ended between the listing and the look.
      if (
        (error as NodeJS.ErrnoException).code !== "ENOENT" &&
        (error as NodeJS.ErrnoException).code !== "ESRCH"
      )
        throw error;
    }
  }
  let sum = 0;
  for (const [pid, mb] of rss) {
    for (let up = pid; up > 1; up = parents.get(up) ?? 0) {
      if (up === root) {
        sum += mb;
        break;
      }
    }
  }
  return sum;
}
