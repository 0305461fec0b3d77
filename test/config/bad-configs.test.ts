import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { ConfigError } from "../../src/config/problems.ts";
import { badConfigs } from "./bad-configs.ts";
import { configDir, edited, load, tlsFiles } from "./load.ts";

const dir = configDir({ "not-pem": "hello", empty: "" });
tlsFiles(dir);
writeFileSync(
  join(dir, "torn.pem"),
  readFileSync(join(dir, "authority/me.pem"), "utf8").replace(/\n.{20}/, "\n"),
);
afterAll(() => rmSync(dir, { recursive: true, force: true }));

test.each(badConfigs(dir))("%s", async (_name, text, problems) => {
  const error = await load(text, dir, { GROUP: "g" }).then(
    () => null,
    (e: unknown) => e,
  );
  expect(error).toBeInstanceOf(ConfigError);
  const { message, code } = error as ConfigError;
  expect(code).toBe("config-invalid");
  for (const problem of problems) expect(message).toContain(problem);
  for (const line of message.split("\n")) expect(line).toMatch(/^conf\.yaml:\d+:\d+: /);
});

test("everything wrong is said at once, in the order of the file", async () => {
  const text = edited({
    3: "group: [a]",
    4: 'topics: ["^a.*"]',
    7: "memory: lots",
    8: "formt: segment",
  });
  const error = (await load(text, dir).catch((e: unknown) => e)) as ConfigError;
  expect(error.problems.map((p) => [p.line, p.path])).toEqual([
    [3, "group"],
    [4, "topics[0]"],
    [7, "memory"],
    [8, ""],
  ]);
});

test("a value that cannot be resolved is reported once", async () => {
  const text = edited({ 6: '  - { name: files, kind: fs, path: "${env:NOWHERE_AT_ALL}" }' });
  const error = (await load(text, dir).catch((e: unknown) => e)) as ConfigError;
  expect(error.message).toBe(
    "conf.yaml:6:36: sinks[0].path: the environment variable NOWHERE_AT_ALL is not set",
  );
});
