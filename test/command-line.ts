import { type ParseArgsConfig, parseArgs } from "node:util";

type Options = NonNullable<ParseArgsConfig["options"]>;
type Values<O extends Options> = ReturnType<
  typeof parseArgs<{ options: O; allowPositionals: false }>
>["values"];

/** Usage is asked for, or what was given is not understood. */
const USAGE = 2;

/**
 * What was given to one of the long-running programs of the tests. `--help` prints how it is used and ends
 * with 0; what is not known ends with 2, before anything has begun.
 */
export function commandLine<const O extends Options>(help: string, options: O): Values<O> {
  if (process.argv.includes("--help")) {
    console.log(help);
    process.exit(0);
  }
  try {
    return parseArgs({ options, allowPositionals: false }).values as Values<O>;
  } catch (error) {
    return refuse(help, error instanceof Error ? error.message : String(error));
  }
}

/** A number that was given as text, zero or more. Ends with 2 when it is none. */
export function numberOf(help: string, name: string, text: string): number {
  const value = Number(text);
  if (text !== "" && Number.isFinite(value) && value >= 0) return value;
  return refuse(help, `--${name} ${text}: expected a number`);
}

function refuse(help: string, why: string): never {
  console.error(`${why}\n\n${help}`);
  process.exit(USAGE);
}
