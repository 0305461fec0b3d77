import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { isIP } from "node:net";
import { ArchiverError } from "../core/errors.ts";
import { messageOf } from "../core/message.ts";

export interface HttpAnswer {
  readonly status: number;
  readonly type: string;
  readonly body: string;
}

export interface HttpOptions {
  readonly host: string;
  /** 0: any free one. */
  readonly port: number;
  /** Names by which it may be asked, beside localhost and IP addresses. */
  readonly hosts: readonly string[];
  /** By path, without the query. */
  readonly routes: ReadonlyMap<string, () => HttpAnswer | Promise<HttpAnswer>>;
  /** Told of what a route threw; the client gets no details. */
  readonly onError: (error: unknown) => void;
}

const MAX_CONNECTIONS = 100;
const MAX_HEADER_BYTES = 16 << 10;

/** Read-only and small: nothing here changes anything, so that it needs no more than the Host check. */
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
        requireHostHeader: true,
      },
      (request, response) => void answer(request, response, options),
    );
    server.maxConnections = MAX_CONNECTIONS;
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

function listenError(error: NodeJS.ErrnoException, host: string, port: number): ArchiverError {
  const where = `http.listen ${host}:${port}`;
  if (error.code === "EADDRINUSE") {
    return new ArchiverError("port-busy", `${where}: another process listens there`, {
      cause: error,
    });
  }
  return new ArchiverError("port-busy", `${where}: ${messageOf(error)}`, { cause: error });
}

const HEADERS = {
  "content-security-policy":
    "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  "x-content-type-options": "nosniff",
  "x-frame-options": "DENY",
  "referrer-policy": "no-referrer",
  "cross-origin-resource-policy": "same-origin",
  "cross-origin-opener-policy": "same-origin",
  "cache-control": "no-store",
} as const;

/** Never rejects: what a route throws becomes a 500 here and a log line there. */
async function answer(
  request: IncomingMessage,
  response: ServerResponse,
  options: HttpOptions,
): Promise<void> {
  let found: HttpAnswer;
  try {
    found = await route(request, options);
  } catch (error) {
    options.onError(error);
    found = plain(500, "unexpected failure; the log has it");
  }
  const { status, type, body } = found;
  const allow = status === 405 ? { allow: "GET, HEAD" } : {};
  const bytes = Buffer.from(body, "utf8");
  response.writeHead(status, {
    ...HEADERS,
    ...allow,
    "content-type": type,
    "content-length": bytes.length,
  });
  response.end(request.method === "HEAD" ? undefined : bytes);
}

async function route(request: IncomingMessage, options: HttpOptions): Promise<HttpAnswer> {
  if (!isKnownHost(request.headers.host ?? "", options.hosts)) {
    return plain(421, "this name is not one of http.hosts in the configuration");
  }
  if (request.method !== "GET" && request.method !== "HEAD") return plain(405, "read only");
  const [path = "/"] = (request.url ?? "/").split("?");
  const handler = options.routes.get(path);
  return handler === undefined ? plain(404, "not found") : handler();
}

/**
 * A page of a foreign site cannot ask us by a name that it made point here (DNS rebinding): such a
 * request carries that name, while addresses and localhost cannot be made to point elsewhere.
 */
export function isKnownHost(header: string, hosts: readonly string[]): boolean {
  const [, bracketed, bare] = /^(?:\[([^\]]+)\]|([^:[\]]+))(?::\d{1,5})?$/.exec(header) ?? [];
  if (bracketed !== undefined) return isIP(bracketed) === 6;
  if (bare === undefined) return false;
  const name = bare.toLowerCase().replace(/\.$/, "");
  return name === "localhost" || isIP(name) === 4 || hosts.some((h) => h.toLowerCase() === name);
}

/** Only this machine can ask there. */
export const isLoopback = (host: string): boolean =>
  host === "localhost" || host === "::1" || (isIP(host) === 4 && host.startsWith("127."));

export const plain = (status: number, text: string): HttpAnswer => ({
  status,
  type: "text/plain; charset=utf-8",
  body: `${text}\n`,
});
