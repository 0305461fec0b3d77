import { expect, test } from "vitest";
import { Secret } from "../../src/core/secret.ts";
import { discreet } from "../../src/deliver/discreet.ts";
import { redactor } from "../../src/observe/log.ts";
import { SinkError } from "../../src/sdk/sink-error.ts";
import { scriptedSink } from "./scripted-sink.ts";

const never = new AbortController().signal;
const SECRET = "zq-secret/with+signs";
const redact = redactor([new Secret(SECRET)]);
const basic = (user: string): string => Buffer.from(`${user}:${SECRET}`).toString("base64");

test("what a store says of its credentials is cut out of the error, of its causes and its stack", async () => {
  const cause = new Error(`asked with Basic ${basic("me")}`);
  const error = new SinkError("sink-unauthorized", `refused ${SECRET}`, { cause });
  const sink = discreet(scriptedSink({ identity: () => Promise.reject(error) }), redact);
  await expect(sink.identity(never)).rejects.toBe(error);
  for (const text of [error.message, error.stack ?? "", cause.message, cause.stack ?? ""]) {
    expect(text).toContain("[redacted]");
    expect(text).not.toContain(SECRET);
  }
  expect(error.code).toBe("sink-unauthorized");
});

test("what a check found as well", async () => {
  const finding = { level: "error", code: "store", text: `it said ${SECRET}` } as const;
  const sink = discreet(scriptedSink({ check: () => Promise.resolve([finding]) }), redact);
  expect(await sink.check(never)).toEqual([{ ...finding, text: "it said [redacted]" }]);
});

test("a stream that fails in its middle as well", async () => {
  async function* scopes(): AsyncGenerator<never> {
    await Promise.resolve();
    yield* [];
    throw new Error(`at ${encodeURIComponent(SECRET)}`);
  }
  const sink = discreet(scriptedSink({ scopes }), redact);
  const all = Array.fromAsync(sink.scopes(never));
  await expect(all).rejects.toThrow("at [redacted]");
});

test.each(["a", "ab", "abc", "", "user-name"])(
  "in base64 behind the name %j, wherever in a group it begins",
  (user) => {
    const said = redact(`Authorization: Basic ${basic(user)} was refused`);
    expect(said).toMatch(/^Authorization: Basic \S{0,14}\[redacted\]\S{0,4} was refused$/);
    const plain = redact(Buffer.from(`\0${user}\0${SECRET}`).toString("base64url"));
    expect(plain).toContain("[redacted]");
  },
);
