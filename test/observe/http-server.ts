import { request } from "node:http";
import type { Access } from "../../src/observe/access.ts";
import type { DaemonView } from "../../src/observe/daemon-host.ts";
import { EventStreams } from "../../src/observe/event-streams.ts";
import { HttpServer, type Route } from "../../src/observe/http.ts";
import { Live } from "../../src/observe/live.ts";
import { Metrics } from "../../src/observe/metrics.ts";
import { daemonRoutes } from "../../src/observe/routes.ts";
import type { StatusReport } from "../../src/observe/status-report.ts";

export const STATUS: StatusReport = {
  tool: "bulk-archiver",
  version: "1",
  source: "daemon",
  group: "g",
  clusterId: "c",
  partitions: [
    {
      ...{ group: "g", topic: "logs", topicId: "_", partition: 0, branch: 0, state: "running" },
      ...{ committed: 9_007_199_254_740_993n, end: 9_007_199_254_740_995n, lag: 2n },
      ...{ pendingPlans: [], lastBatch: null, waiting: null, oldestUnconfirmedMs: 5, inFlight: 1 },
    },
  ],
  sinks: [],
  memory: { limit: 1, used: 0 },
  member: null,
};

export const viewOf = (status: () => StatusReport, more: Partial<DaemonView> = {}): DaemonView => ({
  status,
  notReady: () => null,
  self: () => "me",
  limits: () => ({ batchAgeMs: 1_000, unconfirmedMs: 62_000 }),
  groups: () => Promise.resolve([]),
  partition: () => Promise.resolve(null),
  ...more,
});

export interface Running {
  readonly server: HttpServer;
  readonly live: Live;
  readonly streams: EventStreams;
  /** What routes threw. */
  readonly errors: readonly unknown[];
  readonly ask: (path: string, options?: Asked) => Promise<Answer>;
}

export interface Asked {
  readonly host?: string;
  readonly method?: string;
  readonly authorization?: string;
  /** Address to ask at. */
  readonly at?: string;
}

export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: string;
}

/** The daemon's HTTP without a daemon: everything it answers with is real but what `view` says. */
export async function startHttp(
  view: () => DaemonView | null,
  access: Partial<Access> & { readonly listen?: string } = {},
): Promise<Running> {
  const { listen = "127.0.0.1", ...given } = access;
  const wall = (): number => Date.now();
  const live = new Live({ tool: "bulk-archiver", version: "0.9.0", group: "archiver", view, wall });
  const streams = new EventStreams(() => live.report());
  const metrics = new Metrics("1", { status: () => live.status() });
  const routes = new Map<string, Route>(daemonRoutes({ metrics, live, streams, view }));
  routes.set("/breaks", () => {
    throw new Error("inside");
  });
  const errors: unknown[] = [];
  const server = await HttpServer.open({
    ...{ host: listen, port: 0, routes, onError: (e) => errors.push(e) },
    access: { hosts: [], token: () => null, publicPaths: [], ...given },
  });
  const { port } = new URL(server.url);
  const ask = (path: string, options: Asked = {}): Promise<Answer> =>
    new Promise((resolve, reject) => {
      const { host, method = "GET", authorization, at = "127.0.0.1" } = options;
      const headers = {
        ...(host === undefined ? {} : { host }),
        ...(authorization === undefined ? {} : { authorization }),
      };
      const sent = request({ host: at, port, path, method, headers }, (answer) => {
        let body = "";
        answer.setEncoding("utf8");
        answer.on("data", (chunk: string) => (body += chunk));
        answer.on("end", () =>
          resolve({ status: answer.statusCode ?? 0, headers: answer.headers, body }),
        );
      });
      sent.on("error", reject);
      sent.end();
    });
  return { server, live, streams, errors, ask };
}
