import type { ErrorCode } from "../core/errors.ts";
import { type Scope, scopeText } from "../core/scope.ts";
import type { ArchiverEvent } from "../observe/events.ts";
import type { TaskEvent } from "../pipeline/ports.ts";

/** A task's words in the daemon's catalogue; heads are published, not told. */
export function eventOf(scope: Scope, e: Exclude<TaskEvent, { what: "head" }>): ArchiverEvent {
  switch (e.what) {
    case "sealed":
      return {
        what: "batch-sealed",
        batch: e.batch,
        rawBytes: e.rawBytes,
        ms: e.ms,
        reason: e.reason,
      };
    case "confirmed":
      return { what: "batch-confirmed", batch: e.batch, ms: e.ms };
    case "adopted":
      return { what: "batch-adopted", scope, start: e.start, end: e.end };
    case "revised":
      return { what: "batch-revised", scope, start: e.start, revision: e.revision };
    case "committed":
      return { what: "committed", scope, offset: e.offset, why: e.why };
    case "retry":
      return { what: "step-retried", scope, step: e.effect.split(" ")[0] ?? "", error: e.error };
    case "metadata-ignored":
      return { what: "metadata-ignored", scope, reason: e.reason };
    case "stopped":
      return { what: "partition-stopped", scope, code: e.code as ErrorCode, text: e.text };
    case "detached":
      return { what: "sink-detached", scope, sink: e.sink, offset: e.offset };
    case "caught-up": {
      const { sink, branch, start, end } = e;
      return { what: "sink-filled", scope: { ...scope, branch }, sink, start, end };
    }
    case "attached":
      return { what: "sink-attached", scope, sink: e.sink };
    case "recalled": {
      const text =
        `${scopeText(scope)}: the primary lacks what was committed from offset ${e.offset} on, and ${e.sink}, which ` +
        `is away, may have it: it is waited for; \`detach --sink ${e.sink}\` goes on with what Kafka has`;
      return { what: "warned", code: "primary-behind", text };
    }
    case "ended":
      return { what: "partition-ended", scope };
  }
}
