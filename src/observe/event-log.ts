import type { Description } from "../core/description.ts";
import type { Scope } from "../core/scope.ts";
import type { ArchiverEvent, BatchConfirmed, BatchSealed } from "./events.ts";
import type { Log } from "./log.ts";

/** How the log says each event: one line per batch at `info`, never one per record. */
export function logEvent(log: Log, event: ArchiverEvent): void {
  switch (event.what) {
    case "batch-sealed":
      return log.debug({ ...batchFields(event.batch), ...sealFields(event) }, "batch sealed");
    case "batch-confirmed":
      if (event.batch.deadLettered > 0n) {
        const { start, end, deadLettered } = event.batch;
        const fields = { ...scopeFields(event.batch), start, end, deadLettered };
        log.warn(fields, "the batch holds record batches that cannot be decoded, raw");
      }
      return log.info(confirmedFields(event), "batch confirmed by every sink");
    case "committed":
      return log.debug(
        { ...scopeFields(event.scope), offset: event.offset, why: event.why },
        "committed",
      );
    case "batch-adopted": {
      const { scope, start, end } = event;
      return log.info({ ...scopeFields(scope), start, end }, "batch taken over from a sink");
    }
    case "sink-detached": {
      const { scope, sink, offset } = event;
      return log.warn({ ...scopeFields(scope), sink, offset }, "goes on without a sink");
    }
    case "sink-filled": {
      const { scope, sink, start, end } = event;
      return log.info({ ...scopeFields(scope), sink, start, end }, "batch copied to a sink");
    }
    case "sink-attached":
      return log.info({ ...scopeFields(event.scope), sink: event.sink }, "sink caught up");
    case "batch-revised": {
      const { scope, start, revision } = event;
      return log.warn(
        { ...scopeFields(scope), start, revision },
        "batch made anew with other content",
      );
    }
    case "step-retried":
      return log.warn(
        { ...scopeFields(event.scope), step: event.step, error: event.error },
        "step is tried again",
      );
    case "metadata-ignored":
      return log.warn(
        { ...scopeFields(event.scope), reason: event.reason },
        "committed metadata ignored",
      );
    case "partition-stopped": {
      const { scope, code, text } = event;
      return log.error(
        { ...scopeFields(scope), code, error: text },
        "partition stopped: it needs you",
      );
    }
    case "partition-ended":
      return log.debug(scopeFields(event.scope), "partition given up");
    case "fetched":
      return log.trace(fieldsOf(event), "fetched");
    case "sink-called":
      return log.trace(fieldsOf(event), "sink called");
    default:
      return logProcess(log, event);
  }
}

type ProcessEvent = Extract<
  ArchiverEvent,
  | { what: "daemon-started" | "daemon-stopping" | "partitions-assigned" | "membership-lost" }
  | { what: "sink-state" | "fetch-failed" | "warned" }
  | { what: "pipeline-failed" | "config-reloaded" | "reload-refused" }
>;

function logProcess(log: Log, event: ProcessEvent): void {
  switch (event.what) {
    case "daemon-started":
      return log.info(fieldsOf(event), "started");
    case "daemon-stopping":
      return log.info(fieldsOf(event), "stopping: batches under way are delivered");
    case "pipeline-failed":
      return log.error(fieldsOf(event), "pipeline cannot go on; the others do");
    case "config-reloaded":
      return log.info(fieldsOf(event), "configuration read again");
    case "reload-refused":
      return log.error(fieldsOf(event), "configuration not taken: what ran before goes on");
    case "partitions-assigned":
      return log.info(fieldsOf(event), "partitions assigned");
    case "membership-lost":
      return log.warn(fieldsOf(event), "membership of the group lost; joining again");
    case "sink-state":
      if (event.state === "ok") return log.info(fieldsOf(event), "sink is well");
      if (event.state === "parked")
        return log.error(fieldsOf(event), "sink refuses the credentials");
      return log.warn(fieldsOf(event), "sink does not answer as it should; trying again");
    case "fetch-failed":
      return log.warn(fieldsOf(event), "fetch failed; trying again");
    case "warned":
      return log.warn({ code: event.code }, event.text);
  }
}

/** An event's own fields; what it was is the line's text, and which pipeline's the log's own field. */
function fieldsOf(event: ArchiverEvent): object {
  const { what: _what, pipeline: _pipeline, ...fields } = event;
  return fields;
}

const scopeFields = ({ topic, topicId, partition, branch }: Scope): object => ({
  topic,
  topicId,
  partition,
  ...(branch === 0 ? {} : { branch }),
});

const batchFields = (b: Description): object => ({
  ...scopeFields(b),
  start: b.start,
  end: b.end,
  records: b.records,
});

const sealFields = ({ batch, rawBytes, ms, reason }: BatchSealed): object => ({
  reason,
  rawBytes,
  storedBytes: batch.seal.size,
  sealMs: Math.round(ms),
});

function confirmedFields({ batch: b, ms }: BatchConfirmed): object {
  const without = b.end - b.start - b.records;
  return {
    ...batchFields(b),
    ...(without === 0n ? {} : { holes: without }),
    ...(b.revision === 0 ? {} : { revision: b.revision }),
    contentBytes: b.seal.contentSize,
    storedBytes: b.seal.size,
    deliverMs: Math.round(ms),
    path: b.seal.path,
  };
}
