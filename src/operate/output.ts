import type { Writable } from "node:stream";
import { z } from "zod";
import { ArchiverError } from "../core/errors.ts";
import { stringify } from "../core/json.ts";
import type { Secret } from "../core/secret.ts";
import { redactor } from "../observe/log.ts";
import { ConfigError } from "../config/problems.ts";
import { writeChunks } from "./chunk-output.ts";

export interface OutputOptions {
  readonly stdout: Writable & { readonly isTTY?: boolean };
  readonly stderr: Writable & { readonly isTTY?: boolean };
  readonly json: boolean;
  /** Stack traces with errors. */
  readonly debug: boolean;
}

/** stdout is for what was asked for, stderr for everything about it. */
export class Output {
  readonly json: boolean;
  readonly stdout: OutputOptions["stdout"];
  readonly stderr: OutputOptions["stderr"];
  readonly #debug: boolean;
  #wrote = false;
  #redact: (text: string) => string = (text) => text;

  constructor(options: OutputOptions) {
    ({ json: this.json, stdout: this.stdout, stderr: this.stderr, debug: this.#debug } = options);
  }

  /** The one document of `--json`. */
  async document(value: unknown): Promise<void> {
    await this.stream([`${stringify(value, 2)}\n`]);
  }

  /** For people, on stdout. */
  async text(lines: string | readonly string[]): Promise<void> {
    await this.stream([`${typeof lines === "string" ? lines : lines.join("\n")}\n`]);
  }

  /** At the reader's pace; `closed` when the reader went away, which is no failure. */
  async stream(
    parts: Iterable<string | Uint8Array> | AsyncIterable<string | Uint8Array>,
  ): Promise<"written" | "closed"> {
    this.#wrote = true;
    return writeChunks(bytesOf(parts), this.stdout);
  }

  /** From now on these values are cut out of errors, whoever wrote their text. */
  hide(secrets: readonly Secret[]): void {
    this.#redact = redactor(secrets);
  }

  /** A remark beside the result. */
  note(text: string): void {
    this.stderr.write(`${text}\n`);
  }

  /** What went wrong and what to do about it; with `--json` as a document too, if none was begun. */
  async error(error: unknown): Promise<void> {
    for (const line of errorLines(error, this.#debug)) this.stderr.write(`${this.#redact(line)}\n`);
    if (!this.json || this.#wrote) return;
    await this.stream([this.#redact(`${stringify(errorDocument(error), 2)}\n`)]);
  }
}

async function* bytesOf(
  parts: Iterable<string | Uint8Array> | AsyncIterable<string | Uint8Array>,
): AsyncGenerator<Uint8Array> {
  for await (const part of parts) yield typeof part === "string" ? Buffer.from(part, "utf8") : part;
}

const UNEXPECTED = "Report it with --debug's output: this is a fault of the program.";

function errorLines(error: unknown, debug: boolean): string[] {
  const message = error instanceof Error ? error.message : String(error);
  const next = error instanceof ArchiverError ? error.next : UNEXPECTED;
  const lines = [...message.split("\n").map((line) => `bulk-archiver: ${line}`), `next: ${next}`];
  if (debug && error instanceof Error) lines.push(...chain(error));
  return lines;
}

function chain(error: Error): string[] {
  const lines: string[] = [];
  let at: unknown = error;
  for (let depth = 0; at instanceof Error && depth < 8; depth++) {
    lines.push(`${depth === 0 ? "" : "caused by: "}${at.stack ?? at.message}`);
    at = at.cause;
  }
  return lines;
}

/** What `--json` prints when a command fails before it printed anything. */
export const errorReport = z.strictObject({
  error: z.strictObject({
    code: z.string().describe("docs/errors.md lists them; `unexpected`: a fault of the program"),
    message: z.string(),
    next: z.string().describe("What to do"),
    problems: z
      .array(
        z.strictObject({
          file: z.string(),
          line: z.int().min(1),
          column: z.int().min(1),
          path: z.string(),
          message: z.string(),
        }),
      )
      .optional()
      .describe("Of the configuration file"),
  }),
});

function errorDocument(error: unknown): z.output<typeof errorReport> {
  const message = error instanceof Error ? error.message : String(error);
  if (!(error instanceof ArchiverError))
    return { error: { code: "unexpected", message, next: UNEXPECTED } };
  const { code, next } = error;
  const problems = error instanceof ConfigError ? { problems: [...error.problems] } : {};
  return { error: { code, message, next, ...problems } };
}
