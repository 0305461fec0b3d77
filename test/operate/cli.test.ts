import { mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:net";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { commands } from "../../src/operate/commands.ts";
import { configDir } from "../config/load.ts";
import { cli, start } from "./cli-process.ts";
import { mismatches, type Schema } from "./json-schema.ts";

const schema = (name: string): Schema =>
  JSON.parse(readFileSync(new URL(`../../docs/schema/${name}`, import.meta.url), "utf8")) as Schema;

const dir = configDir();
/** Takes connections and never answers: a Kafka behind a firewall. */
let silent: Server;
let silentPort = 0;

const config = (name: string, broker: string, extra = ""): string => {
  const path = join(dir, name);
  const lines = [
    `kafka: { brokers: ["${broker}"], sasl: { mechanism: plain, username: u, password: "s3cret" } }`,
    "group: archiver",
    "topics: [logs]",
    "sinks:",
    "  - { name: files, kind: fs, path: ./archive }",
    extra,
  ];
  writeFileSync(path, lines.join("\n"));
  return path;
};
/** Nothing listens on port 1. */
const unreachable = config("unreachable.yaml", "127.0.0.1:1");
const retained = config("retained.yaml", "127.0.0.1:1", "retention: 2d");

beforeAll(async () => {
  mkdirSync(join(dir, "archive"), { recursive: true });
  silent = createServer(() => undefined);
  await new Promise<void>((resolve) => silent.listen(0, "127.0.0.1", resolve));
  silentPort = (silent.address() as { port: number }).port;
});
afterAll(() => {
  silent.close();
  rmSync(dir, { recursive: true, force: true });
});

test("--version and --help are answers", async () => {
  const [version, help] = await Promise.all([cli(["--version"]), cli(["--help"])]);
  expect(version).toMatchObject({ code: 0, stderr: "" });
  expect(version.stdout).toMatch(/^\d+\.\d+\.\d+\n$/);
  expect(help.code).toBe(0);
  for (const { name } of commands) expect(help.stdout).toContain(`\n  ${name} `);
});

test("every command has help with examples, --config and its own options", async () => {
  const helps = await Promise.all(commands.map(({ name }) => cli([name, "--help"])));
  for (const [i, { code, stdout }] of helps.entries()) {
    const command = commands[i];
    expect(code).toBe(0);
    for (const part of ["--config <file>", "Examples:", ...(command?.examples ?? [])]) {
      expect(stdout).toContain(part);
    }
    for (const { flags } of command?.options ?? []) expect(stdout).toContain(flags);
    expect(stdout.includes("--json")).toBe(command?.schema !== null);
  }
});

const USAGE: readonly [argv: readonly string[], says: string][] = [
  [[], "Usage: bulk-archiver"],
  [["staus"], "unknown command 'staus' (Did you mean status?)"],
  [["list", "--partitoin", "1"], "unknown option '--partitoin' (Did you mean --partition?)"],
  [["list", "--partition", "one"], '--partition: "one" is no whole number'],
  [
    ["list", "--config", unreachable, "--from", "yesterday"],
    "--from yesterday: expected an offset",
  ],
  [["list", "--config", unreachable, "--from", "10", "--to", "5"], "--from 10 is behind --to 5"],
  [
    [
      "cat",
      "--config",
      unreachable,
      "--from",
      "2026-01-02T00:00:00Z",
      "--to",
      "2026-01-01T00:00:00Z",
    ],
    "is behind --to 2026-01-01T00:00:00Z",
  ],
  [["list", "extra"], "too many arguments"],
  [
    ["list", "--config", unreachable, "--sink", "file"],
    'there is no such sink (did you mean "files"?)',
  ],
  [
    ["reconcile", "--config", unreachable, "--source", "files", "--target", "copi"],
    "--target copi: there is no such sink",
  ],
  [
    ["prune", "--config", retained, "--sink", "copi"],
    "--sink copi: there is no such sink; the configuration has files",
  ],
  [
    ["restore", "--config", unreachable, "--topic", "logs", "--to-topic", "a/b"],
    '--to-topic: "a/b" is no topic name',
  ],
  [
    ["cat", "--config", unreachable, "--identity", unreachable],
    `a line of identity file ${unreachable} is no age X25519 key`,
  ],
  [["list", "--config", unreachable], "the sink holds no batch of any topic"],
  [["keygen"], "required option '--out <dir>' not specified"],
  [["keygen", "--out", "/proc/x"], "/proc/x: /proc takes no folder"],
  [["init", "--yes", "--out", "/proc/x/y"], "/proc/x/y"],
  [["status"], "--config FILE is missing, and there is no ./bulk-archiver.yaml here"],
  [
    ["status", "--config", "nowhere.yaml"],
    "cannot read nowhere.yaml: there is no such file (ENOENT)",
  ],
  [
    ["run", "--config", unreachable, "--log-level", "loud"],
    '--log-level: "loud" is not one of trace,',
  ],
];

test.each(USAGE)("%j is exit code 2", async (argv, says) => {
  const { code, stderr, stdout } = await cli(argv, { cwd: dir });
  expect(stderr).toContain(says);
  expect(code).toBe(2);
  expect(stdout).toBe("");
  expect(stderr).not.toMatch(/\n {4}at /);
  if (argv.length > 0) expect(stderr).toMatch(/^bulk-archiver: .*\nnext: .+\n$/);
});

test("a bad configuration is named by line and column, in the words of its path", async () => {
  writeFileSync(
    join(dir, "bad.yaml"),
    readFileSync(unreachable, "utf8").replace("group:", "gruop:"),
  );
  const { code, stderr } = await cli(["status", "--config", "bad.yaml"], { cwd: dir });
  expect(code).toBe(2);
  expect(stderr).toContain(
    'bulk-archiver: bad.yaml:2:1: unknown key "gruop" (did you mean "group"?)\n',
  );
  expect(stderr).toContain('bulk-archiver: bad.yaml:1:1: missing key "group"\n');
  expect(stderr).toMatch(/\nnext: .+\n$/);
});

test("with --json an error is a document as well", async () => {
  writeFileSync(join(dir, "bad.yaml"), "group: 5\n");
  const { code, stdout, stderr } = await cli(["list", "--json", "--config", "bad.yaml"], {
    cwd: dir,
  });
  expect(code).toBe(2);
  expect(stderr).toContain("bad.yaml:1:8: group: expected a text, found 5");
  const document = JSON.parse(stdout) as { error: { code: string; problems: unknown[] } };
  expect(mismatches(schema("error.schema.json"), document)).toEqual([]);
  expect(document.error.code).toBe("config-invalid");
  expect(document.error.problems.length).toBeGreaterThan(1);
});

const REFUSED: readonly (readonly string[])[] = [
  ["list", "--partitoin", "1"],
  ["list", "extra"],
  ["list", "--config"],
  ["replay"],
  ["nonsense"],
];

test.each(REFUSED)("%s … with --json: a document of the same error", async (...argv) => {
  const { code, stdout, stderr } = await cli([argv[0] ?? "", "--json", ...argv.slice(1)]);
  const document = JSON.parse(stdout) as { error: { code: string; message: string } };
  expect(mismatches(schema("error.schema.json"), document)).toEqual([]);
  expect([code, document.error.code]).toEqual([2, "usage"]);
  expect(stderr).toBe(`bulk-archiver: ${document.error.message}\nnext: See --help.\n`);
});

test("--debug shows where an error comes from, and no secret", async () => {
  const { code, stderr } = await cli(["status", "--debug", "--config", unreachable]);
  expect(code).toBe(4);
  expect(stderr).toMatch(/\n {4}at /);
  expect(stderr).not.toContain("s3cret");
});

test("an unreachable Kafka is exit code 4, and check tries the sinks all the same", async () => {
  const [status, check, run] = await Promise.all([
    cli(["status", "--config", unreachable]),
    cli(["check", "--json", "--config", unreachable]),
    cli(["run", "--config", unreachable]),
  ]);
  expect([status.code, check.code, run.code]).toEqual([4, 4, 4]);
  expect(status.stderr).toMatch(/^bulk-archiver: no broker of 127\.0\.0\.1:1 answers/);
  const report = JSON.parse(check.stdout) as {
    findings: { about: string; level: string; code: string }[];
  };
  expect(mismatches(schema("check.schema.json"), report)).toEqual([]);
  expect(report.findings).toContainEqual(
    expect.objectContaining({ about: "kafka", level: "error", code: "kafka-unreachable" }),
  );
  expect(report.findings).toContainEqual(
    expect.objectContaining({ about: "sink files", level: "ok", code: "write-probe" }),
  );
});

test("a sink that does not answer is named, with exit code 4", async () => {
  const store = `endpoint: "http://127.0.0.1:1", bucket: far-away, region: default`;
  const keys = "accessKeyId: k, secretAccessKey: s3cret";
  const path = config("far.yaml", "127.0.0.1:1", `  - { name: far, kind: s3, ${store}, ${keys} }`);
  const { code, stdout, stderr } = await cli(["verify", "--json", "--config", path]);
  expect([code, JSON.parse(stdout)]).toMatchObject([4, { error: { code: "sink-transient" } }]);
  expect(stderr).toMatch(/^bulk-archiver: sink far: cannot .* in bucket far-away: ECONNREFUSED/);
  expect(stderr).not.toContain("s3cret");
});

test("check --sink asks nothing of Kafka; a sink that cannot be written is exit code 4 or 1", async () => {
  const good = await cli(["check", "--sink", "files", "--config", unreachable]);
  expect(good.code).toBe(0);
  expect(good.stdout).not.toContain("kafka:");
  writeFileSync(join(dir, "file"), "");
  const text = readFileSync(unreachable, "utf8").replace("./archive", "./file/below");
  writeFileSync(join(dir, "no-folder.yaml"), text);
  const bad = await cli(["check", "--sink", "files", "--config", "no-folder.yaml"], { cwd: dir });
  expect(bad.stdout).toMatch(/^error {4}sink files: /m);
  expect([1, 4]).toContain(bad.code);
});

test("keygen makes two private files, prints the recipient and never overwrites", async () => {
  const out = join(dir, "keys");
  const first = await cli(["keygen", "--out", out, "--json"]);
  expect(first.code).toBe(0);
  const document = JSON.parse(first.stdout) as {
    recipient: string;
    identity: string;
    seed: string;
  };
  expect(mismatches(schema("keygen.schema.json"), document)).toEqual([]);
  expect(document.recipient).toMatch(/^age1[0-9a-z]{58}$/);
  const before = readFileSync(document.seed, "utf8");
  for (const path of [document.identity, document.seed])
    expect(statSync(path).mode & 0o777).toBe(0o600);
  const second = await cli(["keygen", "--out", out]);
  expect(second.code).toBe(2);
  expect(readFileSync(document.seed, "utf8")).toBe(before);
});

test("run refuses a busy port before anything else", async () => {
  const path = config("busy.yaml", "127.0.0.1:1", `http: { listen: "127.0.0.1:${silentPort}" }`);
  const { code, stderr } = await cli(["run", "--config", path]);
  expect(code).toBe(2);
  expect(stderr).toContain(`http.listen 127.0.0.1:${silentPort}: another process listens there`);
});

test("run refuses a failpoint that is none, and announces one that is", async () => {
  const env = { BULK_ARCHIVER_FAILPOINT: "before-lunch" };
  const refused = await cli(["run", "--config", unreachable], { env });
  expect(refused).toMatchObject({ code: 2 });
  expect(refused.stderr).toContain("BULK_ARCHIVER_FAILPOINT=before-lunch: expected <step>");
  const told = await cli(["run", "--config", unreachable], {
    env: { BULK_ARCHIVER_FAILPOINT: "after-data:3:sink=files" },
  });
  expect(told.stderr).toContain("FAILPOINT after-data:3:sink=files");
});

test("a signal before run has started ends it in order; other commands are interrupted", async () => {
  const path = config("silent.yaml", `127.0.0.1:${silentPort}`);
  const run = start(["run", "--config", path]);
  await run.said("starts");
  run.child.kill("SIGTERM");
  expect(await run.ended).toMatchObject({ code: 0, signal: null });
  const status = start(["check", "--config", path, "--debug"]);
  await new Promise((resolve) => silent.once("connection", resolve));
  const from = performance.now();
  status.child.kill("SIGINT");
  expect(await status.ended).toMatchObject({ code: 130, signal: null });
  // The connection itself would wait five seconds and more.
  expect(performance.now() - from).toBeLessThan(4_000);
});
