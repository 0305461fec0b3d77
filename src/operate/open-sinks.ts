import type { Config, SinkConfig } from "../config/config.ts";
import { didYouMean } from "../config/suggest.ts";
import { ArchiverError } from "../core/errors.ts";
import { decorate, type DecoratedSink } from "../deliver/decorate.ts";
import type { CommandContext } from "./command.ts";

/** A command asks a sink a few times and then says so; the daemon would go on for ever. */
const COMMAND_RETRY = { firstMs: 200, maxMs: 2_000, tries: 4 };

export interface CommandSink extends DecoratedSink {
  readonly config: SinkConfig;
}

/** The sinks named by `--sink`; none named: the first of the configuration. @throws ArchiverError usage */
export function chooseSinks(config: Config, names: readonly string[]): readonly SinkConfig[] {
  if (names.length === 0) return config.sinks.slice(0, 1);
  const known = config.sinks.map((s) => s.name);
  return [...new Set(names)].map((name) => {
    const found = config.sinks.find((s) => s.name === name);
    if (found !== undefined) return found;
    const hint = didYouMean(name, known) || `; the configuration has ${known.join(", ")}`;
    throw new ArchiverError("usage", `--sink ${name}: there is no such sink${hint}`);
  });
}

/** Opens sinks for a command, hands them to `work` and closes them whatever happens. */
export async function withSinks<T>(
  config: Config,
  chosen: readonly SinkConfig[],
  context: Pick<CommandContext, "clock" | "random" | "signal">,
  work: (sinks: readonly CommandSink[]) => Promise<T>,
): Promise<T> {
  const { clock, random, signal } = context;
  const opened: CommandSink[] = [];
  try {
    for (const s of chosen) {
      const host = { name: s.name, baseDir: config.baseDir };
      const plain = await s.plugin.open(s.config, host, signal);
      const options = { name: s.name, retry: COMMAND_RETRY, ...s.limits };
      opened.push({ ...decorate(plain, options, { clock, random }), config: s });
    }
    return await work(opened);
  } finally {
    for (const { sink } of opened) await sink.close();
  }
}
