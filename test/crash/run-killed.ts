import { fileURLToPath } from "node:url";
import { cli } from "../operate/cli-process.ts";
import type { Death } from "./life.ts";
import { DIED, type Ran } from "./scenario.ts";

const DYING = fileURLToPath(new URL("./dying.ts", import.meta.url));

/** A command line in a process of its own, which kills itself with SIGKILL, unless it never comes there. */
export async function runKilled(death: Death, argv: readonly string[]): Promise<Ran> {
  const env = { DIES_AT: JSON.stringify(death) };
  const { signal, code, ...said } = await cli(argv, { main: DYING, env });
  if (signal !== null && signal !== "SIGKILL") throw new Error(`it was ended by ${signal}`);
  return { code: code ?? DIED, ...said };
}
