import type { z } from "zod";
import { checked } from "../../src/core/checked.ts";
import { messageOf } from "../../src/core/message.ts";
import { SinkError } from "../../src/sdk/sink-error.ts";
import { parsed, remoteException } from "./hdfs-answers.ts";
import { hdfsError, isStandby, TransportError } from "./hdfs-error.ts";
import { type HttpAnswer, type HttpLine, type HttpRequest, readBody } from "./hdfs-http.ts";

export interface NameNodesOptions {
  /** NameNodes, or gateways in front of them; the first one that is active is used. */
  readonly urls: readonly URL[];
  /** Who asks: `user.name`, `delegation` and the like, asked for before every request. */
  readonly identify: () => Promise<Readonly<Record<string, string>>>;
  /** Value of the Authorization header; only ever sent to `urls`. */
  readonly authorization: string | undefined;
  /** Where a DataNode (host:port) is reached instead of where the NameNode says. */
  readonly dataNodes: Readonly<Record<string, string>>;
}

export interface Call {
  readonly method: "GET" | "PUT" | "DELETE";
  readonly op: string;
  /** Absolute in HDFS. */
  readonly path: string;
  readonly params?: Readonly<Record<string, string>>;
}

const MAX_HOPS = 3;
const MAX_ERROR_BYTES = 256 << 10;
const REDIRECTS = new Set([301, 302, 303, 307, 308]);

/** Asks the active NameNode of a list, and follows it to DataNodes. */
export class NameNodes {
  readonly #http: HttpLine;
  readonly #options: NameNodesOptions;
  /** Index of the one that answered last. */
  #active = 0;

  constructor(http: HttpLine, options: NameNodesOptions) {
    this.#http = http;
    this.#options = options;
  }

  /** A call that the NameNode answers itself, with JSON of this form. */
  async ask<T>(
    call: Call,
    schema: z.ZodType<T>,
    maxBytes: number,
    signal: AbortSignal,
  ): Promise<T> {
    const answer = await this.#overAll(call, signal);
    if (answer.status === 200) {
      return parsed(schema, await readBody(answer, maxBytes), doingOf(call));
    }
    throw await this.#refused(answer, call);
  }

  /** A call whose answer has no body that matters. */
  async tell(call: Call, signal: AbortSignal): Promise<Buffer> {
    const answer = await this.#overAll(call, signal);
    if (answer.status !== 200) throw await this.#refused(answer, call);
    return readBody(answer, MAX_ERROR_BYTES);
  }

