import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { Socket } from "node:net";
import { ArchiverError } from "../core/errors.ts";
import { messageOf } from "../core/message.ts";
import { type Access, refusalOf } from "./access.ts";

export interface HttpAnswer {
  readonly status: number;
  readonly type: string;
  readonly body: string;
}

/** An answer as a whole, or a response that stays open and is written to as things happen. */
export type Route =
  | ((query: URLSearchParams) => HttpAnswer | Promise<HttpAnswer>)
  | { readonly open: (response: ServerResponse) => HttpAnswer | null };

export interface HttpOptions {
  readonly host: string;
  /** 0: any free one. */
  readonly port: number;
  readonly access: Access;
  /** By path, without the query. */
  readonly routes: ReadonlyMap<string, Route>;
  /** Told of what a route threw; the client gets no details. */
  readonly onError: (error: unknown) => void;
}

const MAX_CONNECTIONS = 200;
const MAX_BY_ADDRESS = 60;
const MAX_HEADER_BYTES = 16 << 10;
const PIECE_BYTES = 512;
/** A client that takes nothing for so long is gone. */
const IDLE_MS = 30_000;

/** Read-only: nothing here changes anything. */
export class HttpServer {
  readonly url: string;
  readonly #server: Server;

  private constructor(server: Server, host: string) {
    this.#server = server;
    const address = server.address();
    const port = typeof address === "object" && address !== null ? address.port : 0;
    this.url = `http://${host.includes(":") ? `[${host}]` : host}:${port}`;
  }

  /** @throws ArchiverError port-busy */
  static async open(options: HttpOptions): Promise<HttpServer> {
    const { host, port } = options;
    const server = createServer(
      {
        maxHeaderSize: MAX_HEADER_BYTES,
        headersTimeout: 5_000,
        requestTimeout: 10_000,
        keepAliveTimeout: 5_000,
        // Node looks for requests that are too slow only so often.
        connectionsCheckingInterval: 1_000,
        requireHostHeader: true,
      },
      (request, response) => {
        if (!inTurn(request, response)) return;
        void answer(request, response, options);
      },
    );
    server.maxConnections = MAX_CONNECTIONS;
    limitByAddress(server);
    parseInPieces(server);
    server.setTimeout(IDLE_MS, (socket) => socket.destroy());
    await new Promise<void>((resolve, reject) => {
      server.once("error", (error: NodeJS.ErrnoException) =>
        reject(listenError(error, host, port)),
      );
      server.listen({ host, port, exclusive: true }, resolve);
    });
    server.on("error", options.onError);
    return new HttpServer(server, host);
  }

  async close(): Promise<void> {
    await new Promise<void>((resolve) => {
      this.#server.close(() => resolve());
      this.#server.closeAllConnections();
    });
  }
}

/** Connections on which an answer is under way. */
const answering = new WeakSet<Socket>();

/**
 * False for a request that was sent before the answer to the one before it: thousands of them come in one piece,
 * and each would be answered, read or not. No browser, probe or scraper sends so; who does is cut off.
 */
function inTurn({ socket }: IncomingMessage, response: ServerResponse): boolean {
  if (socket.destroyed) return false;
  if (answering.has(socket)) {
    socket.destroy();
    return false;
  }
  answering.add(socket);
  response.once("close", () => answering.delete(socket));
  return true;
}

/** One asker cannot take all connections, so that probes and scrapers get theirs. */
function limitByAddress(server: Server): void {
  const open = new Map<string, number>();
  server.on("connection", (socket) => {
    const from = socket.remoteAddress ?? "";
    const count = open.get(from) ?? 0;
    if (count >= MAX_BY_ADDRESS) return void socket.destroy();
    open.set(from, count + 1);
    socket.once("close", () => {
      const left = (open.get(from) ?? 1) - 1;
      if (left === 0) open.delete(from);
      else open.set(from, left);
    });
  });
}

