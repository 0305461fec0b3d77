import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, expect, test, vi } from "vitest";
import { configDir, GOOD, load } from "./load.ts";

const dir = configDir();
const MINIMAL = `${GOOD.join("\n")}\n`;
afterAll(() => rmSync(dir, { recursive: true, force: true }));

const http = (more: string): string => `${MINIMAL}http: { listen: "0.0.0.0:9464"${more} }\n`;
const TOKEN = "0123456789abcdef";

test("a token is a secret, and what is public is said by path", async () => {
  const config = await load(http(`, token: ${TOKEN}, public: [/healthz]`), dir);
  expect(config.http?.token?.().reveal()).toBe(TOKEN);
  expect(config.http?.publicPaths).toEqual(["/healthz"]);
  expect(config.secrets.map((s) => s.reveal())).toContain(TOKEN);
  expect(JSON.stringify(config)).not.toContain(TOKEN);
});

test("a token file is read again when it was replaced", async () => {
  const file = join(dir, "token");
  writeFileSync(file, `${TOKEN}\n`);
  const config = await load(http(", tokenFile: ./token"), dir);
  expect(config.http?.token?.().reveal()).toBe(TOKEN);
  writeFileSync(file, "another-token-of-length\n");
  expect(config.http?.token?.().reveal()).toBe(TOKEN);
  vi.useFakeTimers({ now: Date.now() + 6_000, toFake: ["Date"] });
  expect(config.http?.token?.().reveal()).toBe("another-token-of-length");
  writeFileSync(file, "short");
  vi.setSystemTime(Date.now() + 6_000);
  expect(() => config.http?.token?.()).toThrow("holds no token of 16");
  vi.useRealTimers();
});

test.each([
  [", token: short", "a token has at least 16 characters and no space"],
  [`, token: "with a space in between"`, "a token has at least 16 characters and no space"],
  [", tokenFile: ./missing", "http.tokenFile: there is no such file"],
  [`, token: ${TOKEN}, tokenFile: ./token`, "token or tokenFile, not both"],
  [", public: [metrics]", "expected a path such as /metrics"],
])("http: %s", async (more, expected) => {
  await expect(load(http(more), dir)).rejects.toThrow(expected);
});

test("telemetry: defaults, and OTLP with its headers kept out of sight", async () => {
  const plain = await load(MINIMAL, dir);
  expect(plain.telemetry).toEqual({ perPartition: true, otlp: null });
  const otlp = `telemetry:
  perPartition: false
  otlp: { endpoint: "http://127.0.0.1:4318/", headers: { api-key: very-secret }, interval: 5s, traces: false }
`;
  const { telemetry, secrets } = await load(`${MINIMAL}${otlp}`, dir);
  expect(telemetry).toMatchObject({
    perPartition: false,
    otlp: { endpoint: "http://127.0.0.1:4318", intervalMs: 5_000, traces: false, metrics: true },
  });
  expect(JSON.stringify(telemetry)).not.toContain("very-secret");
  expect(secrets.map((s) => s.reveal())).toContain("very-secret");
});

test.each([
  ["otlp: { endpoint: 127.0.0.1:4318 }", "endpoint"],
  ["otlp: { endpoint: http://a, interval: 10ms }", "interval"],
  ["otlp: { endpoint: http://a, headers: { 'a b': x } }", "headers.a b"],
  ["perPartitions: true", "perPartition"],
])("telemetry: { %s }", async (text, expected) => {
  await expect(load(`${MINIMAL}telemetry: { ${text} }\n`, dir)).rejects.toThrow(expected);
});
