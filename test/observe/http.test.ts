import { connect } from "node:net";
import { networkInterfaces } from "node:os";
import { afterEach, expect, test } from "vitest";
import { ArchiverError } from "../../src/core/errors.ts";
import type { DaemonView } from "../../src/observe/daemon-host.ts";
import { Secret } from "../../src/core/secret.ts";
import { askDaemon } from "../../src/operate/daemon-status.ts";
import { isKnownHost } from "../../src/observe/access.ts";
import { HttpServer, plain } from "../../src/observe/http.ts";
import { type Running, startHttp, STATUS, viewOf } from "./http-server.ts";

const open: Running[] = [];
afterEach(async () => {
  for (const { server } of open.splice(0)) await server.close();
});

async function start(...args: Parameters<typeof startHttp>): Promise<Running> {
  const running = await startHttp(...args);
  open.push(running);
  return running;
}

test("alive at once, ready when the daemon says so, not any more when it stops", async () => {
  let view: DaemonView | null = null;
  let why: string | null = "the group is being joined";
  const { ask, live } = await start(() => view);
  expect((await ask("/healthz")).status).toBe(200);
  expect((await ask("/readyz")).status).toBe(503);
  expect((await ask("/api/status")).status).toBe(503);
  expect((await ask("/")).body).toContain("<!doctype html>");
  const { verdict } = JSON.parse((await ask("/api/live")).body) as { verdict: { code: string } };
  expect(verdict.code).toBe("STARTING");
  view = viewOf(() => STATUS, { notReady: () => why });
  expect(await ask("/readyz")).toMatchObject({ status: 503, body: "the group is being joined\n" });
  why = null;
  expect(await ask("/readyz")).toMatchObject({ status: 200, body: "ready\n" });
  live.take({ what: "daemon-stopping", deadlineMs: 1 });
  expect((await ask("/readyz")).status).toBe(503);
  expect((await ask("/healthz")).status).toBe(200);
});

test("a sink that is away makes the daemon neither dead nor unready", async () => {
  const { ask, live } = await start(() => viewOf(() => STATUS));
  live.take({
    what: "sink-state",
    sink: "lake",
    state: "retrying",
    code: "sink-transient",
    text: "refused",
  });
  expect((await ask("/healthz")).status).toBe(200);
  expect((await ask("/readyz")).status).toBe(200);
});

test("the status has offsets as integer literals and the sentence of the page", async () => {
  const { ask } = await start(() => viewOf(() => STATUS));
  const { body, headers } = await ask("/api/status");
  expect(headers["content-type"]).toContain("application/json");
  expect(body).toContain('"committed":9007199254740993');
  const { verdict } = JSON.parse(body) as { verdict: { sentence: string } };
  const live = JSON.parse((await ask("/api/live")).body) as { verdict: { sentence: string } };
  expect(verdict.sentence).toBe(live.verdict.sentence);
  expect((await ask("/metrics")).body).toContain('bulk_archiver_lag_offsets{topic="logs"} 2');
});

test("the page and all that it loads come from here, with a type and a strict policy", async () => {
  const { ask } = await start(() => null);
  const { body, headers } = await ask("/");
  expect(headers["content-type"]).toBe("text/html; charset=utf-8");
  expect(headers["content-security-policy"]).toContain("script-src 'self'");
  expect(headers["content-security-policy"]).not.toContain("unsafe");
  const asked = [...body.matchAll(/(?:src|href)="(page\/[^"]+)"/g)].map((m) => m[1] ?? "");
  expect(asked.length).toBeGreaterThan(1);
  const main = (await ask("/page/main.js")).body;
  const imported = [...main.matchAll(/from "\.\/([^"]+)"/g)].map((m) => `page/${m[1]}`);
  for (const path of [...asked, ...imported]) {
    const found = await ask(`/${path}`);
    expect([path, found.status]).toEqual([path, 200]);
    expect(found.headers["content-type"]).toMatch(/^text\/(css|javascript)/);
  }
});

test("a name that is not ours is refused: no page elsewhere can read us by its own name", async () => {
  const { ask, server } = await start(() => null, { hosts: ["archiver.local"] });
  const { port } = new URL(server.url);
  const statuses = (hosts: readonly string[]): Promise<number[]> =>
    Promise.all(hosts.map(async (host) => (await ask("/healthz", { host })).status));
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
  const { ask, errors } = await start(() => null);
  const { headers } = await ask("/healthz");
  expect(headers["content-security-policy"]).toContain("default-src 'none'");
  expect(headers["x-content-type-options"]).toBe("nosniff");
  expect(headers["cache-control"]).toBe("no-store");
  expect(await ask("/healthz", { method: "POST" })).toMatchObject({ status: 405 });
  expect(await ask("/healthz", { method: "HEAD" })).toMatchObject({ status: 200, body: "" });
  expect(await ask("/nothing")).toMatchObject({ status: 404 });
  expect(await ask("/page/../http.ts")).toMatchObject({ status: 404 });
  expect(await ask("/breaks")).toMatchObject({
    status: 500,
    body: "unexpected failure; the log has it\n",
  });
  expect(String(errors.at(-1))).toContain("inside");
});

const TOKEN = "correct horse battery staple";
const basic = (user: string, password: string): string =>
  `Basic ${Buffer.from(`${user}:${password}`).toString("base64")}`;

