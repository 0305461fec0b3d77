import {
  context,
  type Span,
  SpanKind,
  SpanStatusCode,
  trace,
  type Tracer,
} from "@opentelemetry/api";
import type { Description } from "../../core/description.ts";
import type { ArchiverEvent, BatchConfirmed, BatchSealed } from "../events.ts";

/** Batches that are sealed and not confirmed: those of a partition that stopped are forgotten here. */
const MAX_SEALED = 4_096;

interface Sealed {
  readonly fromMs: number;
  readonly toMs: number;
  readonly rawBytes: number;
  readonly reason: string;
}

const keyOf = (b: Description): string =>
  `${b.topicId}/${b.topic}/${b.partition}/${b.branch}/${b.start}`;

/** A trace for each batch that every sink confirmed: sealed, then delivered. */
export class BatchSpans {
  readonly #tracer: Tracer;
  readonly #sealed = new Map<string, Sealed>();

  constructor(tracer: Tracer) {
    this.#tracer = tracer;
  }

  take(event: ArchiverEvent): void {
    const nowMs = Date.now();
    if (event.what === "batch-sealed") this.#keep(event, nowMs);
    if (event.what === "batch-confirmed") this.#confirmed(event, nowMs);
    if (event.what === "partition-stopped") {
      const { topic, partition } = event.scope;
      const attributes = {
        "messaging.destination.name": topic,
        "messaging.destination.partition.id": String(partition),
      };
      const span = this.#tracer.startSpan("partition stopped", { startTime: nowMs, attributes });
      span.setStatus({ code: SpanStatusCode.ERROR, message: event.text });
      span.setAttribute("error.type", event.code);
      span.end(nowMs);
    }
  }

  #keep({ batch, ms, rawBytes, reason }: BatchSealed, nowMs: number): void {
    const oldest = this.#sealed.keys().next().value;
    if (this.#sealed.size >= MAX_SEALED && oldest !== undefined) this.#sealed.delete(oldest);
    this.#sealed.set(keyOf(batch), { fromMs: nowMs - ms, toMs: nowMs, rawBytes, reason });
  }

  #confirmed({ batch, ms }: BatchConfirmed, nowMs: number): void {
    const key = keyOf(batch);
    const sealed = this.#sealed.get(key);
    this.#sealed.delete(key);
    const deliverFromMs = nowMs - ms;
    const root = this.#tracer.startSpan("archive batch", {
      kind: SpanKind.CONSUMER,
      startTime: Math.min(sealed?.fromMs ?? deliverFromMs, deliverFromMs),
      attributes: attributesOf(batch, sealed),
    });
    if (sealed !== undefined) this.#child(root, "seal", sealed.fromMs, sealed.toMs);
    this.#child(root, "deliver", deliverFromMs, nowMs);
    root.end(nowMs);
  }

  #child(root: Span, name: string, fromMs: number, toMs: number): void {
    const under = trace.setSpan(context.active(), root);
    this.#tracer.startSpan(name, { startTime: fromMs }, under).end(toMs);
  }
}

/** Offsets as text: attributes hold no integers beyond 2^53. */
function attributesOf(b: Description, sealed: Sealed | undefined): Record<string, string | number> {
  return {
    "messaging.system": "kafka",
    "messaging.operation.type": "settle",
    "messaging.destination.name": b.topic,
    "messaging.destination.partition.id": String(b.partition),
    "messaging.batch.message_count": Number(b.records),
    "bulk_archiver.start": String(b.start),
    "bulk_archiver.end": String(b.end),
    "bulk_archiver.path": b.seal.path,
    "bulk_archiver.stored_bytes": b.seal.size,
    "bulk_archiver.revision": b.revision,
    ...(sealed === undefined
      ? {}
      : { "bulk_archiver.raw_bytes": sealed.rawBytes, "bulk_archiver.cut_by": sealed.reason }),
  };
}
