import { spawn } from "node:child_process";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const WRITER = fileURLToPath(new URL("./fs-fault-writer.ts", import.meta.url));

export interface Traced {
  /** How often the writer saw which error code, and the last message. */
  readonly codes: Readonly<Record<string, number>>;
  readonly text: string;
  /** The system calls, one a line, with the paths of their descriptors. */
  readonly calls: readonly string[];
}

/** Runs `fs-fault-writer.ts` under strace, which lets chosen system calls fail. */
export async function traced(
  address: string,
  calls: string,
  inject: string | undefined,
  writer: { readonly count: number; readonly tries: number },
  only?: string,
): Promise<Traced> {
  const log = join(address, "trace");
  const faults = inject === undefined ? [] : ["-e", `inject=${calls}:${inject}`];
  const output = await run("strace", [
    "-f",
    "-q",
    "-y",
    "-o",
    log,
    "-e",
    `trace=${calls}`,
    ...faults,
    ...(only === undefined ? [] : ["-P", only]),
    process.execPath,
    WRITER,
    address,
    String(writer.count),
    String(writer.tries),
  ]);
  const { codes, text } = JSON.parse(output) as Pick<Traced, "codes" | "text">;
  return { codes, text, calls: (await readFile(log, "utf8")).split("\n") };
}

/** Standard output of a command that has to succeed. */
export function run(command: string, args: readonly string[]): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { stdio: ["ignore", "pipe", "pipe"] });
    const out: Buffer[] = [];
    const err: Buffer[] = [];
    child.stdout.on("data", (piece: Buffer) => out.push(piece));
    child.stderr.on("data", (piece: Buffer) => err.push(piece));
    child.once("error", (cause) =>
      reject(
        new Error(`${command} does not start; install it (apt-get install ${command})`, { cause }),
      ),
    );
    child.once("close", (code) => {
      if (code === 0) resolve(Buffer.concat(out).toString());
      else reject(new Error(`${command} ended with ${code}: ${Buffer.concat(err).toString()}`));
    });
  });
}
