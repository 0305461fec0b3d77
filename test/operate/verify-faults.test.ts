import { copyFile, readFile, rename, rm, writeFile } from "node:fs/promises";
import path from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { dataPath, manifestPath } from "../../src/core/layout.ts";
import { encodeManifest, makeManifest, parseManifest } from "../../src/core/manifest.ts";
import { deepCheck } from "../../src/operate/verify/deep-check.ts";
import { seedKeys } from "../../src/operate/verify/foreign-keys.ts";
import { NEVER } from "../../src/operate/verify/expiry.ts";
import { foreignOpener } from "../../src/operate/verify/foreign-opener.ts";
import { EVERY_FILE } from "../../src/operate/verify/sampling.ts";
import {
  verifyArchive,
  type ArchiveOptions,
  type ArchiveVerdict,
} from "../../src/operate/verify/verify-archive.ts";
import { manifestMacKey } from "../../src/seal/keys.ts";
import {
  drop,
  IDENTITY_KEY,
  never,
  newSink,
  openFolder,
  SampleChain,
  type SampleKind,
  sampleRecords,
  type SampleSink,
  SCOPE,
  sealed,
  SEED,
} from "./sample-archive.ts";

/** Every fault is planted in an archive that was sealed and published as the daemon does it. */
const MAC_KEY = manifestMacKey(SEED.secret);
const SEEDS = seedKeys(`${SEED.keyId}:${SEED.secret.toString("hex")}`);
const STARTS = [0n, 10n, 20n, 30n, 40n];
const KINDS: readonly SampleKind[] = (["segment", "ndjson"] as const).flatMap((format) =>
  [false, true].map((encrypted) => ({ format, encrypted })),
);

const verify = (
  sinks: readonly SampleSink[],
  over: Partial<ArchiveOptions> = {},
): Promise<ArchiveVerdict> =>
  verifyArchive(
    {
      sinks,
      filter: {},
      seeds: SEEDS,
      publicKeys: new Map(),
      heads: undefined,
      deep: deepCheck(foreignOpener([IDENTITY_KEY]), SEEDS),
      sampling: EVERY_FILE,
      expiry: NEVER,
      across: sinks.length > 1,
      index: { use: "beside", seed: "" },
      tailWaitMs: 0,
      progress: { total: () => undefined, done: () => undefined },
      ...over,
    },
    never,
  );

/** Codes of one sink's problems with the batch they name, in order. */
const found = (verdict: ArchiveVerdict, sink = 0): string[] =>
  verdict.sinks[sink]?.partitions.flatMap((p) => p.problems.map((x) => `${x.code}@${x.start}`)) ??
  [];

