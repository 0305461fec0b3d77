#!/usr/bin/env node
import { enableCompileCache, getCompileCacheDir } from "node:module";

/** The only file that ends the process. */
// Before anything else is loaded, which is why the rest is imported by calls: a start then costs half.
enableCompileCache();
// Threads ask the environment, not the one who started them.
const cache = getCompileCacheDir();
if (cache !== undefined) process.env["NODE_COMPILE_CACHE"] ??= cache;
const { commands } = await import("./operate/commands.ts");
const { runCli } = await import("./operate/cli.ts");
const { EXIT } = await import("./operate/exit-code.ts");

const stop = new AbortController();
let signals = 0;
for (const name of ["SIGINT", "SIGTERM"] as const) {
  process.on(name, () => {
    signals += 1;
    // Who asks twice does not want to wait for what is under way; nothing depends on a clean end.
    if (signals > 1) process.exit(EXIT.interrupted);
    stop.abort(new Error(`interrupted by ${name}`));
  });
}

// Nobody reads what we say about it any more: the work itself goes on.
process.stderr.on("error", () => undefined);
// The same for help; where a command's result goes to, it looks for itself (chunk-output.ts).
process.stdout.on("error", () => undefined);
const { stdout, stderr, env } = process;
const code = await runCli(process.argv.slice(2), commands, {
  stdout,
  stderr,
  env,
  signal: stop.signal,
});
await Promise.all([flushed(stdout), flushed(stderr)]);
process.exit(code);

/** What a pipe has not taken yet would be lost by the exit. */
function flushed(stream: NodeJS.WriteStream): Promise<void> {
  return new Promise((resolve) => {
    if (stream.destroyed || !stream.writable) resolve();
    else stream.write("", () => resolve());
  });
}
