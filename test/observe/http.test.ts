import { request } from "node:http";
import { connect } from "node:net";
import { afterEach, expect, test } from "vitest";
import { ArchiverError } from "../../src/core/errors.ts";
import { HttpServer, isKnownHost, plain } from "../../src/observe/http.ts";
import { Metrics } from "../../src/observe/metrics.ts";
import { daemonRoutes } from "../../src/observe/routes.ts";
import type { DaemonView } from "../../src/observe/daemon-host.ts";
import type { StatusReport } from "../../src/observe/status-report.ts";

const STATUS: StatusReport = {
  tool: "bulk-archiver",
  version: "1",
  source: "daemon",
  group: "<script>alert(1)</script>",
  clusterId: "c",
  partitions: [
    {
      ...{
        group: "g",
        topic: "logs",
        topicId: "_",
        partition: 0,
        branch: 0,
        state: "running",
        lag: 2n,
      },
      ...{ committed: 9_007_199_254_740_993n, end: 9_007_199_254_740_995n, pendingPlans: [] },
      ...{ lastBatch: null, waiting: null, oldestUnconfirmedMs: 5, inFlight: 1 },
    },
  ],
  sinks: [],
  memory: { limit: 1, used: 0 },
  member: null,
};

let server: HttpServer | undefined;
afterEach(async () => {
  await server?.close();
  server = undefined;
});

const errors: unknown[] = [];

async function start(
  view: () => DaemonView | null,
  hosts: readonly string[] = [],
): Promise<HttpServer> {
  const routes = new Map(daemonRoutes(new Metrics("1", () => view()?.status() ?? null), view));
  routes.set("/breaks", () => {
    throw new Error("inside");
  });
  server = await HttpServer.open({
    host: "127.0.0.1",
    port: 0,
    hosts,
    routes,
    onError: (e) => errors.push(e),
  });
  return server;
}

interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: string;
}

function ask(path: string, host?: string, method = "GET"): Promise<Answer> {
  const { port } = new URL(server?.url ?? "");
  return new Promise((resolve, reject) => {
    const headers = host === undefined ? {} : { host };
    const sent = request({ host: "127.0.0.1", port, path, method, headers }, (answer) => {
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
}

test("alive at once, ready when the daemon says so", async () => {
  let view: DaemonView | null = null;
  let why: string | null = "the group is being joined";
  await start(() => view);
  expect((await ask("/healthz")).status).toBe(200);
  expect((await ask("/readyz")).status).toBe(503);
  expect((await ask("/api/status")).status).toBe(503);
  expect((await ask("/")).body).toContain("Starting");
  view = { status: () => STATUS, notReady: () => why };
  expect(await ask("/readyz")).toMatchObject({ status: 503, body: "the group is being joined\n" });
  why = null;
  expect(await ask("/readyz")).toMatchObject({ status: 200, body: "ready\n" });
});

test("the status has offsets as integer literals, the page escapes what it shows", async () => {
  await start(() => ({ status: () => STATUS, notReady: () => null }));
  const { body, headers } = await ask("/api/status");
  expect(headers["content-type"]).toContain("application/json");
  expect(body).toContain('"committed":9007199254740993');
  const page = await ask("/");
  expect(page.body).toContain("&lt;script&gt;alert(1)");
  expect(page.body).not.toContain("<script>");
  expect((await ask("/metrics")).body).toContain('bulk_archiver_lag_offsets{topic="logs"} 2');
});

test("a name that is not ours is refused: no page elsewhere can read us by its own name", async () => {
  await start(() => null, ["archiver.local"]);
  const { port } = new URL(server?.url ?? "");
  const statuses = async (hosts: readonly string[]): Promise<number[]> =>
    Promise.all(hosts.map(async (h) => (await ask("/healthz", h)).status));
  expect(
    await statuses(["127.0.0.1", `localhost:${port}`, "[::1]:80", "10.1.2.3:80", "Archiver.Local"]),
  ).toEqual([200, 200, 200, 200, 200]);
  expect(
    await statuses([
      "evil.example",
      "localhost.evil.example",
      "127.0.0.1.nip.io",
      "a.b:1:2",
      "[evil]",
    ]),
  ).toEqual([421, 421, 421, 421, 421]);
});

test("strict headers, no other method, no details of a failure", async () => {
  await start(() => null);
  const { headers } = await ask("/healthz");
  expect(headers["content-security-policy"]).toContain("default-src 'none'");
  expect(headers["x-content-type-options"]).toBe("nosniff");
  expect(headers["cache-control"]).toBe("no-store");
  expect(await ask("/healthz", undefined, "POST")).toMatchObject({ status: 405 });
  expect(await ask("/healthz", undefined, "HEAD")).toMatchObject({ status: 200, body: "" });
  expect(await ask("/nothing")).toMatchObject({ status: 404 });
  expect(await ask("/breaks")).toMatchObject({
    status: 500,
    body: "unexpected failure; the log has it\n",
  });
  expect(String(errors.at(-1))).toContain("inside");
});

test("HTTP/1.1 without a Host is a bad request", async () => {
  await start(() => null);
  const { port } = new URL(server?.url ?? "");
  const first = await new Promise<string>((resolve, reject) => {
    const socket = connect(Number(port), "127.0.0.1", () =>
      socket.write("GET /healthz HTTP/1.1\r\n\r\n"),
    );
    socket.once("data", (d) => resolve(d.toString("utf8")));
    socket.once("error", reject);
  });
  expect(first).toMatch(/^HTTP\/1\.1 400 /);
});

test("a busy port is said as such", async () => {
  const { url } = await start(() => null);
  const port = Number(new URL(url).port);
  const options = {
    host: "127.0.0.1",
    port,
    hosts: [],
    routes: new Map(),
    onError: () => undefined,
  };
  const error: unknown = await HttpServer.open(options).catch((e: unknown) => e);
  expect(error).toBeInstanceOf(ArchiverError);
  expect(error).toMatchObject({ code: "port-busy" });
  expect((error as Error).message).toContain(`127.0.0.1:${port}: another process listens there`);
});

test("which names are known", () => {
  expect(isKnownHost("localhost.", [])).toBe(true);
  expect(isKnownHost("LOCALHOST:1", [])).toBe(true);
  expect(isKnownHost("a.b:80", ["A.B"])).toBe(true);
  expect(isKnownHost("a.b:80:80", ["a.b"])).toBe(false);
  expect(isKnownHost("[127.0.0.1]", [])).toBe(false);
  expect(isKnownHost("", [])).toBe(false);
  expect(plain(200, "x").body).toBe("x\n");
});
