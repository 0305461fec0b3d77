import { readFile, rm } from "node:fs/promises";
import path from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { manifestPath } from "../../src/core/layout.ts";
import { stringify } from "../../src/core/json.ts";
import { NEVER } from "../../src/operate/verify/expiry.ts";
import { foreignOpener } from "../../src/operate/verify/foreign-opener.ts";
import type { VerifyReport } from "../../src/operate/verify/report.ts";
import { runVerify, type VerifyRequest } from "../../src/operate/verify/run-verify.ts";
import { EVERY_FILE } from "../../src/operate/verify/sampling.ts";
import { summary } from "../../src/operate/verify/summary.ts";
import type { TopicReader } from "../../src/operate/verify/topic-items.ts";
import { mismatches, type Schema } from "./json-schema.ts";
import {
  content,
  drop,
  never,
  newSink,
  SampleChain,
  sampleRecords,
  SCOPE,
  type SampleSink,
} from "./sample-archive.ts";

const schema = JSON.parse(await readFile("docs/schema/verify.schema.json", "utf8")) as Schema;
const STARTS = [0n, 10n, 20n];
const KIND = { format: "segment", encrypted: false } as const;

/** A topic of exactly the sample's records. */
const topic: TopicReader = {
  range: async () => ({ start: 0n, end: 30n, compacted: true, committed: 30n }),
  fetch: async (_t, _p, offset) => {
    const from = STARTS.filter((start) => start + 10n > offset);
    return {
      bytes: Buffer.concat(from.map((start) => content("segment", sampleRecords(start)))),
      aborted: [],
    };
  },
};

