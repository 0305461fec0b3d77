import { stringify } from "../core/json.ts";
import type { DaemonView } from "./daemon-host.ts";
import { type HttpAnswer, plain } from "./http.ts";
import type { Metrics } from "./metrics.ts";
import { statusPage } from "./page.ts";

const STARTING = "starting: Kafka and the sinks are being connected";

/** What the daemon answers over HTTP; `view` is null until it can say more than that it starts. */
export function daemonRoutes(
  metrics: Metrics,
  view: () => DaemonView | null,
): ReadonlyMap<string, () => HttpAnswer | Promise<HttpAnswer>> {
  return new Map<string, () => HttpAnswer | Promise<HttpAnswer>>([
    // Alive: the event loop answers. What waits for a sink is not cured by a restart.
    ["/healthz", () => plain(200, "ok")],
    [
      "/readyz",
      () => {
        const current = view();
        const why = current === null ? STARTING : current.notReady();
        return why === null ? plain(200, "ready") : plain(503, why);
      },
    ],
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
        const current = view();
        if (current === null) return json(503, { error: STARTING });
        return json(200, current.status());
      },
    ],
    [
      "/",
      () => ({
        status: 200,
        type: "text/html; charset=utf-8",
        body: statusPage(view()?.status() ?? null),
      }),
    ],
  ]);
}

const json = (status: number, value: unknown): HttpAnswer => ({
  status,
  type: "application/json; charset=utf-8",
  body: `${stringify(value)}\n`,
});
