import type { Config } from "../config/config.ts";
import { ArchiverError } from "../core/errors.ts";
import type { DaemonView } from "../observe/daemon-host.ts";
import { logEvent } from "../observe/event-log.ts";
import type { Emit } from "../observe/events.ts";
import { HttpServer } from "../observe/http.ts";
import { LOG_LEVELS, openLog } from "../observe/log.ts";
import { Metrics } from "../observe/metrics.ts";
import { daemonRoutes } from "../observe/routes.ts";
import { parseFailpoint } from "../pipeline/failpoint.ts";
import type { Command, CommandContext } from "./command.ts";
import { EXIT } from "./exit-code.ts";

type LogLevel = (typeof LOG_LEVELS)[number];

export const runCommand: Command = {
  name: "run",
  summary: "run the daemon",
  details:
    "Archives until SIGTERM or SIGINT, then delivers what is under way and exits 0; a second signal exits 130 at once. The log goes to stderr, one JSON object a line.",
  options: [
    {
      flags: "--log-level <level>",
      text: `one of ${LOG_LEVELS.join(", ")} (default info)`,
      parse: logLevel,
    },
  ],
  examples: ["bulk-archiver run --config /etc/bulk-archiver/config.yaml"],
  schema: null,
  drains: true,
  run: async (args, context) => {
    const config = await context.config();
    await runWith(config, args.value<LogLevel>("logLevel") ?? "info", context);
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

async function runWith(config: Config, level: LogLevel, context: CommandContext): Promise<void> {
  const { out, version, tool, env, signal } = context;
  const log = openLog({ level, to: out.stderr, secrets: config.secrets, version });
  const failpoint = env["BULK_ARCHIVER_FAILPOINT"];
  if (failpoint !== undefined && failpoint !== "") {
    log.warn(
      { failpoint: parseFailpoint(failpoint) },
      `FAILPOINT ${failpoint}: this process will end itself there`,
    );
  }
  let view: DaemonView | null = null;
  const metrics = new Metrics(version, () => view?.status() ?? null);
  const emit: Emit = (event) => {
    metrics.take(event);
    logEvent(log, event);
  };
  const http = await openHttp(
    config,
    metrics,
    () => view,
    (error) => log.error({ err: error }, "http"),
  );
  try {
    if (http !== null) log.info({ url: http.url }, "http listens");
    log.info({ config: config.file, pid: process.pid }, `${tool} starts`);
    const { runDaemon } = await import("../daemon.ts");
    for (const { name, whenAway } of config.sinks) {
      if (whenAway.detachMs === null) continue;
      const text = `sink ${name}: detaching is not built yet, so it is waited for; nothing is lost`;
      emit({ what: "warned", code: "detach-waits", text });
    }
    const publish = (published: DaemonView): void => {
      view = published;
    };
    await runDaemon(config, { tool, version, env, log, emit, publish }, signal);
    log.info({}, "stopped");
  } finally {
    await http?.close();
  }
}

async function openHttp(
  config: Config,
  metrics: Metrics,
  view: () => DaemonView | null,
  onError: (error: unknown) => void,
): Promise<HttpServer | null> {
  if (config.http === null) return null;
  const { host, port, hosts } = config.http;
  return HttpServer.open({ host, port, hosts, routes: daemonRoutes(metrics, view), onError });
}
