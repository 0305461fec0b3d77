import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, onTestFinished, test } from "vitest";
import { run } from "./strace.ts";

const CALLS = 40;

interface Call {
  readonly text: string;
  readonly begun: number;
  readonly ended: number;
}

/** Calls with the lines of the trace where they began and ended, threads taken apart. */
function callsOf(trace: string): readonly Call[] {
  const open = new Map<string, { text: string; begun: number }>();
  const calls: Call[] = [];
  for (const [line, text] of trace.split("\n").entries()) {
    const thread = /^\d+/.exec(text)?.[0] ?? "";
    const before = open.get(thread);
    if (text.includes("<unfinished")) open.set(thread, { text, begun: line });
    else if (text.includes(" resumed>") && before !== undefined) {
      calls.push({ ...before, ended: line });
      open.delete(thread);
    } else calls.push({ text, begun: line, ended: line });
  }
  return calls;
}

test("a shared fsync of a folder began after each call that it answers", async () => {
  const folder = await mkdtemp(join(tmpdir(), "bulk-archiver-fsync-"));
  onTestFinished(() => rm(folder, { recursive: true }));
  const log = join(folder, "trace");
  const caller = fileURLToPath(new URL("./fs-sync-caller.ts", import.meta.url));
  const traced = ["-f", "-q", "-y", "-o", log, "-e", "trace=fsync,write"];
  // Slow fsyncs, so that calls come while one is running.
  const slow = ["-e", "inject=fsync:delay_exit=20000"];
  await run("strace", [...traced, ...slow, process.execPath, caller, folder, String(CALLS)]);
  const calls = callsOf(await readFile(log, "utf8"));
  const syncs = calls.filter((c) => c.text.includes("fsync("));
  for (let i = 0; i < CALLS; i++) {
    const called = calls.find((c) => c.text.includes(`"call ${i}.`));
    const done = calls.find((c) => c.text.includes(`"done ${i}.`));
    if (called === undefined || done === undefined)
      throw new Error(`call ${i} is not in the trace`);
    const between = syncs.filter((s) => s.begun > called.ended && s.ended < done.begun);
    expect(between.length, `fsyncs during call ${i}`).toBeGreaterThan(0);
  }
  expect(syncs.length, "and they are shared").toBeLessThan(CALLS);
});
