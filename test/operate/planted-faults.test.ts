import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { dataPath, manifestPath } from "../../src/core/layout.ts";
import { encodeManifest, makeManifest, parseManifest } from "../../src/core/manifest.ts";
import type { ArchiveOptions, ArchiveVerdict } from "../../src/operate/verify/verify-archive.ts";
import { manifestMacKey } from "../../src/seal/keys.ts";
import { foundIn, type Grade, gradedVerify, GRADES, headOf, rollUpEvery } from "./graded-verify.ts";
import {
  drop,
  newSink,
  SampleChain,
  type SampleKind,
  sampleRecords,
  type SampleSink,
  SCOPE,
  sealed,
  SEED,
} from "./sample-archive.ts";
import { Vault } from "./vault.ts";

/**
 * Every fault that `verify` promises to find, in every grade, on a file system and on S3, in both formats,
 * with roll-ups and without. Five batches of ten offsets, the first four in two roll-ups.
 */
const MAC_KEY = manifestMacKey(SEED.secret);
const STARTS = [0n, 10n, 20n, 30n, 40n];
const STORES = ["fs", "s3"] as const;
const CASES = STORES.flatMap((store) =>
  (["segment", "ndjson"] as const).map((format) => ({ store, format })),
);

describe.each(CASES)("$store, $format", ({ store, format }) => {
  const kind: SampleKind = { format, encrypted: false };
  const manifest = (start: bigint): string => manifestPath({ ...SCOPE, start });
  const data = (start: bigint): string =>
    dataPath({ ...SCOPE, start }, { format, codec: "zstd", encrypted: false });
  let vault: Vault;
  let head = "";
  /** A whole archive of its own, in which batch 30 has other records. */
  let other: SampleSink;

  beforeAll(async () => {
    vault = await Vault.open(store);
    other = await newSink("other");
    const [chain, differing] = [
      new SampleChain([{ name: "files", sink: vault.sink }], MAC_KEY),
      new SampleChain([other], MAC_KEY),
    ];
    for (const start of STARTS) {
      await chain.add(kind, start);
      const changed = sampleRecords(start).map((r) => ({ ...r, key: Buffer.from("other") }));
      if (start === 30n) await differing.publish(sealed(kind, start, changed));
      else await differing.add(kind, start);
    }
    head = chain.link;
  }, 300_000);

  afterAll(async () => {
    await vault.drop();
    await drop(other);
  });

  const roll = async (): Promise<void> => {
    const made = await rollUpEvery(vault.sink, 2);
    expect(made).toMatchObject({ rollUps: 2, written: 2, tail: 1 });
  };

  const verify = (
    grade: Grade,
    indexed: boolean,
    over: Partial<ArchiveOptions> = {},
  ): Promise<ArchiveVerdict> =>
    gradedVerify(vault.sink, grade, indexed, { heads: headOf(50n, head), ...over });

  /** What each grade finds, each code and batch once, without roll-ups and with them. */
  const expectFound = async (
    plant: () => Promise<void>,
    expected: (grade: Grade, indexed: boolean) => readonly string[],
    over: Partial<ArchiveOptions> = {},
  ): Promise<void> => {
    for (const indexed of [false, true]) {
      await vault.tampered(async () => {
        if (indexed) await roll();
        await plant();
        const verdicts = GRADES.map((grade) => verify(grade, indexed, over));
        for (const [i, verdict] of (await Promise.all(verdicts)).entries()) {
          const grade = GRADES[i] ?? "quick";
          const which = `${grade}, ${indexed ? "with" : "without"} roll-ups`;
          expect([which, ...foundIn(verdict)]).toEqual([
            which,
            ...expected(grade, indexed).toSorted(),
          ]);
        }
      });
    }
  };

  test("nothing wrong in what was published; the report says what the roll-ups were used for", async () => {
    await expectFound(
      () => Promise.resolve(),
      () => [],
    );
    await vault.tampered(async () => {
      await roll();
      const looked = async (grade: Grade): Promise<readonly number[]> => {
        const { fromIndex, inIndex } = (await verify(grade, true)).looked;
        return [fromIndex, inIndex];
      };
      // S3 lists an MD5 that it made itself; of files the first of each roll-up is read all the same.
      expect(await looked("quick")).toEqual(store === "s3" ? [4, 0] : [2, 2]);
      expect(await looked("files")).toEqual([0, 4]);
    });
  }, 120_000);

  test("a flipped bit", async () => {
    const plant = async (): Promise<void> => {
      const bytes = await vault.read(data(20n));
      bytes[bytes.length >> 1] = (bytes[bytes.length >> 1] ?? 0) ^ 4;
      await vault.put(data(20n), bytes);
    };
    const deep = ["sealed-digest@20", "file-damaged@20"];
    await expectFound(plant, (grade) => ({ quick: [], files: ["sealed-digest@20"], deep })[grade]);
  }, 120_000);

  test("a truncated file", async () => {
    const plant = async (): Promise<void> =>
      vault.put(data(30n), (await vault.read(data(30n))).subarray(0, -5));
    await expectFound(plant, () => ["size@30"]);
  }, 120_000);

  test("two files swapped", async () => {
    const [a, b] = [await vault.read(data(10n)), await vault.read(data(20n))];
    const both = (...codes: readonly string[]): string[] =>
      codes.flatMap((code) => [`${code}@10`, `${code}@20`]);
    const inside = ["record-missing", "offset-out-of-range"];
    const content = format === "ndjson" ? ["content-digest"] : [];
    await expectFound(
      () => vault.swap(data(10n), data(20n)),
      (grade) => {
        if (a.length !== b.length) return both("size");
        if (grade === "quick") return [];
        if (grade === "files") return both("sealed-digest");
        return [...both("sealed-digest", ...content, ...inside), "timestamp-range@10"];
      },
    );
  }, 120_000);

  test("one sink that differs, though each is whole by itself", async () => {
    for (const indexed of [false, true]) {
      await vault.tampered(async () => {
        if (indexed) await roll();
        for (const grade of GRADES) {
          const sinks = [{ name: "files", sink: vault.sink }, other];
          const verdict = await verify(grade, indexed, { sinks, across: true, heads: undefined });
          expect(verdict.sinks.map((s) => s.ok)).toEqual([true, true]);
          const across = verdict.across?.problems.map((p) => `${p.sink} ${p.code}@${p.start}`);
          expect(across).toEqual([
            "other across-manifest@30",
            ...(grade === "quick" ? [] : ["other across-bytes@30"]),
            "other across-manifest@40",
          ]);
        }
      });
    }
  }, 120_000);

  test("a record missing inside an otherwise valid file, by somebody who has the seed", async () => {
    const plant = async (): Promise<void> => {
      const kept = sampleRecords(40n).filter((r) => r.offset !== 47n);
      const { description, bytes } = sealed(kind, 40n, kept);
      const { records, compacted, holes } = sealed(kind, 40n, sampleRecords(40n)).description;
      const { prevLink } = parseManifest(await vault.read(manifest(40n)));
      const lie = { ...description, records, compacted, holes };
      await vault.put(data(40n), Buffer.from(bytes));
      await vault.put(manifest(40n), encodeManifest(makeManifest(lie, prevLink, MAC_KEY)));
    };
    const deep = ["record-missing@40", "record-count@40"];
    await expectFound(plant, (grade) => (grade === "deep" ? deep : []), { heads: undefined });
    // A head that was published before shows it without opening the file.
    await expectFound(plant, (grade) => ["head-differs@40", ...(grade === "deep" ? deep : [])]);
  }, 120_000);

  // What follows is of manifests, which are the same in both formats: once is enough where each call is a request.
  if (store === "s3" && format === "ndjson") return;

  test("a deleted batch, which the roll-ups still have", async () => {
    const plant = async (): Promise<void> => {
      await vault.put(data(10n), undefined);
      await vault.put(manifest(10n), undefined);
    };
    await expectFound(plant, (_, indexed) => [
      ...["gap@20", "chain-broken@20"],
      ...(indexed ? ["index-differs@10"] : []),
    ]);
  }, 120_000);

  test("a removed tail: by the head, and by roll-ups that reach further", async () => {
    const plant = async (): Promise<void> => {
      for (const start of [20n, 30n, 40n]) {
        await vault.put(data(start), undefined);
        await vault.put(manifest(start), undefined);
      }
    };
    const ahead = (indexed: boolean): string[] => (indexed ? ["index-differs@20"] : []);
    await expectFound(plant, (_, indexed) => ["head-missing@", ...ahead(indexed)]);
    await expectFound(plant, (_, indexed) => ahead(indexed), { heads: undefined });
  }, 120_000);

  test("two manifests swapped", async () => {
    const wrong = [
      ...["misplaced@20", "misplaced@30", "overlap@20", "gap@30"],
      ...["chain-broken@20", "chain-broken@30", "manifest-without-data@20"],
      ...["manifest-without-data@30", "stray-data@20", "stray-data@30"],
    ];
    // Their lengths are the same, and of files only the first of a roll-up is read.
    const one = ["misplaced@20", "stray-data@20", "manifest-without-data@20"];
    const first = [...one, "gap@30", "overlap@30", "chain-broken@30", "index-differs@20"];
    await expectFound(
      () => vault.swap(manifest(20n), manifest(30n)),
      (grade, indexed) => {
        if (!indexed) return wrong;
        if (grade === "quick" && store === "fs") return first;
        return [...wrong, "index-differs@20", "index-differs@30"];
      },
    );
  }, 120_000);

  test("a forged manifest, without the seed; and one with a digit changed", async () => {
    const forge = async (): Promise<void> => {
      const good = parseManifest(await vault.read(manifest(20n)));
      const holes = [{ from: 22n, to: 24n, reason: "compacted" as const }];
      const lie = { ...good, revision: 1, records: 8n, compacted: 2n, holes };
      const { mac: _mac, ...unsigned } = makeManifest(lie, good.prevLink);
      await vault.put(manifest(20n), encodeManifest(unsigned));
    };
    await expectFound(forge, (grade, indexed) => [
      ...["mac-missing@20", "chain-broken@30"],
      ...(grade === "deep" ? ["record-count@20", "holes@20"] : []),
      ...(indexed ? ["index-differs@20"] : []),
    ]);
    const change = async (): Promise<void> => {
      const text = (await vault.read(manifest(30n))).toString("utf8");
      await vault.put(manifest(30n), text.replace('"revision":0', '"revision":3'));
    };
    await expectFound(change, (grade, indexed) => {
      if (!indexed) return ["mac-wrong@30"];
      // What `--quick` with roll-ups does not claim to find where a listing has lengths alone.
      if (grade === "quick" && store === "fs") return [];
      return ["mac-wrong@30", "index-differs@30"];
    });
  }, 120_000);

  test("an extra batch that overlaps another", async () => {
    const plant = async (): Promise<void> => {
      const inside = new SampleChain([{ name: "files", sink: vault.sink }], MAC_KEY);
      inside.link = "ab".repeat(32);
      await inside.add(kind, 25n);
    };
    await expectFound(plant, () => ["overlap@25", "chain-broken@25"]);
  }, 120_000);

  test("a re-ordered chain, each link right by itself", async () => {
    const rechain = async (start: bigint, prevLink: string): Promise<string> => {
      const made = makeManifest(
        parseManifest(await vault.read(manifest(start))),
        prevLink,
        MAC_KEY,
      );
      await vault.put(manifest(start), encodeManifest(made));
      return made.link;
    };
    const plant = async (): Promise<void> => {
      const first = parseManifest(await vault.read(manifest(0n))).link;
      await rechain(10n, await rechain(20n, first));
    };
    await expectFound(plant, (grade, indexed) => {
      const broken = ["chain-broken@20", "chain-broken@30"];
      if (!indexed) return ["chain-broken@10", ...broken];
      if (grade === "quick" && store === "fs") return [...broken, "index-differs@20"];
      return ["chain-broken@10", ...broken, "index-differs@10", "index-differs@20"];
    });
  }, 120_000);
});