test("with a token: public paths without it, the rest with it, as Bearer or as Basic", async () => {
  const { ask } = await start(() => viewOf(() => STATUS), {
    token: () => TOKEN,
    publicPaths: ["/healthz", "/metrics"],
  });
  expect((await ask("/healthz")).status).toBe(200);
  expect((await ask("/metrics")).status).toBe(200);
  const refused = await ask("/");
  expect(refused.status).toBe(401);
  expect(refused.headers["www-authenticate"]).toMatch(/^Basic realm=/);
  for (const path of ["/", "/api/status", "/api/events", "/readyz", "/page/main.js", "/nothing"]) {
    expect([path, (await ask(path)).status]).toEqual([path, 401]);
    const wrong = await ask(path, { authorization: "Bearer correct horse battery stapl" });
    expect([path, wrong.status]).toEqual([path, 401]);
  }
  for (const authorization of [`Bearer ${TOKEN.replaceAll(" ", "")}`, "Basic", "Basic !!", "x"]) {
    expect((await ask("/", { authorization })).status).toBe(401);
  }
  expect((await ask("/api/status", { authorization: basic("me", TOKEN) })).status).toBe(200);
});

test("a token without spaces goes as Bearer, and a new one counts at once", async () => {
  let token = "0123456789abcdef";
  const { ask } = await start(() => null, { token: () => token });
  const authorization = `Bearer ${token}`;
  expect((await ask("/healthz", { authorization })).status).toBe(200);
  token = "fedcba9876543210";
  expect((await ask("/healthz", { authorization })).status).toBe(401);
});

test("`status` sends the token of its own configuration", async () => {
  const token = "0123456789abcdef";
  const { server } = await start(() => viewOf(() => STATUS), { token: () => token });
  const port = Number(new URL(server.url).port);
  const http = { host: "127.0.0.1", port, hosts: [], publicPaths: [] };
  const signal = AbortSignal.timeout(5_000);
  const known = await askDaemon({ ...http, token: () => new Secret(token) }, signal);
  expect(known).toMatchObject({ source: "daemon", verdict: { level: "ok" } });
  expect(await askDaemon({ ...http, token: null }, signal)).toEqual({
    unknown: `http://127.0.0.1:${port}/api/status answered 401`,
  });
});

test("`status` passes over what a later daemon says besides", async () => {
  const memory = { limit: 1, used: 0, colour: { of: "later" } };
  const later = { ...STATUS, memory, weather: [1, 2] };
  const { server } = await start(() => viewOf(() => later));
  const port = Number(new URL(server.url).port);
  const http = { host: "127.0.0.1", port, hosts: [], publicPaths: [], token: null };
  const known = await askDaemon(http, AbortSignal.timeout(5_000));
  expect(known).toMatchObject({ source: "daemon", verdict: { level: "ok" } });
  expect(JSON.stringify(known, (_, v: unknown) => String(v))).not.toMatch(/colour|weather/);
  const wrong = { ...later, source: 7 } as unknown as typeof STATUS;
  const other = await start(() => viewOf(() => wrong));
  const at = { ...http, port: Number(new URL(other.server.url).port) };
  expect(await askDaemon(at, AbortSignal.timeout(5_000))).toMatchObject({
    unknown: expect.stringContaining("no daemon of this version"),
  });
});

test("a token that cannot be read lets nobody in", async () => {
  const { ask, errors } = await start(() => null, {
    token: () => {
      throw new Error("no such file");
    },
  });
  expect((await ask("/", { authorization: "Bearer x" })).status).toBe(500);
  expect(String(errors[0])).toContain("no such file");
});

test("from another machine, without a token: the public paths only", async () => {
  const outside = Object.values(networkInterfaces())
    .flat()
    .find((i) => i !== undefined && !i.internal && i.family === "IPv4")?.address;
  // A machine without a network has no other address: 0.0.0.0 then is asked at loopback.
  const at = outside ?? "127.0.0.1";
  const { ask } = await start(() => null, { listen: "0.0.0.0", publicPaths: ["/healthz"] });
  expect((await ask("/healthz", { at })).status).toBe(200);
  expect((await ask("/", { at })).status).toBe(outside === undefined ? 200 : 403);
  expect((await ask("/", { at: "127.0.0.1" })).status).toBe(200);
});

test("HTTP/1.1 without a Host is a bad request", async () => {
  const { server } = await start(() => null);
  const { port } = new URL(server.url);
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
  const { server } = await start(() => null);
  const port = Number(new URL(server.url).port);
  const access = { hosts: [], token: () => null, publicPaths: [] };
  const options = { host: "127.0.0.1", port, access, routes: new Map(), onError: () => undefined };
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

test("who sends slowly, or opens many connections, is cut off, and others are answered", async () => {
  const { server, ask } = await start(() => null);
  const port = Number(new URL(server.url).port);
  const open = (text: string): Promise<number> =>
    new Promise((resolve) => {
      const began = Date.now();
      const socket = connect(port, "127.0.0.1", () => socket.write(text));
      socket.on("error", () => undefined);
      socket.on("close", () => resolve(Date.now() - began));
      socket.resume();
    });
  const slow = Array.from({ length: 50 }, () => open("GET / HTTP/1.1\r\nHost: localhost\r\nX-A: "));
  expect((await ask("/healthz")).status).toBe(200);
  const times = await Promise.all(slow);
  expect(Math.max(...times)).toBeLessThan(9_000);
  const many = Array.from({ length: 80 }, () => open(""));
  const first = await Promise.race(many);
  expect(first).toBeLessThan(2_000);
  const huge = await open(`GET / HTTP/1.1\r\nHost: localhost\r\nX-A: ${"x".repeat(100_000)}`);
  expect(huge).toBeLessThan(2_000);
}, 30_000);
