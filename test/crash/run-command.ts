import { PassThrough } from "node:stream";
import { commands } from "../../src/operate/commands.ts";
import { runCli } from "../../src/operate/cli.ts";
import type { Life } from "./life.ts";
import { DIED, type Ran } from "./scenario.ts";

/** A command line, as `src/main.ts` runs it. */
export async function runCommand(
  life: Life,
  argv: readonly string[],
  signal = new AbortController().signal,
): Promise<Ran> {
  const texts = { stdout: "", stderr: "" };
  const pipe = (name: keyof typeof texts): PassThrough =>
    new PassThrough().on("data", (chunk: Buffer) => (texts[name] += chunk.toString()));
  const streams = { stdout: pipe("stdout"), stderr: pipe("stderr") };
  const code = await life.run(() => runCli(argv, commands, { ...streams, env: {}, signal }));
  return { code: code === "died" ? DIED : code, ...texts };
}