  /** A call that a DataNode answers; the caller reads the body. `status` is what means success. */
  async follow(
    call: Call,
    status: number,
    body: Uint8Array | undefined,
    signal: AbortSignal,
  ): Promise<HttpAnswer> {
    let answer = await this.#overAll(call, signal);
    for (let hop = 0; hop < MAX_HOPS && REDIRECTS.has(answer.status); hop++) {
      await readBody(answer, MAX_ERROR_BYTES);
      const url = this.#redirected(answer, call);
      const request = {
        method: call.method,
        url,
        headers: this.#headers(url),
        doing: doingOf(call),
      };
      const typed = { "content-type": "application/octet-stream", ...request.headers };
      const sent = body === undefined ? request : { ...request, headers: typed, body };
      answer = located(await this.#http.send(sent, signal), url);
    }
    if (answer.status === status) return answer;
    throw await this.#refused(answer, call);
  }

  /** A page of a server beside WebHDFS (`/conf`), from the NameNode or a host that it named. */
  async page(url: URL, maxBytes: number, signal: AbortSignal): Promise<Buffer | undefined> {
    const request = { method: "GET", url, headers: this.#headers(url), doing: "GET" } as const;
    const answer = await this.#http.send(request, signal);
    const body = await readBody(answer, maxBytes);
    return answer.status === 200 ? body : undefined;
  }

  /** Where a call is redirected to; nothing is done there. */
  async whereTo(call: Call, signal: AbortSignal): Promise<URL> {
    const answer = await this.#overAll(call, signal);
    if (!REDIRECTS.has(answer.status)) throw await this.#refused(answer, call);
    await readBody(answer, MAX_ERROR_BYTES);
    return this.#redirected(answer, call);
  }

  get activeUrl(): URL {
    return this.#url(this.#active);
  }

  close(): void {
    this.#http.close();
  }

  /**
   * The answer of the first NameNode that is active. One that cannot be reached or is on standby is
   * passed over. One whose connection broke may have done what was asked: unless that only reads,
   * it is an error, and the next call begins with the next one.
   */
  async #overAll(call: Call, signal: AbortSignal): Promise<Located> {
    const { length } = this.#options.urls;
    const first = this.#active;
    const errors: unknown[] = [];
    for (let i = 0; i < length; i++) {
      const index = (first + i) % length;
      try {
        const answer = await this.#one(this.#url(index), call, signal);
        this.#active = index;
        return answer;
      } catch (error) {
        signal.throwIfAborted();
        const broken = error instanceof TransportError;
        const harmless = broken && (!error.asked || call.method === "GET");
        if (broken) this.#active = (index + 1) % length;
        if (!harmless && !isStandby(error)) throw error;
        errors.push(error);
      }
    }
    if (errors.length === 1) throw errors[0];
    const text = `no NameNode is active: ${errors.map(messageOf).join("; ")}`;
    throw new SinkError("sink-transient", text, { cause: new AggregateError(errors) });
  }

  async #one(base: URL, call: Call, signal: AbortSignal): Promise<Located> {
    const url = new URL(base);
    url.pathname = `${base.pathname.replace(/\/+$/, "")}/webhdfs/v1${encodePath(call.path)}`;
    const identity = await this.#options.identify();
    url.search = new URLSearchParams({ op: call.op, ...call.params, ...identity }).toString();
    const { method } = call;
    const request: HttpRequest = { method, url, headers: this.#headers(url), doing: doingOf(call) };
    const answer = located(await this.#http.send(request, signal), url);
    if (answer.status < 400) return answer;
    throw await this.#refused(answer, call);
  }

  #url(index: number): URL {
    const url = this.#options.urls[index];
    if (url === undefined) throw new SinkError("sink-permanent", "no NameNode is configured");
    return url;
  }

  #headers(url: URL): Readonly<Record<string, string>> {
    const { authorization, urls } = this.#options;
    if (authorization === undefined || !urls.some((u) => u.origin === url.origin)) return {};
    return { authorization };
  }

  #redirected(answer: Located, call: Call): URL {
    const { location = "" } = answer.headers;
    if (!URL.canParse(location, answer.url.href)) {
      throw new SinkError("sink-transient", `${doingOf(call)} was redirected to nowhere`);
    }
    const url = new URL(location, answer.url);
    const instead = this.#options.dataNodes[url.host];
    if (instead !== undefined) url.host = instead;
    const downgraded = answer.url.protocol === "https:" && url.protocol !== "https:";
    if (url.protocol !== "http:" && (url.protocol !== "https:" || downgraded)) {
      throw new SinkError("sink-permanent", `${doingOf(call)} was redirected to ${url.protocol}`);
    }
    if (downgraded) {
      const text =
        `${doingOf(call)} was redirected from https to http (${url.host}), which would show data ` +
        "and token on the way; let DataNodes speak https (dfs.http.policy)";
      throw new SinkError("sink-permanent", text);
    }
    return url;
  }

  async #refused(answer: HttpAnswer, call: Call): Promise<SinkError> {
    const { url } = answer as Located;
    const body = await readBody(answer, MAX_ERROR_BYTES);
    const remote = checked(remoteException, jsonOrNothing(body));
    const named = remote.success ? remote.data.RemoteException : undefined;
    return hdfsError({
      doing: call.op,
      path: call.path,
      host: url.host,
      status: answer.status,
      exception: named?.exception.replace(/^.*\./, "") ?? "",
      message: named?.message ?? "",
      retryAfterMs: retryAfterMs(answer.headers["retry-after"]),
    });
  }
}

type Located = HttpAnswer & { readonly url: URL };

const located = (answer: HttpAnswer, url: URL): Located => ({ ...answer, url });

const doingOf = (call: Call): string => `${call.op} ${call.path}`;

const encodePath = (path: string): string => path.split("/").map(encodeURIComponent).join("/");

function jsonOrNothing(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString("utf8"));
  } catch (error) {
    // A gateway's page in HTML: the status says what there is to know.
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

function retryAfterMs(header: string | undefined): number | undefined {
  if (header === undefined) return undefined;
  const ms = /^\d{1,6}$/.test(header) ? Number(header) * 1000 : Date.parse(header) - Date.now();
  return Number.isFinite(ms) && ms > 0 ? ms : undefined;
}
