import { expect, test } from "vitest";
import { ArchiverError } from "../../src/core/errors.ts";
import { alarmOf, readBy, SinkConflict } from "../../src/pipeline/alarm.ts";
import type { NamedSink, TaskPorts } from "../../src/pipeline/ports.ts";

const named = (name: string): NamedSink => ({ name }) as unknown as NamedSink;
const ports = { sinks: [named("files"), named("copy")] } as unknown as TaskPorts;
const sinkOf = (error: unknown, reading?: NamedSink): unknown =>
  (alarmOf(error, reading) as { readonly sink?: string }).sink;

test("an alarm names the sink whose content it is about, and no other", () => {
  const of = new SinkConflict("primary-invalid", named("files"), "not signed");
  expect(alarmOf(of, named("copy"))).toEqual({
    ...{ of: "alarm", code: "primary-invalid", text: "not signed", sink: "files" },
  });
  const form = new ArchiverError("manifest-invalid", "no JSON");
  expect(sinkOf(form, readBy(ports, { do: "look", sink: 1, at: 0n }))).toBe("copy");
  // It was made from several sinks: which one's it is, is not known.
  expect(sinkOf(form, readBy(ports, { do: "describe", slot: 1, sink: 1 }))).toBeUndefined();
  // Kafka's log is what differs, not what was read.
  expect(sinkOf(new ArchiverError("log-changed", "cut short"), named("copy"))).toBeUndefined();
  expect(alarmOf(new TypeError("no such thing"), named("copy"))).toEqual({
    ...{ of: "alarm", code: "assertion-failed", text: "no such thing" },
  });
});
