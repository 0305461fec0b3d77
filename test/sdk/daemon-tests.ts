import { mkdirSync, writeFileSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { LiveTopic } from "../faults/topic.ts";
import { named, sharedKafka } from "../kafka/live-kafka.ts";
import { type Ended, start } from "../operate/cli-process.ts";
import { filesBelow } from "../sinks/fs-place.ts";
import type { Installed } from "./installation.ts";

/** The example of docs/sinks.md, installed by npm beside the daemon, from the configuration to verify. */
const KIND = "bulk-archiver-sink-shelf";
const SHELF = "site-a";

let on: Installed;
let topic: LiveTopic;

/** A daemon that is misconfigured, and one that archives to the plugin, on the installed package. */
export function daemonTests(installed: Installed): void {
  on = installed;
  beforeAll(async () => {
    topic = await LiveTopic.create(sharedKafka(), named("shelf"), 2);
    await ask("PUT", SHELF);
    writeFileSync(join(on.npm.folder, "token"), `${on.shelf.token}\n`);
    addPackage("sink-of-tomorrow", "export const plugin = { kind: 'x', sdk: 2 };");
    addPackage("sink-that-breaks", "throw new Error('no such driver');");
    await topic.produce(400);
  }, 60_000);
  afterAll(() => topic.close());

  describe("shows what is wrong with its configuration at its place", badConfigTests);
  describe("is the primary", archivingTests);
}

function badConfigTests(): void {
  const bad: readonly (readonly [string, Readonly<Record<string, string>>, readonly string[]])[] = [
    [
      "keys that it lacks and does not know",
      { kind: KIND, shelf: SHELF, tokn: "abcdefghij" },
      ['11:5: sinks[0]: unknown key "tokn" (did you mean "token"?)', 'missing key "token"'],
    ],
    [
      "values that its schema refuses",
      { kind: KIND, shelf: "Site_A", token: "short", timeout: "30" },
      [
        "10:12: sinks[0].shelf: expected 1 to 63 of a-z, 0-9 and -",
        "11:12: sinks[0].token: expected a token of at least 8 characters",
        "12:14: sinks[0].timeout: ",
      ],
    ],
    [
      "a secret's file that is not there",
      { ...GOOD, token: '"${file:nowhere}"' },
      ["11:12: sinks[0].token: cannot read "],
    ],
    [
      "a package that is not installed",
      { ...GOOD, kind: "bulk-archiver-sink-shelv" },
      ['8:11: sinks[0].kind: unknown kind "bulk-archiver-sink-shelv"', "installed npm package"],
    ],
    [
      "a package for another sdk",
      { ...GOOD, kind: "sink-of-tomorrow" },
      [
        "8:11: sinks[0].kind: the package sink-of-tomorrow is made for sdk 2, this daemon has sdk 1",
      ],
    ],
    [
      "a package that does not load",
      { ...GOOD, kind: "sink-that-breaks" },
      ["8:11: sinks[0].kind: the package sink-that-breaks cannot be loaded: no such driver"],
    ],
  ];
  test.each(bad)("%s", async (_name, keys, problems) => {
    const { code, stderr } = await cli("check", "--config", writeConfig("bad.yaml", keys));
    for (const problem of problems) expect(stderr).toContain(problem);
    expect(stderr).not.toContain(on.shelf.token);
    expect(code).toBe(2);
  });
}

function archivingTests(): void {
  let config: string;
  let log: Ended;

  beforeAll(async () => {
    config = writeConfig("good.yaml", GOOD);
    const daemon = start(["run", "--config", config], { cwd: on.npm.folder, main: on.npm.main });
    const dead = (): string | null => (daemon.child.exitCode === null ? null : "the daemon ended");
    await topic.archived(topic.topic, 60_000, dead);
    await topic.produce(300);
    await topic.archived(topic.topic, 60_000, dead);
    daemon.child.kill("SIGTERM");
    log = await daemon.ended;
  }, 180_000);

  test("drains, and no line of its log holds the token", () => {
    expect(log.code).toBe(0);
    const said = log.stdout + log.stderr;
    expect(said).toContain('"shelf"');
    expect(said).not.toContain(on.shelf.token);
  });

  test("check writes to it as archiving does", async () => {
    const { code, stdout } = await cli("check", "--config", config, "--json");
    expect(stdout).toContain("written, read back, not replaced, removed");
    expect(code).toBe(0);
  });

  test("list, verify and cat read it", async () => {
    const listed = await cli("list", "--config", config, "--sink", "shelf", "--json");
    const batches = JSON.parse(listed.stdout) as { records: number }[];
    expect(batches.reduce((n, b) => n + b.records, 0)).toBe(topic.sent);
    const verified = await cli(
      ...["verify", "--config", config, "--deep", "--sink", "shelf", "--sink", "files"],
      ...["--across-sinks", "--against-kafka", "--json"],
    );
    expect(JSON.parse(verified.stdout)).toMatchObject({ ok: true });
    expect(verified.code).toBe(0);
    const cat = await cli("cat", "--config", config, "--sink", "shelf");
    expect(cat.stdout.trimEnd().split("\n")).toHaveLength(topic.sent);
  });

  test("holds the bytes that the other sink holds", async () => {
    const { items } = (await (await ask("GET", `${SHELF}?limit=10000`)).json()) as {
      items: { key: string }[];
    };
    const names = (await filesBelow(join(on.npm.folder, "files"))).filter(
      (n) => !n.startsWith("tmp/"),
    );
    expect(items.map((i) => i.key)).toEqual(names);
    expect(names.length).toBeGreaterThan(4);
    for (const name of names) {
      const there = Buffer.from(await (await ask("GET", `${SHELF}/${name}`)).arrayBuffer());
      const here = await readFile(join(on.npm.folder, "files", name));
      expect(there.equals(here), name).toBe(true);
    }
  });
}

/** A package of one file, where npm would put it. */
function addPackage(name: string, text: string): void {
  const folder = join(on.npm.folder, "node_modules", name);
  mkdirSync(folder);
  writeFileSync(join(folder, "package.json"), JSON.stringify({ name, type: "module" }));
  writeFileSync(join(folder, "index.js"), text);
}

const ask = async (method: string, path: string): Promise<Response> => {
  const headers = { authorization: `Bearer ${on.shelf.token}` };
  const response = await fetch(`${on.shelf.url}/v1/${path}`, { method, headers });
  expect(response.ok, `${method} ${path}: ${response.status}`).toBe(true);
  return response;
};

const GOOD = { kind: KIND, shelf: SHELF, token: '"${file:token}"' };

/** The entry of the Shelf begins in line 7, one key a line: kind, url, then these in their order. */
function writeConfig(name: string, keys: Readonly<Record<string, string>>): string {
  const { kind = "", ...rest } = keys;
  return on.npm.write(name, [
    `kafka: { brokers: ["${sharedKafka()}"], sessionTimeout: 6s, heartbeat: 500ms }`,
    `group: ${topic.topic}`,
    `topics: [${topic.topic}]`,
    "batch: { bytes: 64KiB, age: 500ms }",
    "memory: 32MiB",
    "sinks:",
    "  - name: shelf",
    `    kind: ${kind}`,
    `    url: ${on.shelf.url}`,
    ...Object.entries(rest).map(([key, value]) => `    ${key}: ${value}`),
    "  - { name: files, kind: fs, path: ./files }",
  ]);
}

const cli = (...argv: readonly string[]): Promise<Ended> =>
  start(argv, { cwd: on.npm.folder, main: on.npm.main }).ended;
