import { existsSync } from "node:fs";
import { Argument, Command as Commander, CommanderError, Option } from "commander";
import { builtInSinks } from "../../sinks/index.ts";
import type { Config } from "../config/config.ts";
import { loadConfig } from "../config/load.ts";
import { ArchiverError } from "../core/errors.ts";
import { nodeClock, nodeRandom } from "../daemon/node-ports.ts";
import { Arguments } from "./arguments.ts";
import type { Command, CommandContext, CommandOption } from "./command.ts";
import { EXIT, type ExitCode, exitCodeOf } from "./exit-code.ts";
import { Output, type OutputOptions } from "./output.ts";
import { TOOL, VERSION } from "./version.ts";

const DEFAULT_CONFIG = "./bulk-archiver.yaml";

/** What a command may take to clean up after a signal. */
const INTERRUPT_MS = 1_000;

export interface CliHost extends Pick<OutputOptions, "stdout" | "stderr"> {
  readonly env: NodeJS.ProcessEnv;
  /** Aborts at the first SIGINT or SIGTERM. */
  readonly signal: AbortSignal;
}

/** Runs one command line and answers the exit code; never throws and never exits. */
export async function runCli(
  argv: readonly string[],
  commands: readonly Command[],
  host: CliHost,
): Promise<ExitCode> {
  let code: ExitCode = EXIT.done;
  const program = buildProgram(commands, host, async (command, values) => {
    code = await runCommand(command, values, host);
  });
  try {
    await program.parseAsync([...argv], { from: "user" });
    return code;
  } catch (error) {
    // Help and version come this way too, and are printed already.
    if (error instanceof CommanderError && error.exitCode === 0) return EXIT.done;
    if (error instanceof CommanderError && error.code === "commander.help") return EXIT.usage;
    // Options are parsed outside of any command: what they refuse comes here.
    const refused = error instanceof CommanderError ? usageError(error) : error;
    const json = argv.includes("--json");
    await new Output({ ...host, json, debug: argv.includes("--debug") }).error(refused);
    return exitCodeOf(refused, host.signal.aborted);
  }
}

type Action = (command: Command, values: Record<string, unknown>) => Promise<void>;

function buildProgram(commands: readonly Command[], host: CliHost, action: Action): Commander {
  const program = new Commander("bulk-archiver")
    .description(
      "Moves Kafka topics into durable stores in bulk: every record once, the same bytes in every sink.",
    )
    .version(VERSION, "--version")
    .helpCommand(false)
    .showSuggestionAfterError(true)
    .exitOverride()
    .configureOutput({
      writeOut: (text) => host.stdout.write(text),
      writeErr: (text) => host.stderr.write(text),
      outputError: () => undefined,
    });
  for (const command of commands) addCommand(program, command, action);
  program.addHelpText(
    "after",
    "\nEvery command has --help with examples. Exit codes: 0 done, 1 unexpected failure,\n2 usage or configuration, 3 verification found a difference, 4 a needed service is\nunreachable, 130 interrupted.",
  );
  return program;
}

/** In one line, a suggestion behind it. */
function usageError(cause: CommanderError): ArchiverError {
  const text = cause.message.replace(/^error: /, "").replaceAll(/\s+/g, " ");
  return new ArchiverError("usage", text.trim(), { cause });
}

function addCommand(program: Commander, command: Command, action: Action): void {
  const sub = program
    .command(command.name)
    .summary(command.summary)
    .description(
      command.details === undefined ? command.summary : `${command.summary}\n\n${command.details}`,
    )
    .allowExcessArguments(false);
  for (const option of command.options) sub.addOption(commanderOption(option));
  for (const option of commonOptions(command)) sub.addOption(commanderOption(option));
  const examples = command.examples.map((line) => `  $ ${line}`).join("\n");
  sub.addHelpText("after", `\nExamples:\n${examples}`);
  const { argument } = command;
  if (argument !== undefined) {
    sub.addArgument(new Argument(`<${argument.name}>`).choices([...argument.choices]));
  }
  sub.action(async (given: unknown) => {
    const more = argument === undefined ? {} : { [argument.name]: given };
    return action(command, { ...sub.opts(), ...more });
  });
}

/** What every command has. */
export function commonOptions(command: Command): readonly CommandOption[] {
  return [
    { flags: "--config <file>", text: `configuration file (default ${DEFAULT_CONFIG})` },
    ...(command.schema === null ? [] : [{ flags: "--json", text: "one JSON document on stdout" }]),
    { flags: "--debug", text: "stack traces with errors" },
  ];
}

function commanderOption(o: CommandOption): Option {
  const option = new Option(o.flags, o.repeat === true ? `${o.text} (may be repeated)` : o.text);
  if (o.required === true) option.makeOptionMandatory();
  const { parse } = o;
  if (o.repeat === true) {
    return option.argParser((text: string, before: readonly unknown[] | undefined) => [
      ...(before ?? []),
      named(o, text),
    ]);
  }
  return parse === undefined ? option : option.argParser((text: string) => named(o, text));
}

/** An option's parse error, with the option's name. */
function named({ flags, parse }: CommandOption, text: string): unknown {
  if (parse === undefined) return text;
  try {
    return parse(text);
  } catch (error) {
    if (!(error instanceof ArchiverError)) throw error;
    throw new ArchiverError(error.code, `${flags.split(" ")[0]}: ${error.message}`, {
      cause: error,
    });
  }
}

async function runCommand(
  command: Command,
  values: Record<string, unknown>,
  host: CliHost,
): Promise<ExitCode> {
  const { env, signal, stdout, stderr } = host;
  const args = new Arguments(values);
  const out = new Output({ stdout, stderr, json: args.flag("json"), debug: args.flag("debug") });
  const config = configOnce(args.text("config"), env, out);
  const ports = { clock: nodeClock, random: nodeRandom };
  const context: CommandContext = {
    config,
    out,
    tool: TOOL,
    version: VERSION,
    env,
    signal,
    ...ports,
  };
  try {
    const running = command.run(args, context);
    if (command.drains === true) return await running;
    const code = await Promise.race([running, interruptedFor(INTERRUPT_MS, signal)]);
    if (!signal.aborted) return code;
    // Also where what could not be interrupted is not waited for.
    out.note("bulk-archiver: interrupted");
    return EXIT.interrupted;
  } catch (error) {
    const code = exitCodeOf(error, signal.aborted && command.drains !== true);
    if (code === EXIT.interrupted) out.note("bulk-archiver: interrupted");
    else await out.error(error);
    return code;
  }
}

/** Resolves some time after the signal: whatever cannot be interrupted is not waited for then. */
function interruptedFor(ms: number, signal: AbortSignal): Promise<ExitCode> {
  return new Promise((resolve) => {
    const later = (): void => void setTimeout(() => resolve(EXIT.interrupted), ms).unref();
    if (signal.aborted) later();
    else signal.addEventListener("abort", later, { once: true });
  });
}

function configOnce(
  path: string | undefined,
  env: NodeJS.ProcessEnv,
  out: Output,
): () => Promise<Config> {
  let loaded: Config | undefined;
  return async () => {
    loaded ??= await loadConfig(configPath(path), { env, kinds: builtInSinks });
    out.hide(loaded.secrets);
    return loaded;
  };
}

function configPath(path: string | undefined): string {
  if (path !== undefined) return path;
  if (existsSync(DEFAULT_CONFIG)) return DEFAULT_CONFIG;
  throw new ArchiverError(
    "usage",
    `--config FILE is missing, and there is no ${DEFAULT_CONFIG} here`,
  );
}
