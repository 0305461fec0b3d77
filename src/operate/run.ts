import type { Config } from "../config/config.ts";
import { builtInSinks } from "../../sinks/index.ts";
import { loadConfig } from "../config/load.ts";
import { ArchiverError } from "../core/errors.ts";
import type { RunHost } from "../daemon.ts";
import type { DaemonHost } from "../observe/daemon-host.ts";
import { type Log, LOG_LEVELS, openLog, redactorOf } from "../observe/log.ts";
import { Observer } from "../observe/observer.ts";
import type { StatusReport } from "../observe/status-report.ts";
import { parseFailpoint } from "../pipeline/failpoint.ts";
import type { Command, CommandContext } from "./command.ts";
import { EXIT } from "./exit-code.ts";
import { ReloadSignal } from "./reload-signal.ts";
import { ServiceNotifier } from "./service-notifier.ts";

type LogLevel = (typeof LOG_LEVELS)[number];

export const runCommand: Command = {
  name: "run",
  summary: "run the daemon",
  details:
    "Archives until SIGTERM or SIGINT, then delivers what is under way and exits 0; a second signal exits 130 at once. SIGHUP reads the configuration again: topics, credentials and limits of sinks, the log level and `drainTimeout` are taken while it runs; any other change is refused with its reason, and then nothing changes. The log goes to stderr, one JSON object a line.",
  options: [
    {
      flags: "--log-level <level>",
      text: `one of ${LOG_LEVELS.join(", ")} (default: log.level of the configuration)`,
      parse: logLevel,
    },
  ],
  examples: ["bulk-archiver run --config /etc/bulk-archiver/config.yaml"],
  schema: null,
  drains: true,
  run: async (args, context) => {
    const config = await context.config();
    await runWith(config, args.value<LogLevel>("logLevel") ?? null, context);
    return EXIT.done;
  },
};

function logLevel(text: string): LogLevel {
  const found = LOG_LEVELS.find((level) => level === text);
  if (found !== undefined) return found;
  throw new ArchiverError(
    "usage",
    `${JSON.stringify(text)} is not one of ${LOG_LEVELS.join(", ")}`,
  );
}

async function runWith(
  config: Config,
  fixed: LogLevel | null,
  context: CommandContext,
): Promise<void> {
  const { out, version, tool, env, signal } = context;
  const secrets = [...config.secrets];
  const log = openLog({ level: fixed ?? config.log.level, to: out.stderr, secrets, version });
  announceFailpoint(log, env["BULK_ARCHIVER_FAILPOINT"] ?? "");
  const observer = await openObserver(config, { tool, version, log });
  const { emit, url } = observer;
  const status = (): StatusReport | null => observer.view?.status() ?? null;
  const { clock } = context;
  const sentence = (): string => observer.sentence;
  const notify = new ServiceNotifier({
    ...{ env, log, clock, status, sentence, stallMs: stallMs(config) },
  });
  signal.addEventListener("abort", () => notify.stopping(), { once: true });
  const load = (): Promise<Config> => loadConfig(config.file, { env, kinds: builtInSinks });
  const reload = new ReloadSignal({
    ...{ load, log, secrets, emit, fixedLevel: fixed !== null },
    on: (state) => notify.reload(state),
  });
  try {
    if (url !== null) log.info({ url }, "http listens");
    log.info({ config: config.file, pid: process.pid }, `${tool} starts`);
    const { runDaemon } = await import("../daemon.ts");
    const publish: DaemonHost["publish"] = (view) => {
      observer.publish(view);
      notify.ready();
    };
    const reloads: RunHost["reloads"] = (take) => reload.takenBy(take);
    const redact = redactorOf(secrets);
    const host: RunHost = { tool, version, env, log, emit, redact, publish, reloads };
    await orUnstarted(runDaemon(config, host, signal), () => observer.view === null, signal);
    log.info({}, "stopped");
  } finally {
    reload.close();
    await notify.close();
    await observer.close();
  }
}

/** Longer than anything takes that is merely slow. */
function stallMs({ pipelines, sinks }: Config): number {
  const ages = pipelines.map((p) => 4 * p.batch.ageMs);
  return Math.max(600_000, ...ages, ...sinks.map((s) => 2 * s.limits.tryTimeoutMs));
}

/**
 * A daemon that has not started yet has nothing to drain: a signal then ends it at once, instead of
 * after the time-outs of whatever it is being connected to.
 */
async function orUnstarted(
  running: Promise<void>,
  unstarted: () => boolean,
  signal: AbortSignal,
): Promise<void> {
  const early = new Promise<void>((resolve) => {
    const look = (): void => {
      if (unstarted()) resolve();
    };
    if (signal.aborted) look();
    else signal.addEventListener("abort", look, { once: true });
  });
  await Promise.race([early, running]);
}

function announceFailpoint(log: Log, failpoint: string): void {
  if (failpoint === "") return;
  const parsed = parseFailpoint(failpoint);
  log.warn({ failpoint: parsed }, `FAILPOINT ${failpoint}: this process will end itself there`);
}

function openObserver(
  config: Config,
  about: { readonly tool: string; readonly version: string; readonly log: Log },
): Promise<Observer> {
  const { http, pipelines, telemetry } = config;
  const group = pipelines[0]?.group ?? "";
  const { perPartition, otlp } = telemetry;
  const headers = Object.entries(otlp?.headers ?? {}).map(([k, v]) => [k, v.reveal()] as const);
  const options = {
    ...{ ...about, group, pipelines: pipelines.length, perPartition },
    otlp: otlp === null ? null : { ...otlp, headers: Object.fromEntries(headers) },
  };
  if (http === null) return Observer.open({ ...options, http });
  const { host, port, hosts, token, publicPaths } = http;
  const access = { hosts, publicPaths, token: () => token?.().reveal() ?? null };
  return Observer.open({ ...options, http: { host, port, access } });
}
