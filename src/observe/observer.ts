import type { Access } from "./access.ts";
import type { DaemonView } from "./daemon-host.ts";
import { logEvent } from "./event-log.ts";
import { EventStreams } from "./event-streams.ts";
import type { ArchiverEvent, Emit } from "./events.ts";
import type { Exporter, ExportOptions } from "./exporter.ts";
import { HttpServer } from "./http.ts";
import { Live } from "./live.ts";
import type { Log } from "./log.ts";
import { Metrics } from "./metrics.ts";
import { daemonRoutes } from "./routes.ts";

const TICK_MS = 1_000;

export interface ObserverOptions {
  readonly tool: string;
  readonly version: string;
  /** Of the first pipeline. */
  readonly group: string;
  /** How many there are. */
  readonly pipelines: number;
  readonly log: Log;
  /** Lag and age of each partition as metrics of their own. */
  readonly perPartition: boolean;
  /** OpenTelemetry; null: no export. */
  readonly otlp: ExportOptions | null;
  /** Null: no HTTP. */
  readonly http: { readonly host: string; readonly port: number; readonly access: Access } | null;
}

/** Everything that looks at the daemon: log, metrics, page and HTTP, fed by the same events. */
export class Observer {
  readonly emit: Emit;
  readonly #o: ObserverOptions;
  readonly #metrics: Metrics;
  readonly #live: Live;
  readonly #streams: EventStreams;
  readonly #stop = new AbortController();
  #view: DaemonView | null = null;
  #http: HttpServer | null = null;
  #exporter: Exporter | null = null;
  #timer: NodeJS.Timeout | null = null;

  private constructor(o: ObserverOptions) {
    this.#o = o;
    const { tool, version, group } = o;
    const view = (): DaemonView | null => this.#view;
    this.#live = new Live({ tool, version, group, view, wall: () => Date.now() });
    this.#streams = new EventStreams(() => this.#live.report());
    this.#metrics = new Metrics(version, {
      status: () => this.#live.status(),
      limitMs: () => this.#view?.limits().unconfirmedMs ?? null,
      retentionLeftMs: () => this.#live.retentionLeftMs(),
      ready: () => !this.#live.stopping && this.#view?.notReady() === null,
      streams: () => this.#streams.size,
      perPartition: o.perPartition,
    });
    this.emit = (event: ArchiverEvent): void => {
      this.#metrics.take(event);
      this.#live.take(event);
      this.#exporter?.take(event);
      logEvent(this.#logOf(event.pipeline), event);
    };
  }

  /** @throws ArchiverError port-busy */
  static async open(options: ObserverOptions): Promise<Observer> {
    const observer = new Observer(options);
    try {
      await observer.#start();
    } catch (error) {
      await observer.close();
      throw error;
    }
    return observer;
  }

  /** Names the pipeline in its lines where there are several. */
  #logOf(pipeline: string | undefined): Log {
    const { log, pipelines } = this.#o;
    if (pipelines < 2 || pipeline === undefined) return log;
    // Anew each time: one that is kept would not follow a change of the level.
    return log.child({ pipeline });
  }

  /** Null without HTTP. */
  get url(): string | null {
    return this.#http?.url ?? null;
  }

  get view(): DaemonView | null {
    return this.#view;
  }

  /** The head of the page, also where no page is served: then of this process's partitions alone. */
  get sentence(): string {
    return this.#live.report().verdict.sentence;
  }

  /** The daemon can answer from now on. */
  publish(view: DaemonView): void {
    this.#view = view;
  }

  async close(): Promise<void> {
    if (this.#timer !== null) clearInterval(this.#timer);
    this.#stop.abort(new DOMException("the daemon ends", "AbortError"));
    this.#streams.close();
    await this.#http?.close();
    await this.#exporter?.close();
  }

  async #start(): Promise<void> {
    const { http, log, otlp, version } = this.#o;
    if (otlp !== null) {
      // The SDK is loaded where it is configured, and costs nothing else.
      const { openOtlp } = await import("./otlp/otlp-exporter.ts");
      this.#exporter = openOtlp(otlp, { metrics: this.#metrics, log, version });
    }
    if (http !== null || otlp !== null) {
      this.#timer = setInterval(() => this.#tick(), TICK_MS);
    }
    if (http === null) return;
    const onError = (error: unknown): void => log.error({ err: error }, "http");
    const [metrics, live, streams] = [this.#metrics, this.#live, this.#streams];
    const routes = daemonRoutes({ metrics, live, streams, view: () => this.#view });
    this.#http = await HttpServer.open({ ...http, routes, onError });
  }

  #tick(): void {
    this.#live.tick(this.#streams.size > 0, this.#stop.signal);
    this.#streams.send();
  }
}
