import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { asInstalled } from "../core/installed.ts";

const WRITER = fileURLToPath(asInstalled(new URL("./conformance-writer.ts", import.meta.url)));

export interface Writer {
  /** The next line it printed; undefined when it ended. */
  line(): Promise<string | undefined>;
  tell(line: string): void;
  kill(): void;
  /** Its standard error, when it has ended. */
  readonly ended: Promise<string>;
}

/** Starts `conformance-writer.ts` in a process of its own. */
export function startWriter(module: URL, address: string, mode: string, number: number): Writer {
  const child = spawn(process.execPath, [WRITER, module.href, address, mode, String(number)]);
  let errors = "";
  child.stderr.on("data", (piece: Buffer) => (errors += piece.toString()));
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const ended = new Promise<string>((resolve, reject) => {
    child.once("error", reject);
    child.once("close", () => resolve(errors));
  });
  return {
    line: async () => {
      const next = await lines.next();
      return next.done === true ? undefined : next.value;
    },
    tell: (line) => child.stdin.write(`${line}\n`),
    kill: () => child.kill("SIGKILL"),
    ended,
  };
}
