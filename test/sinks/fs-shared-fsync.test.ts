import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { offsetName } from "../../src/core/layout.ts";
import { IDENTITY } from "../../src/sdk/conformance-batches.ts";
import { openSink } from "./fs-place.ts";
import { run } from "./strace.ts";

const BATCHES = 40;

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

test("a shared fsync of a folder began after every name that it answers for", async () => {
  const address = await mkdtemp(join(tmpdir(), "bulk-archiver-fsync-"));
  const never = new AbortController().signal;
  await (await openSink(address)).claim(IDENTITY, never);
  const log = join(address, "trace");
  const writer = fileURLToPath(new URL("./fs-parallel-writer.ts", import.meta.url));
  const traced = ["-f", "-q", "-y", "-o", log, "-e", "trace=fsync,?link,?linkat,write"];
  await run("strace", [...traced, process.execPath, writer, address, String(BATCHES)]);
  const calls = callsOf(await readFile(log, "utf8"));
  const syncs = calls.filter((c) => /fsync\(.*\/data\/.*\/00000000000>/.test(c.text));
  for (let i = 0; i < BATCHES; i++) {
    const start = BigInt(i) * 10n;
    const named = calls.find((c) => c.text.includes(`/${offsetName(start)}.log.zst"`));
    const acked = calls.find((c) => c.text.includes(`"ack ${start}.`));
    expect(named && acked, `batch ${i}`).toBeDefined();
    if (named === undefined || acked === undefined) continue;
    const between = syncs.filter((s) => s.begun > named.ended && s.ended < acked.begun);
    expect(between.length, `fsyncs between name and answer of batch ${i}`).toBeGreaterThan(0);
  }
  expect(syncs.length, "and they are shared").toBeLessThan(BATCHES);
  await rm(address, { recursive: true });
});
