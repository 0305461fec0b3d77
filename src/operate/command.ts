import type { Config } from "../config/config.ts";
import type { Clock, Random } from "../core/ports.ts";
import type { Arguments } from "./arguments.ts";
import type { ExitCode } from "./exit-code.ts";
import type { Output } from "./output.ts";

/** One option of a command; `flags` as commander takes them: `--sink <name>`. */
export interface CommandOption {
  readonly flags: string;
  readonly text: string;
  /** May be given several times. */
  readonly repeat?: boolean;
  readonly required?: boolean;
  /** @throws ArchiverError `usage`; what it returns is what `Arguments` answers. */
  readonly parse?: (text: string) => unknown;
}

/**
 * One command, one file. `--config`, `--json`, `--debug` and `--help` come with every command and are
 * not listed in `options`.
 */
export interface Command {
  readonly name: string;
  /** One line for the list of commands. */
  readonly summary: string;
  /** Paragraphs for its own help. */
  readonly details?: string;
  readonly options: readonly CommandOption[];
  /** One word behind the name, from a few; `Arguments` answers it by its name. */
  readonly argument?: { readonly name: string; readonly choices: readonly string[] };
  /** Whole command lines. */
  readonly examples: readonly string[];
  /** File in docs/schema/ that describes what `--json` prints; null: it has no `--json`. */
  readonly schema: string | null;
  /** A signal does not interrupt it but ends it in order, with code 0. */
  readonly drains?: boolean;
  /** @throws anything; ArchiverError decides the exit code by its own table. */
  run(args: Arguments, context: CommandContext): Promise<ExitCode>;
}

/** What the work of a command needs of that, apart from what is printed at its end. */
export type WorkPorts = Pick<CommandContext, "clock" | "tool"> & {
  readonly out: Pick<Output, "stderr">;
};

/** What a command gets from outside. */
export interface CommandContext {
  /** Loads and checks the configuration file; the same object every time. @throws ConfigError */
  config(): Promise<Config>;
  readonly out: Output;
  /** Name and version of this program. */
  readonly tool: string;
  readonly version: string;
  readonly env: NodeJS.ProcessEnv;
  readonly clock: Clock;
  readonly random: Random;
  /** Aborts at the first SIGINT or SIGTERM. */
  readonly signal: AbortSignal;
}
