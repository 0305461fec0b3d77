import { readFile } from "node:fs/promises";
import { resolve } from "node:path";
import type { Client, errors } from "@elastic/elasticsearch";
import { parse, stringify } from "../../src/core/json.ts";
import { messageOf } from "../../src/core/message.ts";
import { SinkError } from "../../src/sdk/sink-error.ts";
import { errorOf, type Refusal, retryAfterMs } from "./elasticsearch-error.ts";
import type { ElasticsearchConfig } from "./elasticsearch-schema.ts";
import { pinnedAuthority } from "./pinned-authority.ts";

const REQUEST_MS = 60_000;
/** Answers are read whole: a page of records, or what a bulk request was answered. */
const MAX_ANSWER_BYTES = 256 << 20;
/** Compressed answers are not asked for, and the client would unpack any number of bytes of them. */
const MAX_COMPRESSED_BYTES = 1;

/** A request whose refusals are answers: `refused` is left to the caller where it is among `may`. */
export interface Asked {
  readonly method: "GET" | "PUT" | "POST" | "DELETE" | "HEAD";
  readonly path: string;
  readonly query?: Readonly<Record<string, string>>;
  /** JSON, with bigints as integers. */
  readonly body?: unknown;
  /** Lines of NDJSON, as they are. */
  readonly lines?: readonly string[];
  /** Statuses that are no error. */
  readonly may?: readonly number[];
  /** For error texts. */
  readonly what: string;
}

export interface Answered {
  readonly status: number;
  readonly body: unknown;
}

type Errors = typeof errors;

/** Elasticsearch's own client with its retries off: those are the decorators'. Made when first used. */
export class SearchClient {
  readonly #config: ElasticsearchConfig;
  readonly #baseDir: string;
  #made: { readonly client: Client; readonly errors: Errors } | undefined;

  constructor(config: ElasticsearchConfig, baseDir: string) {
    this.#config = config;
    this.#baseDir = baseDir;
  }

  /** @throws SinkError */
  async ask(asked: Asked, signal: AbortSignal): Promise<Answered> {
    signal.throwIfAborted();
    const { client, errors: of } = (this.#made ??= await this.#make(signal));
    const { method, path, query, body, lines, may = [], what } = asked;
    const sent =
      lines !== undefined
        ? { bulkBody: `${lines.join("\n")}\n` }
        : body === undefined
          ? {}
          : { body: body as object };
    try {
      const answer = await client.transport.request(
        { method, path, ...(query === undefined ? {} : { querystring: query }), ...sent },
        { signal, meta: true, ignore: [...may] },
      );
      return { status: answer.statusCode ?? 0, body: answer.body };
    } catch (error) {
      signal.throwIfAborted();
      throw sinkErrorOf(error, of, what);
    }
  }

  async close(): Promise<void> {
    await this.#made?.client.close();
  }

  async #make(signal: AbortSignal): Promise<{ client: Client; errors: Errors }> {
    const driver = await import("@elastic/elasticsearch");
    const { url, rejectUnauthorized } = this.#config;
    const nodes = typeof url === "string" ? [url] : [...url];
    const ca = await this.#authority(nodes, signal);
    const auth = authOf(this.#config);
    const client = new driver.Client({
      nodes,
      maxRetries: 0,
      requestTimeout: REQUEST_MS,
      maxResponseSize: MAX_ANSWER_BYTES,
      maxCompressedResponseSize: MAX_COMPRESSED_BYTES,
      headers: { "accept-encoding": "identity" },
      sniffOnStart: false,
      enableMetaHeader: false,
      ...(auth === undefined ? {} : { auth }),
      tls: { rejectUnauthorized, ...(ca === undefined ? {} : { ca }) },
      // Offsets and timestamps are 64-bit integers.
      Serializer: class extends driver.Serializer {
        override serialize(value: unknown): string {
          return stringify(value);
        }
        override deserialize<T>(json: string): T {
          try {
            return parse(json) as T;
          } catch (error) {
            throw new driver.errors.DeserializationError(messageOf(error), json);
          }
        }
      },
    });
    return { client, errors: driver.errors };
  }

  async #authority(nodes: readonly string[], signal: AbortSignal): Promise<string | undefined> {
    const { ca, caFingerprint } = this.#config;
    if (ca !== undefined) return pem(resolve(this.#baseDir, ca));
    return caFingerprint === undefined ? undefined : pinnedAuthority(nodes, caFingerprint, signal);
  }
}

function sinkErrorOf(error: unknown, of: Errors, what: string): unknown {
  if (error instanceof of.ResponseError) {
    const { body, statusCode, headers } = error.meta;
    const after = retryAfterMs(headers?.["retry-after"] as string | undefined, Date.now());
    return errorOf({ status: statusCode ?? 0, ...refusalIn(body) }, what, after);
  }
  if (error instanceof of.ElasticsearchClientError) {
    const known =
      error instanceof of.ConfigurationError || error instanceof of.ProductNotSupportedError;
    const compressed =
      error instanceof of.RequestAbortedError && error.message.includes("allowed buffer");
    const why = compressed
      ? "a compressed answer, which was not asked for: a proxy before Elasticsearch must not compress"
      : error.message;
    const text = `${what}: ${error.name}: ${why}`;
    return new SinkError(known ? "sink-permanent" : "sink-transient", text, { cause: error });
  }
  // An empty answer that calls itself compressed comes as what zlib says of it.
  if (error instanceof Error && "code" in error && String(error.code).startsWith("Z_")) {
    const text = `${what}: a compressed answer that is none: ${error.message}`;
    return new SinkError("sink-transient", text, { cause: error });
  }
  return error;
}

function authOf(
  c: ElasticsearchConfig,
): { apiKey: string } | { username: string; password: string } | undefined {
  if (c.apiKey !== undefined) return { apiKey: c.apiKey };
  if (c.username === undefined || c.password === undefined) return undefined;
  return { username: c.username, password: c.password };
}

/** The `error` of an answer: an object for Elasticsearch's own, a text for a proxy's. */
export function refusalIn(body: unknown): Pick<Refusal, "type" | "reason"> {
  const error = (body as { error?: unknown } | null | undefined)?.error;
  if (typeof error === "string") return { type: "", reason: error };
  const { type, reason, caused_by: cause } = (error ?? {}) as Record<string, unknown>;
  const deeper = (cause as { reason?: unknown } | undefined)?.reason;
  const texts = [reason, deeper].filter((t) => typeof t === "string");
  return { type: typeof type === "string" ? type : "", reason: texts.join(": ") };
}

async function pem(file: string): Promise<string> {
  try {
    return await readFile(file, "utf8");
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new SinkError("sink-permanent", `cannot read ${file}: ${why}`, { cause });
  }
}
