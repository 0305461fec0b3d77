import {
  Agent,
  createServer,
  type IncomingMessage,
  request,
  type Server,
  type ServerResponse,
} from "node:http";
import type { AddressInfo } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import type { Fault } from "./conformance-target.ts";

const SLOW_MS = 300;
/** What was sent of a torn request gets this long to arrive. */
const TORN_MS = 50;
const MAX_REQUEST_BYTES = 256 << 20;

const STATUS = { busy: 429, unavailable: 503, unauthorized: 401, forbidden: 403 } as const;
const READS: ReadonlySet<string> = new Set(["GET", "HEAD", "OPTIONS", "PROPFIND"]);

/**
 * A port of loopback in front of a store over HTTP, which does to requests what `fault` says. The
 * sink is given `url` instead of the store's; the `Host` header goes on as the sink wrote it.
 */
export class HttpFaults {
  readonly #server: Server;
  readonly #upstream: URL;
  readonly #writes: (request: IncomingMessage) => boolean;
  readonly #agent = new Agent({ keepAlive: true });
  #fault: Fault | null = null;
  #held = 0;
  /** Resolves when the fault of the moment ends. */
  #ended = Promise.withResolvers<void>();

  private constructor(
    server: Server,
    upstream: URL,
    writes: (request: IncomingMessage) => boolean,
  ) {
    this.#server = server;
    this.#upstream = upstream;
    this.#writes = writes;
  }

  /** `writes`: which requests change something. @default all but GET, HEAD, OPTIONS, PROPFIND */
  static async open(
    upstream: URL,
    writes = (r: IncomingMessage): boolean => !READS.has(r.method ?? ""),
  ): Promise<HttpFaults> {
    const server = createServer();
    const faults = new HttpFaults(server, upstream, writes);
    server.on("request", (from, to) => {
      faults.#pass(from, to).catch((error: unknown) => to.destroy(error as Error));
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    return faults;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** How many requests are kept from the store, or are there and not done yet since the fault ended. */
  get held(): number {
    return this.#held;
  }

  fault(fault: Fault | null): void {
    this.#fault = fault;
    this.#ended.resolve();
    this.#ended = Promise.withResolvers();
  }

  async close(): Promise<void> {
    this.fault(null);
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
    this.#agent.destroy();
  }

  async #pass(from: IncomingMessage, to: ServerResponse): Promise<void> {
    const [fault, writes] = [this.#fault, this.#writes(from)];
    const body = await whole(from);
    if (fault !== null && fault in STATUS) {
      const status = STATUS[fault as keyof typeof STATUS];
      const wait = fault === "busy" ? { "retry-after": "2" } : {};
      to.writeHead(status, { "content-type": "text/plain", ...wait }).end("disturbed on purpose\n");
      return;
    }
    const holds = fault === "stuck" || (fault === "late" && writes);
    if (holds) this.#held += 1;
    if (holds) await this.#ended.promise;
    if (fault === "slow") await sleep(SLOW_MS);
    if (fault === "torn" && writes) return this.#tear(from, to, body);
    const answer = await this.#send(from, body).finally(() => (this.#held -= holds ? 1 : 0));
    if (fault === "answer-lost" && writes) {
      await whole(answer);
      from.socket.destroy();
      return;
    }
    to.writeHead(answer.statusCode ?? 502, answer.rawHeaders);
    answer.pipe(to);
  }

  #send(from: IncomingMessage, body: Buffer): Promise<IncomingMessage> {
    return new Promise((resolve, reject) => {
      const onward = this.#begin(from);
      onward.once("response", resolve);
      onward.once("error", reject);
      onward.end(body);
    });
  }

  /** Half of a request, then nothing, to both sides. */
  async #tear(from: IncomingMessage, to: ServerResponse, body: Buffer): Promise<void> {
    const onward = this.#begin(from);
    // It is cut on purpose: what the store makes of that shows in what is there afterwards.
    onward.on("error", () => to.destroy());
    onward.on("response", (answer) => answer.resume());
    onward.write(body.subarray(0, body.length >> 1));
    await sleep(TORN_MS);
    onward.destroy();
    from.socket.destroy();
  }

  #begin(from: IncomingMessage): ReturnType<typeof request> {
    const { hostname, port } = this.#upstream;
    const { method = "GET", url: path = "/", rawHeaders: headers } = from;
    return request({ hostname, port, method, path, headers, agent: this.#agent });
  }
}

async function whole(message: IncomingMessage): Promise<Buffer> {
  const pieces: Buffer[] = [];
  let bytes = 0;
  for await (const piece of message as AsyncIterable<Buffer>) {
    bytes += piece.length;
    if (bytes > MAX_REQUEST_BYTES) throw new Error(`more than ${MAX_REQUEST_BYTES} bytes`);
    pieces.push(piece);
  }
  return Buffer.concat(pieces);
}
