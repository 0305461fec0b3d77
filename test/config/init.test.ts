import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, expect, test } from "vitest";
import { parse as parseYaml } from "yaml";
import { type InitAnswers, starterConfig, STARTER_SINKS } from "../../src/operate/init-starter.ts";
import { cli } from "../operate/cli-process.ts";
import { configDir, load } from "./load.ts";

const MAIN = fileURLToPath(new URL("../../src/main.ts", import.meta.url));
const dir = mkdtempSync(join(tmpdir(), "archiver-init-"));
afterAll(() => rmSync(dir, { recursive: true, force: true }));

const answers: InitAnswers = {
  ...{ brokers: ["a:9092", "b:9092"], group: "g", topics: ["orders"], sinks: ["fs"] },
  ...{ format: "ndjson", http: "127.0.0.1:9464" },
};

test.each(STARTER_SINKS)("a starter with a sink of kind %s loads as it is", async (kind) => {
  const { text, variables } = starterConfig({ ...answers, sinks: [kind, "fs"] }, "s.json");
  const env = Object.fromEntries(variables.map((name) => [name, "set-for-it"]));
  const config = await load(text, configDir(), env);
  expect(config.sinks.map((s) => s.kind)).toEqual([kind, "fs"]);
  expect(new Set(config.sinks.map((s) => s.name)).size).toBe(2);
  expect(config.kafka.brokers).toEqual(answers.brokers);
  expect(config.pipelines[0]).toMatchObject({ group: "g", topics: ["orders"], format: "ndjson" });
});

test("by options: written with its schema for editors, never overwritten", async () => {
  const file = join(dir, "options.yaml");
  const sinks = ["--sink", "s3", "--sink", "fs", "--sink", "fs", "--http", "none"];
  const made = await cli(["init", "--out", file, "--topic", "orders", ...sinks, "--json"]);
  expect(made.code, made.stderr).toBe(0);
  expect(JSON.parse(made.stdout)).toEqual({
    file,
    variables: ["S3_ACCESS_KEY_ID", "S3_SECRET_ACCESS_KEY"],
  });
  const text = readFileSync(file, "utf8");
  const schema = /^# yaml-language-server: \$schema=(.*)\n/.exec(text)?.[1] ?? "";
  expect(JSON.parse(readFileSync(schema, "utf8"))).toMatchObject({
    title: "bulk-archiver configuration",
  });
  const names = (parseYaml(text) as { sinks: { name: string }[] }).sinks.map((s) => s.name);
  expect(names).toEqual(["s3", "fs", "fs-2"]);
  const env = { S3_ACCESS_KEY_ID: "abcd", S3_SECRET_ACCESS_KEY: "efghijk" };
  const explained = await cli(["check", "--explain", "--config", file], { env });
  expect(explained.code, explained.stderr).toBe(0);
  expect(explained.stdout).toMatch(
    /^sinks\[0\]\.secretAccessKey +\[redacted\] +.*environment S3_SECRET/m,
  );
  const again = await cli(["init", "--out", file]);
  expect([again.code, again.stderr]).toEqual([2, expect.stringContaining("is there already")]);
  expect(readFileSync(file, "utf8")).toBe(text);
});

test("what would not load is refused before it is written", async () => {
  const file = join(dir, "wrong.yaml");
  const { code, stderr } = await cli(["init", "--out", file, "--topic", "no topic"]);
  expect(code).toBe(2);
  expect(stderr).toContain('"no topic" is no topic name');
  expect(() => readFileSync(file)).toThrow("ENOENT");
});

test("on a terminal: asks, takes Enter for the default, asks again what is wrong", () => {
  const file = join(dir, "asked.yaml");
  const typed = ["k1:9092 k2:9092", "", "orders,payments", "tape", "hdfs fs", "", "none"];
  // Another program holds the terminal, and types an answer at each question.
  const script = `
import os, pty, re, sys
pid, fd = pty.fork()
if pid == 0:
    os.execv(sys.argv[1], sys.argv[1:6])
answers = sys.argv[6:]
seen = b""
while True:
    try:
        data = os.read(fd, 4096)
    except OSError:
        break
    if not data:
        break
    seen += data
    if answers and re.search(rb"\\]: (\\x1b\\[[0-9]*[A-Z])*$", seen):
        seen = b""
        os.write(fd, answers.pop(0).encode() + b"\\n")
    sys.stdout.buffer.write(data)
sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
`;
  const argv = [process.execPath, MAIN, "init", "--out", file, ...typed];
  const said = execFileSync("python3", ["-c", script, ...argv], {
    encoding: "utf8",
    timeout: 30_000,
  });
  expect(said).toContain("Consumer group [archiver]:");
  expect(said).toContain('"tape" is not one of fs, s3');
  const config = parseYaml(readFileSync(file, "utf8")) as Record<string, unknown>;
  expect(config).toMatchObject({
    kafka: { brokers: ["k1:9092", "k2:9092"] },
    group: "archiver",
    topics: ["orders", "payments"],
    sinks: [{ kind: "hdfs" }, { kind: "fs" }],
  });
  expect(config["http"]).toBeUndefined();
});
