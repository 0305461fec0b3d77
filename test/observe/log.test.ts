import { expect, test } from "vitest";
import { Secret } from "../../src/core/secret.ts";
import { logEvent } from "../../src/observe/event-log.ts";
import { type LogOptions, openLog } from "../../src/observe/log.ts";
import { description, EVENTS } from "./events.ts";

function capture(options: Partial<LogOptions> = {}): {
  log: ReturnType<typeof openLog>;
  lines: string[];
} {
  const lines: string[] = [];
  const to = { write: (line: string): boolean => lines.push(line) > 0 };
  return { lines, log: openLog({ level: "info", to, secrets: [], version: "1", ...options }) };
}

test("one line per confirmed batch, with its range, counts, bytes and times", () => {
  const { log, lines } = capture();
  logEvent(log, {
    what: "batch-sealed",
    batch: description(),
    rawBytes: 5000,
    ms: 12,
    reason: "age",
  });
  logEvent(log, { what: "batch-confirmed", batch: description(), ms: 40.4 });
  expect(lines).toHaveLength(1);
  // As text: an offset beyond 2^53 is an integer literal, not rounded.
  expect(lines[0]).toContain(
    '"start":9007199254740993,"end":9007199254741005,"records":10,"holes":2',
  );
  expect(JSON.parse(lines[0] ?? "")).toMatchObject({
    level: "info",
    topic: "logs",
    partition: 3,
    contentBytes: 4096,
    storedBytes: 2048,
    deliverMs: 40,
    path: "data/x",
    msg: "batch confirmed by every sink",
  });
});

test("every kind of event has its line", () => {
  const { log, lines } = capture({ level: "trace" });
  for (const event of EVENTS) logEvent(log, event);
  expect(lines).toHaveLength(EVENTS.length);
  for (const line of lines) {
    const { msg, level } = JSON.parse(line) as { msg: string; level: string };
    expect(msg.length).toBeGreaterThan(3);
    expect(["trace", "debug", "info", "warn", "error"]).toContain(level);
  }
});

test("of several pipelines each line names its own, once", () => {
  const { log, lines } = capture({ level: "trace" });
  const own = log.child({ pipeline: "audit" });
  for (const event of EVENTS) logEvent(own, Object.assign({ ...event }, { pipeline: "audit" }));
  for (const line of lines) expect(line.match(/"pipeline":"audit"/g), line).toHaveLength(1);
});

test("what waits for a person is an error line, what heals by itself a warning", () => {
  const { log, lines } = capture({ level: "trace" });
  for (const event of EVENTS) logEvent(log, event);
  const levels = new Map(
    EVENTS.map((e, i) => [e.what, (JSON.parse(lines[i] ?? "") as { level: string }).level]),
  );
  expect(levels.get("partition-stopped")).toBe("error");
  expect(levels.get("sink-state")).toBe("warn");
  expect(levels.get("sink-called")).toBe("trace");
});

test("a secret is cut out of every line, however it got into it", () => {
  const value = 'pa"ss\nwörd/1';
  const { log, lines } = capture({ secrets: [new Secret(value)] });
  log.info(
    { value, nested: { list: [value] }, error: new Error(`refused: ${value}`) },
    `tried ${value}`,
  );
  log.info(
    { url: `http://me:${encodeURIComponent(value)}@host/`, wrapped: new Secret(value) },
    "x",
  );
  log.error({ err: new Error(`basic ${Buffer.from(value).toString("base64")}`) }, "x");
  const text = lines.join("");
  expect(lines).toHaveLength(3);
  expect(text).not.toContain("rd/1");
  expect(text).not.toContain(Buffer.from(value).toString("base64"));
  expect(text).not.toContain(encodeURIComponent(value));
  expect(text.match(/\[redacted\]/g)?.length).toBeGreaterThanOrEqual(5);
  for (const line of lines) expect(() => JSON.parse(line) as unknown).not.toThrow();
});
