import { ArchiverError, type ErrorCode } from "../core/errors.ts";
import { messageOf } from "../core/message.ts";
import type { Effect, Event } from "./effect.ts";
import type { NamedSink, TaskPorts } from "./ports.ts";

/** Said of what was read, without its place. */
const OF_CONTENT: ReadonlySet<ErrorCode> = new Set([
  "manifest-invalid",
  "sealed-invalid",
  "format-invalid",
]);

/** What this sink holds contradicts the archive. It stops the partition, and the sink's row says so. */
export class SinkConflict extends ArchiverError {
  readonly sink: string;

  constructor(code: "sink-conflict" | "primary-invalid", { name }: NamedSink, text: string) {
    super(code, text);
    this.sink = name;
  }
}

/** A failure that does not pass by itself. `reading`: the sink that was read, if one was. */
export function alarmOf(error: unknown, reading?: NamedSink): Event {
  const code: ErrorCode = error instanceof ArchiverError ? error.code : "assertion-failed";
  const text = messageOf(error);
  const read = OF_CONTENT.has(code) ? reading?.name : undefined;
  const sink = error instanceof SinkConflict ? error.sink : read;
  return { of: "alarm", code, text, ...(sink === undefined ? {} : { sink }) };
}

/** The sink whose content an effect only reads. */
export const readBy = ({ sinks }: TaskPorts, effect: Effect): NamedSink | undefined =>
  effect.do === "head" || effect.do === "look" || effect.do === "take"
    ? sinks[effect.sink]
    : undefined;
