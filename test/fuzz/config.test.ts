import { rmSync } from "node:fs";
import fc from "fast-check";
import { afterAll, expect, test } from "vitest";
import type { Config } from "../../src/config/config.ts";
import { kafkaOptions } from "../../src/config/kafka-options.ts";
import { ConfigError } from "../../src/config/problems.ts";
import { EXAMPLE, GENERAL_EXAMPLE } from "../../src/reference/configuration-page.ts";
import { configDir, load, tlsFiles } from "../config/load.ts";
import { attemptAsync, mutated, mutations, runs, textMutation } from "./mutation.ts";

/** Any text at all is a configuration, or an error that says where it is not one. */
const dir = configDir({
  seed: `${"ab".repeat(32)}\n`,
  token: "abc.def\n",
  password: "secret one\n",
});
tlsFiles(dir);
afterAll(() => rmSync(dir, { recursive: true, force: true }));

const RECIPIENT = "age1ujceafm9n83y9tnu7py2l55rc8ykwjan4rejckrjtflqegxfkfps5ddh87";
const SECURED = `
kafka:
  brokers: ["127.0.0.1:9092", "[::1]:9093"]
  ssl: { ca: authority/ca.pem, cert: authority/me.pem, key: authority/me.key }
  sasl: { mechanism: oauthbearer, tokenFile: token }
group: "\${env:GROUP}"
topics: [logs, { regex: "^audit\\\\." }]
batch: { bytes: 1MiB, age: 500ms, idle: 2m }
encryption: { recipients: [${RECIPIENT}], seedFile: ./seed }
sinks:
  - { name: files, kind: fs, path: "\${file:password}", limits: { rate: 50MiB/s, timeout: 5s } }
`;
const texts = [EXAMPLE, GENERAL_EXAMPLE, SECURED];

const WORDS = [
  ...[
    "\n",
    "  ",
    "- ",
    ": ",
    "{",
    "}",
    "[",
    "]",
    ",",
    '"',
    "'",
    "#",
    "&a ",
    "*a",
    "!!js ",
    "|",
    ">",
    "?",
  ],
  ...[
    "${env:",
    "${file:",
    "}",
    "$${",
    "${file:/dev/zero}",
    "~",
    "null",
    "true",
    ".inf",
    "0x1F",
    "1e9",
  ],
  ...[
    "16MiB",
    "-1s",
    "kafka",
    "sinks",
    "pipelines",
    "<<: ",
    "__proto__: ",
    "---\n",
    "...\n",
    "%YAML 9\n",
  ],
  ...["\t", "\u0000", "\ufeff", "é", "kind: yaml", "regex: (", "regex: (a+)+$"],
];

async function settled(text: string): Promise<Config | undefined> {
  const config = await attemptAsync(() => load(text, dir, { GROUP: "g" }), 3_000);
  if (config !== undefined) kafkaOptions(config.kafka);
  return config;
}

test("what is mutated is right to begin with", async () => {
  for (const text of texts) expect(await settled(text)).toBeDefined();
});

test("a mutated configuration", async () => {
  let good = 0;
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom(...texts),
      fc.oneof(mutations, textMutation(WORDS), textMutation(WORDS)),
      async (text, how) => {
        const changed =
          typeof how === "function" ? how(text) : mutated(Buffer.from(text), how).toString();
        if ((await settled(changed)) !== undefined) good += 1;
      },
    ),
    runs(800),
  );
  expect(good).toBeGreaterThan(0);
});

test("every error names its place", async () => {
  await fc.assert(
    fc.asyncProperty(fc.constantFrom(...texts), textMutation(WORDS), async (text, change) => {
      const error = await load(change(text), dir, { GROUP: "g" }).then(
        () => null,
        (e: unknown) => e,
      );
      if (error === null) return;
      expect(error).toBeInstanceOf(ConfigError);
      for (const line of (error as ConfigError).message.split("\n"))
        expect(line).toMatch(/^conf\.yaml:\d+:\d+: ./);
    }),
    runs(400),
  );
});

test("any text at all", async () => {
  const any = fc.oneof(
    fc.string({ unit: "binary" }),
    fc.json(),
    fc.array(fc.constantFrom(...WORDS)).map((w) => w.join("")),
  );
  await fc.assert(
    fc.asyncProperty(any, async (text) => {
      expect(await settled(text)).toBeUndefined();
    }),
    runs(500),
  );
});

test("what unfolds without end, and what is nested without end", async () => {
  const laughs = Array.from(
    { length: 30 },
    (_, i) => `a${i}: &a${i} [${i === 0 ? "x" : `*a${i - 1},*a${i - 1},*a${i - 1}`}]`,
  );
  for (const text of [
    laughs.join("\n"),
    `${"[".repeat(20_000)}${"]".repeat(20_000)}`,
    `a: ${"{ a: ".repeat(5_000)}`,
    `${"- ".repeat(20_000)}x`,
    `kafka: &k { ssl: *k }`,
  ]) {
    expect(await settled(text)).toBeUndefined();
  }
});
