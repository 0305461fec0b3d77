import { execFileSync } from "node:child_process";
import {
  existsSync,
  readdirSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { ExportReport } from "../../src/operate/export/export-report.ts";
import { configDir } from "../config/load.ts";
import { writeConfig } from "../faults/daemon.ts";
import { cli, start } from "./cli-process.ts";
import { mismatches, type Schema } from "./json-schema.ts";
import {
  drop,
  IDENTITY_TEXT,
  newSink,
  SampleChain,
  type SampleSink,
  SCOPE,
} from "./sample-archive.ts";

/** Files of JSON lines, made by the command and read by other programs. */
const BATCHES = 60;
const dir = configDir({ identity: IDENTITY_TEXT });
const identity = join(dir, "identity");
let archive: SampleSink;
let chain: SampleChain;
let config = "";
let next = 0n;

const schema = (): Schema =>
  JSON.parse(
    readFileSync(new URL("../../docs/schema/export.schema.json", import.meta.url), "utf8"),
  ) as Schema;

/** Both formats, some encrypted: what lies under the lines is not to be seen in them. */
async function add(batches: number): Promise<void> {
  for (let i = 0; i < batches; i += 1, next += 10n) {
    const [format, encrypted] = [i % 2 === 0 ? "segment" : "ndjson", i % 3 === 0] as const;
    await chain.add({ format, encrypted }, next);
  }
}

const exportArgs = (out: string, more: readonly string[]): string[] => [
  ...["export", "--json", "--config", config, "--topic", SCOPE.topic, "--identity", identity],
  ...["--out", join(dir, out), ...more],
];

async function run(out: string, ...more: readonly string[]): Promise<ExportReport> {
  const { code, stdout, stderr } = await cli(exportArgs(out, more));
  if (code !== 0) throw new Error(`export ended with ${code}: ${stderr}`);
  const report = JSON.parse(stdout) as ExportReport;
  expect(mismatches(schema(), report)).toEqual([]);
  return report;
}

async function cat(...more: readonly string[]): Promise<string> {
  const { code, stdout } = await cli(["cat", "--config", config, "--identity", identity, ...more]);
  expect(code).toBe(0);
  return stdout;
}

const files = (out: string): string[] => {
  const folder = join(dir, out, SCOPE.topic, "0");
  return readdirSync(folder).map((name) => join(folder, name));
};
const text = (out: string): string =>
  files(out)
    .map((path) => readFileSync(path, "utf8"))
    .join("");

/** The first part is noted. */
async function begun(out: string): Promise<void> {
  const state = join(dir, out, "export.json");
  const is = (): boolean => existsSync(state) && readFileSync(state, "utf8").includes("blake3");
  for (let i = 0; i < 2_000 && !is(); i += 1) await sleep(5);
}

beforeAll(async () => {
  archive = await newSink("files");
  chain = new SampleChain([archive]);
  await add(BATCHES);
  config = writeConfig(dir, "export.yaml", {
    ...{ bootstrap: "127.0.0.1:1", group: "g", topics: [SCOPE.topic], sinks: [] },
    extra: `  - { name: files, kind: fs, path: ${archive.dir} }`,
  });
});

afterAll(async () => {
  await drop(archive);
  rmSync(dir, { recursive: true, force: true });
});

test("the lines of cat in one file; again: nothing new; more batches: another part", async () => {
  const first = await run("all");
  expect(first.records).toBe(9 * BATCHES);
  expect(text("all")).toBe(await cat());
  const [part] = first.partitions[0]?.parts ?? [];
  expect(part?.file).toBe(
    `logs/0/${"0".repeat(20)}-${String(10 * BATCHES).padStart(20, "0")}.ndjson`,
  );
  const sum = execFileSync("wc", ["-c", files("all")[0] ?? ""]).toString();
  expect(sum.startsWith(`${part?.bytes} `)).toBe(true);
  expect((await run("all")).records).toBe(0);
  await add(3);
  const more = await run("all");
  expect([more.records, more.partitions[0]?.parts.length]).toEqual([27, 2]);
  expect(text("all")).toBe(await cat());
});

test("a range in compressed parts, read by the tools for it", async () => {
  const range = ["--from", "45", "--to", "155"];
  const lines = await cat(...range);
  for (const [codec, tool] of [
    ["gzip", "zcat"],
    ["zstd", "zstdcat"],
  ] as const) {
    const report = await run(codec, ...range, "--codec", codec, "--part", "2KiB");
    expect(report.partitions[0]?.parts.length).toBeGreaterThan(3);
    expect(execFileSync(tool, files(codec)).toString()).toBe(lines);
  }
});

test("two at once: the second is refused, and takes nothing from the first", async () => {
  const first = start(exportArgs("two", ["--part", "1KiB"]));
  await begun("two");
  first.child.kill("SIGSTOP");
  const second = await cli(exportArgs("two", ["--part", "2KiB"]));
  first.child.kill("SIGCONT");
  expect([second.code, second.stderr]).toEqual([
    2,
    expect.stringContaining(`another export writes to ${join(dir, "two")}`),
  ]);
  expect((await first.ended).code).toBe(0);
  expect(text("two")).toBe(await cat());
  expect((await run("two")).records).toBe(0);
});

test("killed on the way and repeated: the same lines, each once", async () => {
  const child = start(exportArgs("killed", ["--part", "1KiB"]));
  await begun("killed");
  child.child.kill("SIGKILL");
  expect((await child.ended).signal).toBe("SIGKILL");
  const before = text("killed");
  const whole = await cat();
  expect(whole.startsWith(before)).toBe(true);
  // As if it had died between the file's name and the note of it.
  const behind = String(10 * BATCHES).padStart(20, "0");
  const stray = join(dir, "killed", SCOPE.topic, "0", `${behind}-${behind}.ndjson`);
  writeFileSync(stray, "half a thought");
  // As if it had died with a file half written; another process is at work on one of its own.
  const temporary = (pid: number): string => join(dir, "killed", `part.${pid}.tmp`);
  for (const pid of [child.child.pid ?? 0, process.pid]) writeFileSync(temporary(pid), "half");
  const rest = await run("killed", "--part", "1KiB");
  expect(rest.records).toBeLessThan(9 * (BATCHES + 3));
  expect(existsSync(stray)).toBe(false);
  expect(existsSync(temporary(child.child.pid ?? 0))).toBe(false);
  expect(existsSync(temporary(process.pid))).toBe(true);
  expect(text("killed")).toBe(whole);
});

test("a folder that nobody can make is named, at once", async () => {
  const argv = ["export", "--config", config, "--topic", SCOPE.topic, "--out", "/proc/x"];
  const { code, stderr } = await cli(argv);
  expect([code, stderr]).toEqual([
    2,
    expect.stringContaining("--out /proc/x: /proc takes no folder"),
  ]);
});

test("a folder of another export, a part that was cut, and no identity are refused", async () => {
  await run("mine", "--to", "50");
  const other = await cli(exportArgs("mine", ["--to", "60"]));
  expect([other.code, other.stderr]).toEqual([2, expect.stringContaining("holds another export")]);
  truncateSync(files("mine")[0] ?? "", 10);
  const cut = await cli(exportArgs("mine", ["--to", "50"]));
  expect([cut.code, cut.stderr]).toEqual([2, expect.stringContaining("not as it was written")]);
  writeFileSync(join(dir, "mine", "export.json"), "{}");
  expect((await cli(exportArgs("mine", ["--to", "50"]))).code).toBe(2);
  rmSync(join(dir, "mine", "export.json"));
  const full = await cli(exportArgs("mine", []));
  expect([full.code, full.stderr]).toEqual([2, expect.stringContaining("neither empty nor")]);
  const closed = await cli([
    "export",
    "--config",
    config,
    "--topic",
    SCOPE.topic,
    "--out",
    join(dir, "no"),
  ]);
  expect([closed.code, closed.stderr]).toEqual([
    2,
    expect.stringContaining("is encrypted to age1"),
  ]);
});
