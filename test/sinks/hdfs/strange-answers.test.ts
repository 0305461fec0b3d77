import { createServer, type RequestListener, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, expect, test } from "vitest";
import type { SinkErrorCode } from "../../../src/sdk/sink-error.ts";
import type { Sink } from "../../../src/sdk/sink.ts";
import { madeBatch } from "../../../src/sdk/conformance-batches.ts";
import { openHdfs } from "./hdfs-place.ts";

/** What proxies, gateways and other servers answer where WebHDFS was expected. */
const never = new AbortController().signal;
const open: (() => Promise<void>)[] = [];

afterEach(async () => {
  for (const close of open.splice(0)) await close();
});

async function sinkOf(listener: RequestListener, more = {}): Promise<Sink> {
  const server: Server = createServer(listener);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const sink = await openHdfs({ url, path: "/a/b", ...more });
  open.push(async () => {
    await sink.close();
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });
  return sink;
}

const answering =
  (status: number, body: string, headers = {}): RequestListener =>
  (_, answer) =>
    answer.writeHead(status, headers).end(body);

const remote = (exception: string, message = "m"): string =>
  JSON.stringify({ RemoteException: { exception, javaClassName: `x.${exception}`, message } });

test.for<[string, number, string, SinkErrorCode, RegExp]>([
  ["a page in HTML", 200, "<html>", "sink-transient", /something else than JSON/],
  ["other JSON", 200, '{"FileStatus":{}}', "sink-transient", /unexpected JSON: FileStatus/],
  ["a negative length", 200, status(-1), "sink-transient", /FileStatus\.length/],
  ["a login page", 302, "", "sink-transient", /HTTP 302/],
  ["a proxy's 401", 401, "<html>", "sink-unauthorized", /credentials are refused/],
  ["a proxy's 403", 403, "<html>", "sink-unauthorized", /gateway refuses this user/],
  ["a proxy's 502", 502, "<html>", "sink-transient", /HTTP 502; it is tried again/],
  ["an unknown exception", 500, remote("OddException"), "sink-transient", /OddException: m/],
  ["an invalid path", 400, remote("InvalidPathException"), "sink-permanent", /no such name/],
  ["a class with its package", 403, remote("a.b.SafeModeException"), "sink-transient", /safe mode/],
  [
    "safe mode as high availability says it",
    403,
    remote("RetriableException", "org.apache.hadoop.hdfs.server.namenode.SafeModeException: /a"),
    "sink-transient",
    /safe mode/,
  ],
  ["an expired token", 403, remote("InvalidToken"), "sink-unauthorized", /renew the token/],
])("%s is told as what it is", async ([, code, body, expected, message]) => {
  const sink = await sinkOf(answering(code, body));
  const error = { code: expected, message: expect.stringMatching(message) as string };
  await expect(sink.identity(never)).rejects.toMatchObject(error);
});

test("what a server asks to wait is passed on, in seconds and as a date", async () => {
  const busy = await sinkOf(answering(503, "", { "retry-after": "7" }));
  await expect(busy.identity(never)).rejects.toMatchObject({ retryAfterMs: 7_000 });
  const date = new Date(Date.now() + 60_000).toUTCString();
  const until = await sinkOf(answering(429, "", { "retry-after": date }));
  const error = await until.identity(never).catch((e: unknown) => e);
  expect((error as { retryAfterMs?: number }).retryAfterMs).toBeGreaterThan(50_000);
});

test("answers without end are cut off, redirects in circles are not followed for ever", async () => {
  const endless = await sinkOf((_, answer) => {
    const more = (): void => {
      while (answer.write(Buffer.alloc(1 << 16, " ")));
      answer.once("drain", more);
    };
    more();
  });
  await expect(endless.identity(never)).rejects.toThrow(/more than \d+ bytes/);
  let asked = 0;
  const circle = await sinkOf((request, answer) => {
    const op = new URL(request.url ?? "", "http://x").searchParams.get("op");
    if (op !== "OPEN") return answer.writeHead(200).end(status(5));
    asked += 1;
    return answer.writeHead(307, { location: request.url }).end();
  });
  await expect(circle.identity(never)).rejects.toMatchObject({ code: "sink-transient" });
  expect(asked).toBeLessThan(6);
});

test("a body that ends early, or goes on, is no file", async () => {
  for (const body of ["1234", "123456"]) {
    const sink = await sinkOf((request, answer) => {
      const op = new URL(request.url ?? "", "http://x").searchParams.get("op");
      answer.writeHead(200).end(op === "OPEN" ? body : status(5));
    });
    await expect(sink.identity(never)).rejects.toMatchObject({ code: "sink-transient" });
  }
});

test("no token or password is in an error", async () => {
  const more = { user: undefined, delegationToken: "s3cr3t" };
  const sink = await sinkOf(answering(500, remote("IOException", "failed")), more);
  const batch = madeBatch({ partition: 0, start: 0n });
  for (const run of [
    () => sink.identity(never),
    () => sink.publish(batch, never),
    () => sink.stat(batch.description, "bytes", never),
  ]) {
    const error: unknown = await run().catch((e: unknown) => e);
    expect(error).toMatchObject({ code: "sink-transient" });
    expect(`${(error as Error).stack}`).not.toContain("s3cr3t");
  }
});

function status(length: number): string {
  const file = { pathSuffix: "", type: "FILE", length, modificationTime: 1, blockSize: 1 };
  return JSON.stringify({ FileStatus: { ...file, replication: 1, fileId: 7 } });
}
