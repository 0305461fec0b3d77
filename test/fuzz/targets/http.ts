import { connect } from "node:net";
import { type Running, startHttp, STATUS, viewOf } from "../../observe/http-server.ts";
import { INHERITED } from "../mutate-json.ts";
import { must, type Target } from "../target.ts";

const TOKEN = "fuzz-token-0123456789";
const head = (line: string, ...more: readonly string[]): Buffer =>
  Buffer.from([line, "Host: localhost", ...more, "", ""].join("\r\n"), "latin1");
const bearer = `Authorization: Bearer ${TOKEN}`;

const PUBLIC = ["/healthz", "/metrics"];
const SEEDS = [
  head("GET / HTTP/1.1", bearer),
  head("GET /healthz HTTP/1.1"),
  head("HEAD /metrics HTTP/1.1", "Accept: */*", "Connection: close"),
  head("GET /api/status HTTP/1.1", bearer, "Accept-Encoding: gzip"),
  head("GET /api/events HTTP/1.1", bearer, "Accept: text/event-stream"),
  head("GET /api/partition?group=g&topic=logs&partition=0 HTTP/1.1", bearer),
  head("POST /api/status HTTP/1.1", bearer, "Content-Length: 4", "", "body"),
  head("GET /page/main.js HTTP/1.1", "Authorization: Basic YTpi", "Upgrade: websocket"),
];
const WORDS = [
  ...[
    "GET ",
    "POST ",
    "PUT ",
    "CONNECT ",
    "OPTIONS ",
    "TRACE ",
    " HTTP/1.1",
    " HTTP/1.0",
    "HTTP/2",
  ],
  ...["\r\n", "\n", "\r", "\u0000", ":", "/", "//", "/../", "%2e%2e%2f", "%00", "%", "?", "#", "*"],
  ...["Host: ", "Host: evil.example\r\n", "Content-Length: 99999\r\n", "Content-Length: -1\r\n"],
  ...["Transfer-Encoding: chunked\r\n", "Expect: 100-continue\r\n", "Connection: upgrade\r\n"],
  ...["http://evil.example/", "[::1]", "Authorization: ", "Bearer ", "Basic ", "A".repeat(20_000)],
  ...["partition=99999999999", "topic=", "&group=", ...INHERITED],
];
/** What an answer may be; 500 would be a fault of ours. */
const STATUSES = new Set([200, 400, 401, 403, 404, 405, 408, 413, 414, 417, 421, 431, 503]);
const LOOK_EVERY = 500;

/** Whoever connects to the daemon's port. */
export function httpTarget(): Target {
  let running: Promise<Running> | undefined;
  let asked = 0;
  const read = async (input: Buffer): Promise<boolean> => {
    running ??= startHttp(() => viewOf(() => STATUS), { token: () => TOKEN, publicPaths: PUBLIC });
    const { server, errors, ask } = await running;
    const { port } = new URL(server.url);
    const status = await answered(Number(port), input);
    must(status === undefined || STATUSES.has(status), `status ${status}`);
    must(errors.length === 0, `no route throws: ${String(errors[0])}`);
    asked += 1;
    if (asked % LOOK_EVERY === 0) {
      const { status: well } = await ask("/healthz", { authorization: `Bearer ${TOKEN}` });
      must(well === 200, "others are answered");
    }
    return status === 200;
  };
  const close = async (): Promise<void> => {
    const open = await running;
    open?.streams.close();
    await open?.server.close();
  };
  return { name: "http-requests", shape: "lines", seeds: SEEDS, words: WORDS, read, close };
}

/** The status of the first answer; undefined when the connection was closed without one. */
function answered(port: number, input: Buffer): Promise<number | undefined> {
  return new Promise((resolve) => {
    let text = "";
    const socket = connect(port, "127.0.0.1", () => socket.end(input));
    socket.on("data", (piece: Buffer) => {
      text += piece.toString("latin1");
      const status = /^HTTP\/1\.1 (\d{3}) /.exec(text)?.[1];
      if (status === undefined || status === "100") return;
      resolve(Number(status));
      socket.destroy();
    });
    // The other side may close while the rest of a request is written.
    socket.on("error", () => socket.destroy());
    socket.on("close", () => resolve(undefined));
  });
}
