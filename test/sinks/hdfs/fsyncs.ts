import { spawn } from "node:child_process";
import { once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";

/** strace tells of a call when it returns; these are the last ones to be told. */
const LINGER_MS = 300;

/** Paths that a running process fsynced during `run`, as the kernel saw it. */
export async function fsyncsOf(pid: number, run: () => Promise<void>): Promise<readonly string[]> {
  const args = ["-f", "-y", "-e", "trace=fsync,fdatasync", "-p", String(pid)];
  const strace = spawn("strace", args, { stdio: ["ignore", "ignore", "pipe"] });
  let text = "";
  const attached = new Promise<void>((resolve, reject) => {
    strace.stderr.on("data", (piece: Buffer) => {
      text += piece.toString();
      if (/attached/.test(text)) resolve();
    });
    strace.once("error", reject);
    strace.once("close", () => reject(new Error(`strace ended: ${text}`)));
  });
  await attached;
  try {
    await run();
    await sleep(LINGER_MS);
  } finally {
    strace.kill("SIGINT");
    await once(strace, "close");
  }
  return [...text.matchAll(/f(?:data)?sync\(\d+<([^>]+)>/g)].map((match) => match[1] ?? "");
}
