import { execFileSync } from "node:child_process";
import { copyFile, mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { batchBytes, type SampleRecord } from "../operate/batch-bytes.ts";
import type { AuditRecord } from "./audit-record.ts";
import { auditRecords, type AuditResult } from "./audit-topic.ts";

/**
 * The auditor itself: it must find what it is there to find, in files made by the usual programs.
 */
const TOPIC = "logs";
const FOLDER = path.join(TOPIC, "AAAAAAAAAAAAAAAAAAAAAQ", "0", "0", "00000000000");
const record = (offset: bigint): SampleRecord => ({
  offset,
  timestamp: 1_700_000_000_000n + offset,
  key: offset % 3n === 0n ? null : Buffer.from([0xff, Number(offset)]),
  value: offset % 4n === 0n ? Buffer.alloc(0) : Buffer.from(`{"n":${offset}}`),
  headers: [
    ["a", null],
    ["a", Buffer.alloc(0)],
    ["b", Buffer.from([0x80])],
  ],
});
const range = (from: bigint, to: bigint): SampleRecord[] =>
  Array.from({ length: Number(to - from) }, (_, i) => record(from + BigInt(i)));

async function* topicOf(records: readonly SampleRecord[]): AsyncGenerator<AuditRecord> {
  for (const r of records) {
    yield {
      partition: 0,
      offset: r.offset,
      timestamp: r.timestamp ?? -1n,
      timestampType: "CreateTime",
      key: r.key ?? null,
      value: r.value ?? null,
      headers: (r.headers ?? []).map(([name, value]) => [Buffer.from(name as string), value]),
    };
  }
}

describe("the independent auditor", () => {
  let dir: string;
  let identity: string;
  let recipient: string;

  beforeEach(async () => {
    dir = await mkdtemp(path.join(tmpdir(), "audit-"));
    identity = path.join(dir, "identity");
    execFileSync("age-keygen", ["-o", identity], { stdio: "pipe" });
    recipient = execFileSync("age-keygen", ["-y", identity], { encoding: "utf8" }).trim();
    for (const kind of ["data", "manifests"])
      await mkdir(path.join(dir, kind, FOLDER), { recursive: true });
  });
  afterEach(() => rm(dir, { recursive: true, force: true }));

  const data = (start: bigint, suffix: string): string =>
    path.join(dir, "data", FOLDER, `${start.toString().padStart(20, "0")}${suffix}`);

  async function store(
    records: readonly SampleRecord[],
    start: bigint,
    end: bigint,
    suffix: string,
  ): Promise<void> {
    const text = (b: Buffer | null | undefined): string | null => b?.toString() ?? null;
    const coded = (name: string, b: Buffer | null): object =>
      b !== null && Buffer.from(b.toString()).compare(b) !== 0
        ? { [name]: null, [`${name}Base64`]: b.toString("base64") }
        : { [name]: text(b) };
    const lines = records.map((r) =>
      JSON.stringify({
        topic: TOPIC,
        partition: 0,
        offset: Number(r.offset),
        timestamp: Number(r.timestamp),
        ...{
          timestampType: "CreateTime",
          ...coded("key", r.key ?? null),
          ...coded("value", r.value ?? null),
        },
        headers: (r.headers ?? []).map(([name, value]) => ({
          key: name,
          ...coded("value", value),
        })),
      }),
    );
    const plain = suffix.startsWith(".log")
      ? Buffer.concat([batchBytes(records.slice(0, 2)), batchBytes(records.slice(2), { codec: 4 })])
      : Buffer.from(`${lines.join("\n")}\n`);
    const file = data(start, suffix);
    let bytes = suffix.includes(".zst") ? execFileSync("zstd", ["-qc"], { input: plain }) : plain;
    if (suffix.endsWith(".age")) bytes = execFileSync("age", ["-r", recipient], { input: bytes });
    await writeFile(file, bytes);
    const seal = { path: path.relative(dir, file) };
    const manifest = { start: Number(start), end: Number(end), records: records.length, seal };
    const name = path.join(dir, "manifests", FOLDER, `${start.toString().padStart(20, "0")}.json`);
    await writeFile(name, JSON.stringify(manifest));
  }

  const audit = (records: readonly SampleRecord[]): Promise<AuditResult> =>
    auditRecords({ topic: TOPIC, archiveDir: dir, identity }, topicOf(records));

  it.each([".log", ".log.zst", ".log.zst.age", ".ndjson", ".ndjson.zst.age"])(
    "opens %s files",
    async (suffix) => {
      await store(range(0n, 8n), 0n, 8n, suffix);
      await store(range(8n, 20n), 8n, 20n, suffix);
      const whole = {
        records: 20,
        lost: 0,
        duplicated: 0,
        different: 0,
        extra: 0,
        files: 2,
        problems: [],
      };
      expect(await audit(range(0n, 20n))).toEqual(whole);
    },
  );

  it("counts what is lost, different and extra, and names it", async () => {
    await store(
      range(0n, 10n).filter((r) => r.offset !== 4n),
      0n,
      10n,
      ".log.zst",
    );
    const topic = range(0n, 9n).map((r) => (r.offset === 6n ? { ...r, key: Buffer.alloc(0) } : r));
    const result = await audit(topic);
    expect(result).toMatchObject({ records: 9, lost: 1, different: 1, extra: 1, duplicated: 0 });
    expect(result.problems.join("\n")).toMatch(
      /lost: 0\/4 .*\ndifferent .*0\/6 .*\n0\/9 .* is not in the topic/,
    );
  });

  it("finds records that are archived twice, overlaps, gaps and missing manifests", async () => {
    await store(range(0n, 10n), 0n, 10n, ".log");
    await store(range(8n, 16n), 8n, 16n, ".log");
    await store(range(18n, 20n), 18n, 20n, ".ndjson");
    await copyFile(data(18n, ".ndjson"), data(25n, ".ndjson"));
    const result = await audit(range(0n, 16n));
    expect(result).toMatchObject({ duplicated: 4, lost: 0, extra: 2 });
    const text = result.problems.join("\n");
    expect(text).toMatch(/overlap between/);
    expect(text).toMatch(/gap between/);
    expect(text).toMatch(/0{18}25\.ndjson has no manifest/);
  });

  it("finds a damaged file, whatever layer notices it", async () => {
    for (const suffix of [".log", ".log.zst.age"]) {
      await store(range(0n, 10n), 0n, 10n, suffix);
      const bytes = await readFile(data(0n, suffix));
      bytes[bytes.length - 9] = (bytes[bytes.length - 9] ?? 0) ^ 1;
      await writeFile(data(0n, suffix), bytes);
      const result = await audit(range(0n, 10n));
      expect(result.lost).toBe(10);
      expect(result.problems[0]).toMatch(/cannot be read/);
      await rm(data(0n, suffix));
    }
  });
});
