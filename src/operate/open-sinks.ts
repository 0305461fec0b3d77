import type { Config, SinkConfig } from "../config/config.ts";
import { didYouMean } from "../config/suggest.ts";
import { ArchiverError } from "../core/errors.ts";
import { around } from "../deliver/around.ts";
import { decorate, type DecoratedSink } from "../deliver/decorate.ts";
import { redactor } from "../observe/log.ts";
import type { Sink } from "../sdk/sink.ts";
import { SinkError } from "../sdk/sink-error.ts";
import type { CommandContext } from "./command.ts";

/** A command asks a sink a few times and then says so; the daemon would go on for ever. */
const COMMAND_RETRY = { firstMs: 200, maxMs: 2_000, tries: 4 };

export interface CommandSink extends DecoratedSink {
  readonly config: SinkConfig;
}

/** The sinks named by `--sink`; none named: the first of the configuration. @throws ArchiverError usage */
export function chooseSinks(config: Config, names: readonly string[]): readonly SinkConfig[] {
  if (names.length === 0) return config.sinks.slice(0, 1);
  return [...new Set(names)].map((name) => sinkNamed(config, "--sink", name));
}

/** @param option that names it @throws ArchiverError usage */
export function sinkNamed({ sinks }: Config, option: string, name: string): SinkConfig {
  const found = sinks.find((s) => s.name === name);
  if (found !== undefined) return found;
  const known = sinks.map((s) => s.name);
  const hint = didYouMean(name, known) || `; the configuration has ${known.join(", ")}`;
  throw new ArchiverError("usage", `${option} ${name}: there is no such sink${hint}`);
}

export type SinkPorts = Pick<CommandContext, "clock" | "random" | "signal">;

/** Opens one sink for a command; the caller closes it. @throws SinkError */
async function openSink(
  config: Config,
  s: SinkConfig,
  { clock, random, signal }: SinkPorts,
): Promise<CommandSink> {
  const plain = await s.plugin.open(s.config, { name: s.name, baseDir: config.baseDir }, signal);
  const options = { name: s.name, retry: COMMAND_RETRY, ...s.limits };
  const redact = redactor(config.secrets);
  return { ...decorate(plain, options, { clock, random, redact }), config: s };
}

/** Opens sinks for a command, hands them to `work` and closes them whatever happens. */
export async function withSinks<T>(
  config: Config,
  chosen: readonly SinkConfig[],
  ports: SinkPorts,
  work: (sinks: readonly CommandSink[]) => Promise<T>,
): Promise<T> {
  const opened: CommandSink[] = [];
  const raised = new WeakMap<SinkError, string>();
  try {
    for (const s of chosen) {
      const found = await openSink(config, s, ports);
      opened.push({ ...found, sink: noting(found.sink, (error) => raised.set(error, s.name)) });
    }
    return await work(opened);
  } catch (error) {
    // A store's own words name a bucket, an index or a path: of several sinks that may be any.
    const name = error instanceof SinkError ? raised.get(error) : undefined;
    if (error instanceof SinkError && name !== undefined)
      error.message = `sink ${name}: ${error.message}`;
    throw error;
  } finally {
    for (const { sink } of opened) await sink.close();
  }
}

/** The same sink; what it raises is noted where it comes from. */
function noting(sink: Sink, note: (error: SinkError) => unknown): Sink {
  return around(sink, {
    call: async (_op, _bytes, run, signal) => {
      try {
        return await run(signal);
      } catch (error) {
        if (error instanceof SinkError) note(error);
        throw error;
      }
    },
    stream: async function* (_op, open, signal) {
      try {
        yield* open(signal);
      } catch (error) {
        if (error instanceof SinkError) note(error);
        throw error;
      }
    },
  });
}

/** A sink that could be opened and asked, or why not. */
export type TriedSink =
  | { readonly config: SinkConfig; readonly sink: Sink; readonly error: null }
  | { readonly config: SinkConfig; readonly sink: null; readonly error: ArchiverError };

/** Like `withSinks`, but a sink that is away is handed on as that. */
export async function withTriedSinks<T>(
  config: Config,
  chosen: readonly SinkConfig[],
  ports: SinkPorts,
  work: (sinks: readonly TriedSink[]) => Promise<T>,
): Promise<T> {
  const tried = await Promise.all(chosen.map((s) => trySink(config, s, ports)));
  try {
    return await work(tried);
  } finally {
    for (const { sink } of tried) await sink?.close();
  }
}

async function trySink(config: Config, s: SinkConfig, ports: SinkPorts): Promise<TriedSink> {
  try {
    const { sink } = await openSink(config, s, ports);
    return { config: s, sink, error: null };
  } catch (error) {
    ports.signal.throwIfAborted();
    if (!(error instanceof ArchiverError)) throw error;
    return { config: s, sink: null, error };
  }
}