describe("the report of verify", () => {
  let a: SampleSink;
  let b: SampleSink;
  beforeEach(async () => {
    [a, b] = [await newSink("files"), await newSink("copy")];
    const chain = new SampleChain([a, b]);
    for (const start of STARTS) await chain.add(KIND, start);
  });
  afterEach(() => drop(a, b));

  const request = (over: Partial<VerifyRequest> = {}): VerifyRequest => ({
    tool: "bulk-archiver 0.0.0",
    sinks: [a, b],
    filter: {},
    seeds: new Map(),
    open: foreignOpener([]),
    deep: true,
    across: true,
    topics: () => topic,
    publicKeys: new Map(),
    heads: undefined,
    quick: false,
    index: true,
    sampling: EVERY_FILE,
    expiry: NEVER,
    wall: () => 1_700_000_000_000,
    tailWaitMs: 0,
    progress: { total: () => undefined, done: () => undefined, compared: () => undefined },
    ...over,
  });

  it("follows its schema, with and without problems, and integers stay literals", async () => {
    const good = await runVerify(request({ filter: { topic: "logs", partition: 0 } }), never);
    expect(good.ok).toBe(true);
    expect(good.againstKafka).toMatchObject({
      compared: 27n,
      lost: 0n,
      explained: { compacted: 3n },
    });
    expect(mismatches(schema, JSON.parse(stringify(good)))).toEqual([]);
    expect(stringify(good)).toContain('"firstOffset":0,"nextOffset":30,"batches":3,"records":27');
    await rm(path.join(a.dir, manifestPath({ ...SCOPE, start: 10n })));
    await rm(path.join(b.dir, "data"), { recursive: true });
    const bad = await runVerify(request(), never);
    expect(bad.ok).toBe(false);
    expect(mismatches(schema, JSON.parse(stringify(bad)))).toEqual([]);
    expect(bad.againstKafka).toMatchObject({ ok: false, lost: 9n });
  });

  it("tells a person the problems first, then each sink, then the verdict", async () => {
    expect(summary(await runVerify(request(), never))).toBe(
      [
        "ok       files: 3 batches, 27 records",
        "           logs/0  offsets [0, 30)  3 batches  27 records",
        "ok       copy: 3 batches, 27 records",
        "           logs/0  offsets [0, 30)  3 batches  27 records",
        "across   files, copy: 3 batches, hold the same batches, byte for byte",
        "ok       against Kafka (files): 27 records compared, 0 lost, 0 duplicated, 0 different; " +
          "0 aborted, 0 control, 3 compacted offsets explained",
        "",
        "evidence chain: 6 manifests, each held against the one before it",
        "evidence sinks: 3 batches compared between files, copy",
        "evidence kafka: 27 records compared with the topics, 0 heads of chains with the group's commits",
        "evidence not used: index, mac, signature, head",
        "",
        "No problem found: every file was read and opened; " +
          "no seed configured, so no MAC was checked.",
        "",
      ].join("\n"),
    );
    await rm(path.join(a.dir, manifestPath({ ...SCOPE, start: 10n })));
    const text = summary(
      await runVerify(request({ across: false, topics: undefined, deep: false }), never),
    );
    expect(text.split("\n")[0]).toMatch(
      /^PROBLEM {2}files logs\/0 {2}data-without-manifest {2}data\/logs\//,
    );
    expect(text).toContain("1 problems found.");
  });

  it("reads only a share of the files with a sample, the same in every sink", async () => {
    const read: string[] = [];
    const reads = async (seed: string): Promise<string> => {
      const counted = request({ sampling: { percent: 40, seed }, topics: undefined });
      const { open } = counted;
      read.length = 0;
      const report = await runVerify(
        { ...counted, open: (m, ...rest) => (read.push(String(m.start)), open(m, ...rest)) },
        never,
      );
      expect(report).toMatchObject({ ok: true, scope: { samplePercent: 40, sampleSeed: seed } });
      expect(report.totals).toMatchObject({ filesRead: read.length, opened: read.length });
      expect(summary(report)).toContain(`40% of the files were read (--sample-seed ${seed})`);
      expect(read.filter((s, i) => read.indexOf(s) === i).length * 2).toBe(read.length);
      return read.join();
    };
    const runs: string[] = [];
    for (let i = 0; i < 20; i++) runs.push(await reads(`s${i}`));
    // Another seed, other files; the same seed, the same ones.
    expect(new Set(runs).size).toBeGreaterThan(1);
    expect(await reads("s3")).toBe(runs[3]);
  });

  it("reads no file at all when it has to be quick, and still finds what is gone", async () => {
    const quick = request({ quick: true, deep: false, topics: undefined });
    const report = await runVerify(quick, never);
    expect(report).toMatchObject({
      ok: true,
      scope: { quick: true, deep: false, samplePercent: 0 },
      totals: { sinks: 2, batches: 6, records: 54n, filesRead: 0, bytesRead: 0, problems: 0 },
    });
    expect(summary(report)).toContain("No problem found: no file was read");
    await rm(path.join(a.dir, "data"), { recursive: true });
    const gone = await runVerify(quick, never);
    expect(gone.totals.problems).toBe(3);
    expect(gone.sinks[0]?.partitions[0]?.problems[0]?.code).toBe("manifest-without-data");
  });

  it("says which evidence was used, and what the rest would take", async () => {
    const used = (report: VerifyReport): string[] =>
      report.evidence.flatMap(({ of, used: yes }) => (yes ? [of] : []));
    const full = await runVerify(request(), never);
    expect(used(full)).toEqual(["chain", "sinks", "kafka"]);
    const little = await runVerify(request({ across: false, topics: undefined }), never);
    expect(used(little)).toEqual(["chain"]);
    expect(little.evidence.map(({ of }) => of)).toEqual(full.evidence.map(({ of }) => of));
    expect(little).toMatchObject({
      startedAt: "2023-11-14T22:13:20.000Z",
      finishedAt: "2023-11-14T22:13:20.000Z",
    });
  });

  it("has an exit of its own when nothing is in scope", async () => {
    const nothing = runVerify(request({ filter: { topic: "other" } }), never);
    await expect(nothing).rejects.toMatchObject({ code: "nothing-in-scope" });
  });
});
