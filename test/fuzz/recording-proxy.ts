import { createServer, type IncomingMessage, request, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { type Exchange, HERE, keyOf } from "./exchanges.ts";

/** Passes on what a sink asks, and keeps what the store answers. */
export class RecordingProxy {
  readonly #server: Server;
  readonly #upstream: URL;
  /** Of the server that the last redirect named: HDFS sends data elsewhere. */
  #redirected: URL | undefined;
  #kept: Exchange[] = [];

  private constructor(server: Server, upstream: URL) {
    this.#server = server;
    this.#upstream = upstream;
  }

  static async open(upstream: string): Promise<RecordingProxy> {
    const server = createServer();
    const proxy = new RecordingProxy(server, new URL(upstream));
    server.on("request", (from, to) => {
      proxy.#pass(from).then(
        ({ answer, body }) => {
          to.writeHead(answer.statusCode ?? 502, answer.rawHeaders);
          to.end(from.method === "HEAD" ? undefined : body);
        },
        (error: unknown) => {
          console.error(error);
          to.destroy();
        },
      );
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    return proxy;
  }

  get url(): string {
    return `http://${this.#authority}`;
  }

  get #authority(): string {
    return `127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** What was kept since the last time. */
  take(): readonly Exchange[] {
    const kept = this.#kept;
    this.#kept = [];
    return kept;
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  async #pass(from: IncomingMessage): Promise<{ answer: IncomingMessage; body: Buffer }> {
    const { method = "GET", url = "/", rawHeaders } = from;
    const sent = await whole(from);
    const toData = url.includes("namenoderpcaddress=");
    const { hostname, port } = (toData ? this.#redirected : undefined) ?? this.#upstream;
    const answer = await new Promise<IncomingMessage>((resolve, reject) => {
      const asked = { hostname, port, method, path: url, headers: rawHeaders, agent: false };
      const onward = request(asked, resolve);
      onward.once("error", reject);
      onward.end(sent);
    });
    const body = await whole(answer);
    const at = answer.rawHeaders.findIndex((h, i) => i % 2 === 0 && h.toLowerCase() === "location");
    const place = answer.rawHeaders[at + 1] ?? "";
    if (at >= 0 && URL.canParse(place)) {
      const location = new URL(place);
      this.#redirected = new URL(location);
      location.host = this.#authority;
      answer.rawHeaders[at + 1] = location.href;
    }
    const here = (text: string): string => text.replaceAll(this.#authority, HERE);
    const headers = answer.rawHeaders.map(here);
    const kept = Buffer.from(here(body.toString("latin1")), "latin1").toString("base64");
    const status = answer.statusCode ?? 0;
    this.#kept.push({ key: keyOf(method, url), status, headers, body: kept });
    return { answer, body };
  }
}

async function whole(message: IncomingMessage): Promise<Buffer> {
  const pieces: Buffer[] = [];
  for await (const piece of message as AsyncIterable<Buffer>) pieces.push(piece);
  return Buffer.concat(pieces);
}
