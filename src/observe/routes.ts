import { ArchiverError } from "../core/errors.ts";
import { messageOf } from "../core/message.ts";
import { stringify } from "../core/json.ts";
import type { DaemonView } from "./daemon-host.ts";
import type { EventStreams } from "./event-streams.ts";
import { type HttpAnswer, plain, type Route } from "./http.ts";
import type { Live } from "./live.ts";
import type { Metrics } from "./metrics.ts";
import { pageFiles } from "./page.ts";

const STARTING = "starting: Kafka and the sinks are being connected";
const PARTITION_MS = 8_000;
/** Each asks Kafka and a sink; more at once are told to come again. */
const MAX_DETAILS = 4;

export interface RouteSources {
  readonly metrics: Metrics;
  readonly live: Live;
  readonly streams: EventStreams;
  readonly view: () => DaemonView | null;
}

/** What the daemon answers over HTTP; `view` is null until it can say more than that it starts. */
export function daemonRoutes(s: RouteSources): ReadonlyMap<string, Route> {
  const { metrics, live, streams, view } = s;
  const files = [...pageFiles()].map(([path, answer]): [string, Route] => [path, () => answer]);
  return new Map<string, Route>([
    ...files,
    // Alive: the event loop answers. What waits for a sink or for Kafka is not cured by a restart.
    ["/healthz", () => plain(200, "ok")],
    ["/readyz", () => readiness(view(), live.stopping)],
    [
      "/metrics",
      async () => {
        const { type, text } = await metrics.scrape();
        return { status: 200, type, body: text };
      },
    ],
    [
      "/api/status",
      () => {
        const status = live.status();
        if (status === null) return json(503, { error: STARTING });
        return json(200, { ...status, verdict: live.report().verdict });
      },
    ],
    ["/api/live", () => json(200, live.report())],
    ["/api/events", { open: (response) => streams.open(response) }],
    ["/api/partition", partitionRoute(view)],
  ]);
}

/** Ready: a member of the group that takes part. Sinks are no part of it: they are waited for. */
function readiness(view: DaemonView | null, stopping: boolean): HttpAnswer {
  if (stopping) return plain(503, "stopping: batches under way are delivered");
  const why = view === null ? STARTING : view.notReady();
  return why === null ? plain(200, "ready") : plain(503, why);
}

function partitionRoute(view: () => DaemonView | null): Route {
  let underWay = 0;
  return async (query) => {
    const [group, topic] = [query.get("group") ?? "", query.get("topic") ?? ""];
    const number = query.get("partition") ?? "";
    if (topic === "" || !/^\d{1,9}$/.test(number)) {
      return plain(400, "asks for ?group=…&topic=…&partition=…");
    }
    const current = view();
    if (current === null) return json(503, { error: STARTING });
    if (underWay >= MAX_DETAILS) return json(503, { error: "several are asked for already" });
    underWay += 1;
    try {
      const signal = AbortSignal.timeout(PARTITION_MS);
      const found = await current.partition(group, topic, Number(number), signal);
      return found === null ? plain(404, "no such partition") : digitsJson(found);
    } catch (error) {
      const late = error instanceof DOMException && error.name === "TimeoutError";
      if (!late && !(error instanceof ArchiverError)) throw error;
      return json(503, { error: messageOf(error) });
    } finally {
      underWay -= 1;
    }
  };
}

/** Offsets as strings: a browser's numbers hold none beyond 2^53. */
const digitsJson = (value: unknown): HttpAnswer => ({
  status: 200,
  type: "application/json; charset=utf-8",
  body: JSON.stringify(value, (_key, v: unknown) => (typeof v === "bigint" ? String(v) : v)),
});

const json = (status: number, value: unknown): HttpAnswer => ({
  status,
  type: "application/json; charset=utf-8",
  body: `${stringify(value)}\n`,
});
