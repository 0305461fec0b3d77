import { readdirSync, readFileSync, renameSync, rmSync, unlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import fc from "fast-check";
import { KeyCollector, KeyFilter } from "../../src/operate/index/key-filter.ts";
import type { IndexReport } from "../../src/operate/index/index-report.ts";
import { parseManifest } from "../../src/core/manifest.ts";
import type { VerifyReport } from "../../src/operate/verify/report.ts";
import { configDir } from "../config/load.ts";
import { writeConfig } from "../faults/daemon.ts";
import { batchesOf } from "./archive-damage.ts";
import { cli } from "./cli-process.ts";
import { mismatches, type Schema } from "./json-schema.ts";
import { drop, newSink, SampleChain, type SampleSink, SCOPE } from "./sample-archive.ts";

/** Roll-ups and filters of keys over an archive of some hundred batches, by the command itself. */
const BATCHES = 230;
const kind = { format: "segment", encrypted: false } as const;
const dir = configDir();
let archive: SampleSink;
let chain: SampleChain;
let config = "";

const schema = (): Schema =>
  JSON.parse(
    readFileSync(new URL("../../docs/schema/index.schema.json", import.meta.url), "utf8"),
  ) as Schema;

const folder = (): string =>
  join(archive.dir, "index", SCOPE.topic, SCOPE.topicId, String(SCOPE.partition), "0");
const rollUpNames = (): string[] =>
  readdirSync(folder()).filter((name) => name.endsWith(".ndjson.zst"));

async function index(...argv: readonly string[]): Promise<IndexReport> {
  const args = ["index", "--json", "--config", config, "--every", "100", ...argv];
  const { code, stdout, stderr } = await cli(args);
  if (code !== 0) throw new Error(`index ended with ${code}: ${stderr}`);
  const report = JSON.parse(stdout) as IndexReport;
  expect(mismatches(schema(), report)).toEqual([]);
  return report;
}

const list = async (...argv: readonly string[]): Promise<unknown[]> => {
  const { code, stdout, stderr } = await cli(["list", "--json", "--config", config, ...argv]);
  if (code !== 0) throw new Error(`list ended with ${code}: ${stderr}`);
  return JSON.parse(stdout) as unknown[];
};

const cat = async (...argv: readonly string[]): Promise<string[]> => {
  const { code, stdout, stderr } = await cli(["cat", "--config", config, ...argv]);
  if (code !== 0) throw new Error(`cat ended with ${code}: ${stderr}`);
  return stdout.split("\n").filter((line) => line !== "");
};

/** Problems that `verify --deep` names. */
async function verify(): Promise<{ code: string; start?: number; text: string }[]> {
  const { stdout, stderr } = await cli(["verify", "--deep", "--json", "--config", config]);
  if (stdout === "") throw new Error(stderr);
  const { sinks } = JSON.parse(stdout) as VerifyReport;
  return sinks.flatMap((s) => s.partitions.flatMap((p) => p.problems)) as never;
}

/** Where the filter of the batch that begins there lies. */
function filterOf(start: number): string {
  const found = readdirSync(folder()).find(
    (n) => n.startsWith(`${String(start).padStart(20, "0")}.`) && n.endsWith(".keys"),
  );
  return join(folder(), found ?? "");
}

/** Of the sample's records: a millisecond an offset. */
const timeOf = (offset: number): string => new Date(1_700_000_000_000 + offset).toISOString();

beforeAll(async () => {
  archive = await newSink("files");
  chain = new SampleChain([archive]);
  for (let i = 0; i < BATCHES; i += 1) await chain.add(kind, BigInt(i) * 10n);
  config = writeConfig(dir, "index.yaml", {
    ...{ bootstrap: "127.0.0.1:1", group: "g", topics: [SCOPE.topic], sinks: [] },
    extra: `  - { name: files, kind: fs, path: ${archive.dir} }`,
  });
}, 120_000);

afterAll(async () => {
  await drop(archive);
  rmSync(dir, { recursive: true, force: true });
});

describe("roll-ups", () => {
  test("of every thousand batches; list and look-ups by time say the same with them", async () => {
    const [before, window] = [await list(), ["--from", timeOf(1_505), "--to", timeOf(1_530)]];
    const [listed, lines] = [await list(...window), await cat(...window)];
    expect((await index("--dry-run")).sinks[0]?.partitions).toMatchObject([{ written: 2 }]);
    expect((await index()).sinks[0]?.partitions).toMatchObject([
      { rollUps: 2, written: 2, stale: 0, batches: BATCHES, tail: 30, keys: null },
    ]);
    expect(rollUpNames()).toHaveLength(2);
    expect(await list()).toEqual(before);
    expect(await list(...window)).toEqual(listed);
    expect(listed).toHaveLength(3);
    expect(await cat(...window)).toEqual(lines);
    expect(lines.length).toBe(23);
    expect(await list("--from", "1995", "--to", "2005")).toHaveLength(2);
  });

  test("a second run reads the tail only; new batches are found before and after they are rolled up", async () => {
    expect((await index()).sinks[0]?.partitions).toMatchObject([{ written: 0, batches: 30 }]);
    await chain.add(kind, BigInt(BATCHES) * 10n);
    expect(await list("--from", String(BATCHES * 10))).toHaveLength(1);
    expect((await index()).sinks[0]?.partitions).toMatchObject([{ written: 0, tail: 31 }]);
  });

  test("one that is damaged or foreign is made anew by --rebuild, beside it; one that is gone, too", async () => {
    const [first = "", second = ""] = rollUpNames();
    const [from, to] = [join(folder(), first), join(folder(), second)];
    const [before, good] = [await list(), readFileSync(from)];
    writeFileSync(from, good.subarray(0, good.length - 1));
    unlinkSync(to);
    const { code, stdout, stderr } = await cli(["list", "--json", "--config", config]);
    expect([code, stderr]).toEqual([0, expect.stringContaining(`${first} cannot be read: zstd`)]);
    expect(JSON.parse(stdout)).toEqual(before);
    expect((await index("--rebuild")).sinks[0]?.partitions).toMatchObject([
      { rollUps: 2, written: 2, stale: 1 },
    ]);
    expect(rollUpNames()).toHaveLength(3);
    expect(await list()).toHaveLength(BATCHES + 1);
    expect((await index("--rebuild")).sinks[0]?.partitions).toMatchObject([{ written: 0 }]);
    // Everything in there can go.
    renameSync(folder(), `${folder()}-away`);
    expect(await list()).toHaveLength(BATCHES + 1);
    renameSync(`${folder()}-away`, folder());
  });
});

describe("filters of keys", () => {
  test("cat --key opens only what may hold it, and says the same as without", async () => {
    const range = ["--from", "500", "--to", "900"];
    const want = ["--key", "key-617", ...range];
    const before = await cat(...want);
    expect(before.map((line) => (JSON.parse(line) as { offset: number }).offset)).toEqual([617]);
    const made = await index("--keys");
    expect(made.sinks[0]?.partitions[0]?.keys).toEqual({
      written: BATCHES + 1,
      there: 0,
      without: 0,
    });
    expect(await cat(...want)).toEqual(before);
    expect(await cat("--key-base64", Buffer.from("key-617").toString("base64"), ...range)).toEqual(
      before,
    );
    // A data file that is gone is not missed, unless its filter says that it may hold the key.
    const data = join(archive.dir, "data", SCOPE.topic, SCOPE.topicId, "0", "0", "00000000000");
    const [gone] = readdirSync(data).filter((n) => n.startsWith(String(630).padStart(20, "0")));
    renameSync(join(data, gone ?? ""), join(dir, "aside"));
    expect(await cat(...want)).toEqual(before);
    const missed = await cli(["cat", "--config", config, "--key", "key-631", ...range]);
    expect(missed.code).toBe(4);
    renameSync(join(dir, "aside"), join(data, gone ?? ""));
    // A filter that is none is said, and the batch opened.
    const filter = filterOf(610);
    const whole = readFileSync(filter);
    writeFileSync(filter, "damaged");
    const opened = await cli(["cat", "--config", config, ...want]);
    expect([opened.code, opened.stdout]).toEqual([0, `${before.join("\n")}\n`]);
    expect(opened.stderr).toMatch(
      /000610\.[0-9a-f]+\.keys cannot be read: it is no filter of keys/,
    );
    writeFileSync(filter, whole);
  });

  test("a filter that lost a bit, or is another batch's, is not believed, and said", async () => {
    const want = ["--key", "key-617", "--from", "500", "--to", "900"];
    const before = await cat(...want);
    const filter = filterOf(610);
    const whole = readFileSync(filter);
    const hollow = Buffer.from(whole);
    hollow.fill(0, 30, 33);
    for (const wrong of [hollow, readFileSync(filterOf(600))]) {
      writeFileSync(filter, wrong);
      const { code, stdout, stderr } = await cli(["cat", "--config", config, ...want]);
      expect([code, stdout]).toEqual([0, `${before.join("\n")}\n`]);
      expect(stderr).toContain("damaged, or of another batch; delete it");
      expect((await verify()).map((p) => [p.code, p.start])).toEqual([["index-differs", 610]]);
    }
    writeFileSync(filter, whole);
    expect(await verify()).toEqual([]);
  });

  test("a forged filter hides a record from cat, and verify --deep names it", async () => {
    const filter = filterOf(610);
    const whole = readFileSync(filter);
    const stored = batchesOf(archive.dir).find((b) => b.start === 610n)?.manifest ?? "";
    const { link } = parseManifest(readFileSync(stored));
    writeFileSync(filter, KeyFilter.of([], 10).encode(link));
    expect(await cat("--key", "key-617", "--from", "500", "--to", "900")).toEqual([]);
    expect(await verify()).toEqual([
      expect.objectContaining({
        code: "index-differs",
        text: expect.stringContaining("hides the key of offset 610") as string,
      }),
    ]);
    rmSync(filter);
    expect((await index("--keys")).sinks[0]?.partitions[0]?.keys?.written).toBe(1);
    expect(readFileSync(filter)).toEqual(whole);
    expect(await verify()).toEqual([]);
  });

  test("a filter never says no to a key that is there, and seldom yes to one that is not", () => {
    fc.assert(
      fc.property(fc.uniqueArray(fc.uint8Array({ maxLength: 24 }), { maxLength: 200 }), (keys) => {
        const collector = new KeyCollector();
        for (const key of keys) collector.add(key);
        const filter = KeyFilter.parse(
          collector.filter()?.encode("a".repeat(64)) ?? new Uint8Array(),
          "a".repeat(64),
        );
        for (const key of keys) expect(filter.mayHold(key)).toBe(true);
      }),
      { numRuns: 50 },
    );
    const collector = new KeyCollector();
    for (let i = 0; i < 5_000; i += 1) collector.add(Buffer.from(`key-${i}`));
    const filter = collector.filter();
    let wrong = 0;
    for (let i = 0; i < 5_000; i += 1) if (filter?.mayHold(Buffer.from(`other-${i}`))) wrong += 1;
    expect(wrong).toBeLessThan(150);
  });
});
