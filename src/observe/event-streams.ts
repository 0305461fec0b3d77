import type { ServerResponse } from "node:http";
import { type HttpAnswer, plain } from "./http.ts";
import { changes } from "./live.ts";
import type { LiveReport } from "./live-report.ts";

const MAX_STREAMS = 20;
/** What a reader may leave unread beyond one whole report; who reads slower is dropped. */
const MAX_UNREAD_BYTES = 1 << 20;
/** Read by the browser: how long it waits before it connects again. */
const RETRY_MS = 2_000;

/** Server-sent events: the whole report at first, then what changed, made once for all readers. */
export class EventStreams {
  readonly #report: () => LiveReport;
  /** With the bytes that a reader has had from the start. */
  readonly #open = new Map<ServerResponse, { readonly firstBytes: number }>();
  #last: LiveReport | null = null;

  constructor(report: () => LiveReport) {
    this.#report = report;
  }

  get size(): number {
    return this.#open.size;
  }

  /** Takes the response over; an answer instead when there are too many. */
  open(response: ServerResponse): HttpAnswer | null {
    if (this.#open.size >= MAX_STREAMS) {
      return plain(503, `${MAX_STREAMS} event streams are open already`);
    }
    // Those that are there take this report too, so that all have the same one to change.
    if (this.#open.size > 0) this.send();
    else this.#last = this.#report();
    const whole = frame("report", this.#last);
    response.writeHead(200, { "content-type": "text/event-stream; charset=utf-8" });
    response.socket?.setTimeout(0);
    response.on("close", () => this.#open.delete(response));
    response.on("error", () => response.destroy());
    this.#open.set(response, { firstBytes: Buffer.byteLength(whole) });
    response.write(`retry: ${RETRY_MS}\n\n${whole}`);
    return null;
  }

  /** Once a second: what changed since the last time. */
  send(): void {
    if (this.#open.size === 0) return;
    const report = this.#report();
    const text = frame("update", this.#last === null ? report : changes(this.#last, report));
    this.#last = report;
    for (const [response, { firstBytes }] of this.#open) {
      if (response.writableLength > firstBytes + MAX_UNREAD_BYTES) response.destroy();
      else response.write(text);
    }
  }

  close(): void {
    for (const response of this.#open.keys()) response.destroy();
    this.#open.clear();
  }
}

const frame = (event: string, data: unknown): string =>
  `event: ${event}\ndata: ${JSON.stringify(data)}\n\n`;