/**
 * What was read goes to the parser in pieces: a connection that is cut off in the midst of a read is not parsed to
 * its end, where thousands of requests may wait, each an object of some kilobytes.
 */
function parseInPieces(server: Server): void {
  server.on("connection", (socket) => {
    // With a listener the bytes go by way of `push`; without one straight to the parser.
    socket.on("data", () => undefined);
    const push = socket.push.bind(socket);
    socket.push = (chunk: unknown, encoding?: BufferEncoding): boolean => {
      if (!(chunk instanceof Uint8Array)) return push(chunk, encoding);
      let wanted = true;
      for (let at = 0; at < chunk.length && !socket.destroyed; at += PIECE_BYTES) {
        wanted = push(chunk.subarray(at, at + PIECE_BYTES));
      }
      return wanted;
    };
  });
}

function listenError(error: NodeJS.ErrnoException, host: string, port: number): ArchiverError {
  const where = `http.listen ${host}:${port}`;
  if (error.code === "EADDRINUSE") {
    return new ArchiverError("port-busy", `${where}: another process listens there`, {
      cause: error,
    });
  }
  return new ArchiverError("port-busy", `${where}: ${messageOf(error)}`, { cause: error });
}

/** Nothing from elsewhere, nothing inline: the page's own files and this server only. */
const CONTENT_POLICY = [
  ...["default-src 'none'", "script-src 'self'", "style-src 'self'", "img-src 'self' data:"],
  ...["connect-src 'self'", "base-uri 'none'", "form-action 'none'", "frame-ancestors 'none'"],
].join("; ");

const HEADERS = {
  "content-security-policy": CONTENT_POLICY,
  "x-content-type-options": "nosniff",
  "x-frame-options": "DENY",
  "referrer-policy": "no-referrer",
  "cross-origin-resource-policy": "same-origin",
  "cross-origin-opener-policy": "same-origin",
  "permissions-policy": "camera=(), geolocation=(), microphone=()",
  "cache-control": "no-store",
} as const;

/** Never rejects: what a route throws becomes a 500 here and a log line there. */
async function answer(
  request: IncomingMessage,
  response: ServerResponse,
  options: HttpOptions,
): Promise<void> {
  let found: HttpAnswer | null;
  try {
    found = await route(request, response, options);
  } catch (error) {
    options.onError(error);
    found = plain(500, "unexpected failure; the log has it");
  }
  if (found === null || response.headersSent || response.destroyed) return;
  const { status, type, body } = found;
  const bytes = Buffer.from(body, "utf8");
  response.writeHead(status, {
    ...HEADERS,
    ...more(status),
    "content-type": type,
    "content-length": bytes.length,
  });
  response.end(request.method === "HEAD" ? undefined : bytes);
}

function more(status: number): Readonly<Record<string, string>> {
  if (status === 405) return { allow: "GET, HEAD" };
  if (status === 401) return { "www-authenticate": 'Basic realm="bulk-archiver", charset="UTF-8"' };
  return status === 503 ? { "retry-after": "5" } : {};
}

/** Null: the response was taken over. */
async function route(
  request: IncomingMessage,
  response: ServerResponse,
  { routes, access }: HttpOptions,
): Promise<HttpAnswer | null> {
  const [path = "/", query = ""] = (request.url ?? "/").split("?");
  const refusal = refusalOf(request, path, access);
  if (refusal !== null) return plain(refusal.status, refusal.text);
  if (request.method !== "GET" && request.method !== "HEAD") return plain(405, "read only");
  const handler = routes.get(path);
  if (handler === undefined) return plain(404, "not found");
  if (typeof handler === "function") return handler(new URLSearchParams(query));
  if (request.method === "HEAD") return plain(405, "a stream has no length: GET it");
  for (const [name, value] of Object.entries(HEADERS)) response.setHeader(name, value);
  return handler.open(response);
}

export const plain = (status: number, text: string): HttpAnswer => ({
  status,
  type: "text/plain; charset=utf-8",
  body: `${text}\n`,
});