describe.each(KINDS)("faults planted in an archive of $format, encrypted: $encrypted", (kind) => {
  const { format, encrypted } = kind;
  let a: SampleSink;
  let b: SampleSink;
  const data = (start: bigint, sink = a): string =>
    path.join(sink.dir, dataPath({ ...SCOPE, start }, { format, codec: "zstd", encrypted }));
  const manifest = (start: bigint, sink = a): string =>
    path.join(sink.dir, manifestPath({ ...SCOPE, start }));

  beforeEach(async () => {
    [a, b] = [await newSink("files"), await newSink("copy")];
    const chain = new SampleChain([a, b], MAC_KEY);
    for (const start of STARTS) await chain.add(kind, start);
  });
  afterEach(() => drop(a, b));

  it("finds nothing wrong with what was published", async () => {
    const verdict = await verify([a, b]);
    expect(found(verdict)).toEqual([]);
    expect(verdict.sinks.map((s) => s.ok)).toEqual([true, true]);
    expect(verdict.across).toMatchObject({ ok: true, batches: 5, problems: [] });
    expect(verdict.sinks[0]?.partitions).toMatchObject([
      {
        firstOffset: 0n,
        nextOffset: 50n,
        batches: 5,
        records: 45n,
        pending: 0,
        behind: 0n,
        gaps: [],
        overlaps: [],
      },
    ]);
    expect(verdict.sinks[0]?.partitions[0]?.holes).toHaveLength(5);
  });

  it("a flipped bit, and that the other sink has another file", async () => {
    const bytes = await readFile(data(20n));
    bytes[bytes.length >> 1] = (bytes[bytes.length >> 1] ?? 0) ^ 4;
    await writeFile(data(20n), bytes);
    const shallow = await verify([a, b], { deep: undefined });
    expect(found(shallow)).toEqual(["sealed-digest@20"]);
    expect(found(await verify([a]))).toEqual(["sealed-digest@20", "file-damaged@20"]);
    expect(shallow.sinks.map((s) => s.ok)).toEqual([false, true]);
    expect(shallow.across?.problems.map((p) => `${p.sink} ${p.code}@${p.start}`)).toEqual([
      "copy across-bytes@20",
    ]);
  });

  it("a truncated file", async () => {
    const bytes = await readFile(data(30n));
    await writeFile(data(30n), bytes.subarray(0, -5));
    expect(found(await verify([a]))).toEqual(["size@30"]);
  });

  it("a deleted batch in the middle, at the beginning and at the tip", async () => {
    await Promise.all([rm(data(20n)), rm(manifest(20n))]);
    const middle = await verify([a]);
    expect(found(middle)).toEqual(["gap@30", "chain-broken@30"]);
    expect(middle.sinks[0]?.partitions[0]?.gaps).toEqual([{ from: 20n, to: 30n }]);
    await Promise.all([rm(data(0n)), rm(manifest(0n))]);
    expect(found(await verify([a]))).toEqual(["chain-start@10", "gap@30", "chain-broken@30"]);
    await Promise.all([rm(data(40n, b)), rm(manifest(40n, b))]);
    const tip = await verify([b, a]);
    expect(found(tip)).toEqual([]);
    expect(tip.sinks[0]?.partitions[0]).toMatchObject({ nextOffset: 40n, behind: 10n });
    expect(tip.across?.problems).toContainEqual(
      expect.objectContaining({ sink: "copy", code: "across-missing", start: 40n }),
    );
  });

  it("a manifest without data and data without a manifest", async () => {
    await rm(data(40n));
    expect(found(await verify([a]))).toEqual(["manifest-without-data@40"]);
    await rm(manifest(10n, b));
    expect(found(await verify([b]))).toEqual(["data-without-manifest@10"]);
  });

  it("data without a manifest at the tip is in progress, no problem", async () => {
    await rm(manifest(40n));
    const verdict = await verify([a]);
    expect(found(verdict)).toEqual([]);
    expect(verdict.sinks[0]).toMatchObject({
      ok: true,
      partitions: [{ pending: 1, nextOffset: 40n }],
    });
  });

  it("two files swapped, and two manifests swapped", async () => {
    const swap = async (x: string, y: string): Promise<void> => {
      await rename(x, `${x}.aside`);
      await rename(y, x);
      await rename(`${x}.aside`, y);
    };
    await swap(data(10n), data(20n));
    const files = found(await verify([a], { deep: undefined }));
    expect(files.map((f) => f.split("@")[1])).toEqual(["10", "20"]);
    expect(files.every((f) => /^(size|sealed-digest)@/.test(f))).toBe(true);
    await swap(manifest(10n, b), manifest(20n, b));
    const manifests = found(await verify([b]));
    expect(manifests).toContain("misplaced@10");
    expect(manifests).toContain("misplaced@20");
  });

  it("a forged manifest: without the seed it has no MAC, and the next does not fit", async () => {
    const good = parseManifest(await readFile(manifest(20n)));
    const forged = makeManifest(
      {
        ...good,
        revision: 1,
        records: 8n,
        compacted: 2n,
        holes: [{ from: 22n, to: 24n, reason: "compacted" }],
      },
      good.prevLink,
    );
    const { mac: _mac, ...unsigned } = forged;
    await writeFile(manifest(20n), encodeManifest(unsigned));
    const problems = found(await verify([a]));
    expect(problems).toContain("mac-missing@20");
    expect(problems).toContain("record-count@20");
    expect(problems).toContain("holes@20");
    expect(problems).toContain("chain-broken@30");
  });

  it("a manifest with a stale link, another spelling, or that is no JSON", async () => {
    const text = await readFile(manifest(20n), "utf8");
    await writeFile(manifest(20n), text.replace('"revision":0', '"revision":3'));
    expect(found(await verify([a]))).toEqual(["mac-wrong@20"]);
    await writeFile(manifest(20n), text.replace('"end":30', '"end":31'));
    expect(found(await verify([a]))).toContain("link-wrong@20");
    await writeFile(manifest(20n), text.replace('"revision":0', '"revision": 0'));
    expect(found(await verify([a]))).toEqual(["manifest-form@20"]);
    await writeFile(manifest(20n), text.replace('"revision":0', '"revision":0,"revision":0'));
    expect(found(await verify([a]))).toEqual(["manifest-form@20"]);
    await writeFile(manifest(20n), text.slice(0, 100));
    expect(found(await verify([a]))).toEqual(["manifest-form@20"]);
  });

  it("an extra batch that overlaps another, whose successor is not accused", async () => {
    const inside = new SampleChain([a], MAC_KEY);
    inside.link = "ab".repeat(32);
    await inside.add(kind, 25n);
    const verdict = await verify([a]);
    expect(found(verdict)).toEqual(["overlap@25", "chain-broken@25"]);
    expect(verdict.sinks[0]?.partitions[0]?.overlaps).toEqual([{ from: 25n, to: 30n }]);
  });

  it("a second file under one start", async () => {
    const stray = data(20n).replace(/\.zst(\.age)?$/, ".gz$1");
    await copyFile(data(20n), stray);
    const problems = found(await verify([a]));
    expect(problems).toEqual(["stray-data@20"]);
  });

  it("a chain in another order, each link right by itself", async () => {
    const rechain = async (start: bigint, prevLink: string): Promise<string> => {
      const made = makeManifest(parseManifest(await readFile(manifest(start))), prevLink, MAC_KEY);
      await writeFile(manifest(start), encodeManifest(made));
      return made.link;
    };
    const first = parseManifest(await readFile(manifest(0n))).link;
    await rechain(10n, await rechain(20n, first));
    const problems = found(await verify([a]));
    expect(problems).toEqual(["chain-broken@10", "chain-broken@20", "chain-broken@30"]);
  });

  it("a sink that differs although each is whole by itself", async () => {
    const other = await newSink("files");
    const chain = new SampleChain([other], MAC_KEY);
    for (const start of STARTS) {
      if (start !== 30n) await chain.add(kind, start);
      else {
        const changed = sampleRecords(start).map((r) => ({ ...r, key: Buffer.from("other") }));
        await chain.publish(sealed(kind, start, changed));
      }
    }
    const verdict = await verify([a, other]);
    expect(verdict.sinks.map((s) => s.ok)).toEqual([true, true]);
    expect(verdict.across?.ok).toBe(false);
    expect(verdict.across?.problems.map((p) => `${p.sink} ${p.code}@${p.start}`)).toEqual([
      "files across-manifest@30",
      "files across-bytes@30",
      "files across-manifest@40",
    ]);
    await drop(other);
  });

  it("a record taken out by a forger who seals the file and the chain anew", async () => {
    const forger = await newSink("files");
    const chain = new SampleChain([forger]);
    for (const start of STARTS) {
      if (start !== 20n) await chain.add(kind, start);
      else {
        const kept = sampleRecords(start).filter((r) => r.offset !== 27n);
        const { description, bytes } = sealed(kind, start, kept);
        const { records, compacted, holes } = sealed(kind, start, sampleRecords(start)).description;
        await chain.publish({ description: { ...description, records, compacted, holes }, bytes });
      }
    }
    // Links and digests are right; only the seed and the accounting of offsets tell.
    const verdict = await verify([forger], { seeds: new Map() });
    expect(found(verdict)).toEqual(["record-missing@20", "record-count@20"]);
    expect(found(await verify([forger], { deep: undefined }))).toEqual(["mac-missing@0"]);
    const problems = verdict.sinks[0]?.partitions[0]?.problems ?? [];
    expect(problems[0]?.text).toBe("offset 27 is neither a record nor in a hole");
    await drop(forger);
  });

  it("an archive.json that is missing, or of another archive", async () => {
    const file = path.join(a.dir, "archive.json");
    const text = await readFile(file, "utf8");
    await writeFile(file, text.replace("3f1c2a", "other1"));
    const foreign = await verify([a, b]);
    expect(foreign.sinks[1]?.problems?.map((p) => p.code)).toEqual(["archive-foreign"]);
    expect(found(foreign)).toContain("foreign@20");
    await rm(file);
    // A process that never saw the archive: for one that did, the file system is not mounted.
    const fresh = { ...a, sink: await openFolder(a.dir) };
    const without = await verify([fresh]);
    expect(without.sinks[0]).toMatchObject({ ok: false, problems: [{ code: "identity-missing" }] });
    await expect(verify([a])).rejects.toMatchObject({ code: "sink-transient" });
  });
});
