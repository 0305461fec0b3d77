import { countWords } from "./duration-words.ts";
import type { ArchiverEvent } from "./events.ts";
import type { Level } from "./live-report.ts";

export interface Said {
  readonly level: Level;
  readonly text: string;
}

/** An event as the page tells it; null: of no interest to a person who looks at the page. */
export function eventWords(e: ArchiverEvent): Said | null {
  switch (e.what) {
    case "daemon-started": {
      const sinks = e.sinks.map((s) => s.name).join(", ");
      return { level: "ok", text: `Started; archives into ${sinks}.` };
    }
    case "daemon-stopping":
      return { level: "work", text: "Stopping: batches under way are delivered." };
    case "pipeline-failed":
      return { level: "human", text: `Pipeline ${e.pipeline} cannot go on: ${e.text}` };
    case "config-reloaded": {
      const what = e.changed.length === 0 ? "nothing changed" : e.changed.join(", ");
      return { level: "ok", text: `Configuration read again: ${what}.` };
    }
    case "reload-refused":
      return { level: "attention", text: `Configuration not taken: ${e.text}` };
    case "partitions-assigned": {
      const some = e.added === e.partitions ? "all new" : `${e.added} of them new`;
      const added = e.added === 0 ? "none of them new" : some;
      const has = countWords(e.partitions, "partition");
      return { level: "ok", text: `Owns ${has} of group ${e.group}, ${added}.` };
    }
    case "membership-lost":
      return {
        level: "work",
        text: `No longer a member of ${e.group} (${e.reason}); joins again.`,
      };
    case "sink-state":
      return sinkWords(e);
    case "partition-stopped":
      return { level: "human", text: `${scopeWords(e.scope)} stopped and needs you: ${e.text}` };
    case "sink-detached": {
      const from = `from offset ${e.offset} on`;
      return {
        level: "attention",
        text: `${scopeWords(e.scope)} goes on without ${e.sink} ${from}.`,
      };
    }
    case "sink-attached":
      return { level: "ok", text: `${e.sink} has everything of ${scopeWords(e.scope)} again.` };
    case "batch-revised": {
      const what = `the batch at ${e.start} was made anew, Kafka no longer had all of it`;
      return { level: "attention", text: `${scopeWords(e.scope)}: ${what}.` };
    }
    case "metadata-ignored": {
      const text = `${scopeWords(e.scope)}: committed metadata ignored (${e.reason}); the sinks decide.`;
      return { level: "attention", text };
    }
    case "fetch-failed":
      return { level: "attention", text: `Broker ${e.broker}: ${e.text}; asked again.` };
    case "warned":
      return { level: "attention", text: e.text };
    default:
      return null;
  }
}

const scopeWords = (s: { readonly topic: string; readonly partition: number }): string =>
  `${s.topic} ${s.partition}`;

function sinkWords(e: Extract<ArchiverEvent, { what: "sink-state" }>): Said {
  if (e.state === "ok") return { level: "ok", text: `${e.sink} is well again.` };
  const why = e.text === undefined ? "" : `: ${e.text}`;
  if (e.state === "parked")
    return { level: "human", text: `${e.sink} refuses the credentials${why}` };
  return { level: "attention", text: `${e.sink} does not answer as it should${why}` };
}
