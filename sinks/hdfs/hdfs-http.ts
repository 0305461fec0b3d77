import { type IncomingHttpHeaders, type IncomingMessage, Agent, request as plain } from "node:http";
import { Agent as TlsAgent, type AgentOptions, request as secure } from "node:https";
import { SinkError } from "../../src/sdk/sink-error.ts";
import { transportError } from "./hdfs-error.ts";

/** Written at once, so that an abort is seen between pieces and sockets set the pace. */
const WRITE_BYTES = 1 << 20;
/** Idle connections are closed before any server does, or a request would meet a closing one. */
const KEEP_IDLE_MS = 4_000;
const CONNECTIONS = 64;

export interface HttpOptions {
  /** Longest time without any progress of a request. */
  readonly idleMs: number;
  readonly tls: AgentOptions;
}

export interface HttpRequest {
  readonly method: "GET" | "PUT" | "DELETE";
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: Uint8Array;
  /** Names the step in errors: `CREATE /a/b`. */
  readonly doing: string;
}

export interface HttpAnswer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  /** The body in pieces; has to be read to its end or left by `break`, which closes it. */
  readonly body: AsyncIterable<Uint8Array>;
}

/** Requests over kept connections. No retries, no redirects, no state but the connections. */
export class HttpLine {
  readonly #options: HttpOptions;
  readonly #agent: Agent;
  readonly #tlsAgent: TlsAgent;

  constructor(options: HttpOptions) {
    this.#options = options;
    const kept = { keepAlive: true, timeout: KEEP_IDLE_MS, maxSockets: CONNECTIONS };
    this.#agent = new Agent(kept);
    this.#tlsAgent = new TlsAgent({ ...options.tls, ...kept });
  }

  /**
   * Resolves with the head of the answer. Rejects with a `TransportError`, or the signal's reason.
   */
  async send(r: HttpRequest, signal: AbortSignal): Promise<HttpAnswer> {
    signal.throwIfAborted();
    const { host } = r.url;
    try {
      const answer = await this.#exchange(r, signal);
      const { statusCode: status = 0, headers } = answer;
      return { status, headers, body: this.#pieces(answer, r, signal) };
    } catch (error) {
      if (signal.aborted) throw signal.reason;
      throw transportError(error, r.doing, host);
    }
  }

  close(): void {
    this.#agent.destroy();
    this.#tlsAgent.destroy();
  }

  #exchange(r: HttpRequest, signal: AbortSignal): Promise<IncomingMessage> {
    const tls = r.url.protocol === "https:";
    const length = r.method === "PUT" ? { "content-length": String(r.body?.length ?? 0) } : {};
    const options = {
      method: r.method,
      headers: { ...r.headers, ...length },
      agent: tls ? this.#tlsAgent : this.#agent,
      timeout: this.#options.idleMs,
      signal,
    };
    return new Promise((resolve, reject) => {
      const request = tls ? secure(r.url, options) : plain(r.url, options);
      request.on("timeout", () => request.destroy(this.#idle()));
      request.on("error", reject);
      request.on("response", (answer) => {
        // From here on the reader of the body watches the time; it may be the slow one.
        request.setTimeout(0);
        answer.on("error", reject);
        resolve(answer);
      });
      if (r.body === undefined) request.end();
      else this.#write(request, r.body);
    });
  }

  #write(request: ReturnType<typeof plain>, body: Uint8Array): void {
    let at = 0;
    const more = (): void => {
      while (at < body.length && !request.destroyed) {
        const piece = body.subarray(at, at + WRITE_BYTES);
        at += piece.length;
        if (!request.write(piece) && at < body.length) {
          request.once("drain", more);
          return;
        }
      }
      if (!request.destroyed) request.end();
    };
    more();
  }

  async *#pieces(
    answer: IncomingMessage,
    r: HttpRequest,
    signal: AbortSignal,
  ): AsyncGenerator<Uint8Array> {
    const items = answer[Symbol.asyncIterator]() as AsyncIterator<Uint8Array>;
    try {
      for (;;) {
        const timer = setTimeout(() => answer.destroy(this.#idle()), this.#options.idleMs);
        const next = await items.next().finally(() => clearTimeout(timer));
        if (next.done === true) return;
        yield next.value;
      }
    } catch (error) {
      if (signal.aborted) throw signal.reason;
      throw transportError(error, r.doing, r.url.host);
    } finally {
      if (!answer.complete) answer.destroy();
    }
  }

  #idle(): Error {
    return new Error(`no answer within ${this.#options.idleMs} ms`);
  }
}

/** A whole small body. @throws SinkError when it is longer than `maxBytes`. */
export async function readBody(answer: HttpAnswer, maxBytes: number): Promise<Buffer> {
  const pieces: Uint8Array[] = [];
  let length = 0;
  for await (const piece of answer.body) {
    length += piece.length;
    if (length > maxBytes) {
      throw new SinkError("sink-transient", `HDFS answered more than ${maxBytes} bytes`);
    }
    pieces.push(piece);
  }
  return Buffer.concat(pieces);
}
