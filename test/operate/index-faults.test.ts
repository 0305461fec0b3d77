import { afterAll, beforeAll, expect, test } from "vitest";
import { encodeManifest, makeManifest, parseManifest } from "../../src/core/manifest.ts";
import { manifestPath } from "../../src/core/layout.ts";
import { startBy, type Times } from "../../src/operate/index/look-up.ts";
import {
  encodeRollUp,
  indexFolder,
  nameOf,
  rollUpLines,
  rollUpPath,
} from "../../src/operate/index/roll-up.ts";
import { listedBatches } from "../../src/operate/listed-batches.ts";
import { NEVER } from "../../src/operate/verify/expiry.ts";
import { foreignOpener } from "../../src/operate/verify/foreign-opener.ts";
import { EVERY_FILE } from "../../src/operate/verify/sampling.ts";
import type { VerifyReport } from "../../src/operate/verify/report.ts";
import { runVerify } from "../../src/operate/verify/run-verify.ts";
import { compressed } from "../../src/seal/zstd.ts";
import { rollUpEvery } from "./graded-verify.ts";
import { never, SampleChain, SCOPE } from "./sample-archive.ts";
import { Vault } from "./vault.ts";

/**
 * Roll-ups that are forged, stale, cut short or no roll-ups at all, in an archive in which all is well: each is
 * named by every grade, and nothing that is read by them becomes another.
 */
const BATCHES = 9;
const KIND = { format: "segment", encrypted: false } as const;
const FOLDER = indexFolder(SCOPE);
let vault: Vault;
let whole: readonly string[] = [];

beforeAll(async () => {
  vault = await Vault.open("fs");
  const chain = new SampleChain([{ name: "files", sink: vault.sink }]);
  for (let i = 0; i < BATCHES; i += 1) await chain.add(KIND, BigInt(i) * 10n);
  whole = await listed();
  await roll();
}, 120_000);

afterAll(() => vault.drop());

const roll = async (rebuild = false): Promise<number> =>
  (await rollUpEvery(vault.sink, 3, rebuild)).written;

let said: string[] = [];

async function listed(fromMs?: bigint): Promise<readonly string[]> {
  said = [];
  const say = ({ text }: { readonly text: string }): unknown => said.push(text);
  const range = { from: fromMs === undefined ? undefined : { timeMs: fromMs }, to: undefined };
  const found: string[] = [];
  for await (const b of listedBatches(
    { name: "files", sink: vault.sink, say },
    SCOPE,
    range,
    never,
  ))
    found.push(`[${b.start}, ${b.end}) ${b.path} ${b.size} ${b.maxTimestamp}`);
  return found;
}

const verify = (over: {
  readonly quick: boolean;
  readonly index?: boolean;
}): Promise<VerifyReport> =>
  runVerify(
    {
      ...{ tool: "bulk-archiver 0.0.0", sinks: [{ name: "files", sink: vault.sink }], filter: {} },
      ...{ seeds: new Map(), publicKeys: new Map(), heads: undefined, open: foreignOpener([]) },
      ...{ deep: false, across: false, topics: undefined, expiry: NEVER, wall: () => 0 },
      ...{ sampling: EVERY_FILE, index: true, ...over },
      progress: { total: () => undefined, done: () => undefined, compared: () => undefined },
    },
    never,
  );

const problems = ({ sinks }: VerifyReport): readonly string[] =>
  sinks.flatMap((s) => s.partitions.flatMap((p) => p.problems)).map((p) => `${p.code} ${p.text}`);

const rollUpPaths = async (): Promise<readonly string[]> =>
  (await vault.below(FOLDER)).filter((path) => path.endsWith(".zst"));

const linesOf = async (path: string): Promise<readonly Buffer[]> => [
  ...rollUpLines(await vault.read(path)),
];

/** Plants, and expects: this problem and no other at both grades, the whole list, and all well without it. */
async function expectNamed(plant: () => Promise<void>, text: RegExp): Promise<void> {
  await vault.tampered(async () => {
    await plant();
    for (const quick of [true, false]) {
      const report = await verify({ quick });
      const found = problems(report);
      expect(found.length).toBeGreaterThan(0);
      expect(found.filter((p) => !p.startsWith("index-differs ") || !text.test(p))).toEqual([]);
      expect(report.sinks[0]?.partitions[0]).toMatchObject({ batches: BATCHES, nextOffset: 90n });
      expect(report.ok).toBe(false);
    }
    expect(problems(await verify({ quick: true, index: false }))).toEqual([]);
    expect(await listed()).toEqual(whole);
  });
}

test("an index that is right is used, and says so", async () => {
  expect(await rollUpPaths()).toHaveLength(3);
  const quick = await verify({ quick: true });
  const of = quick.evidence.find((e) => e.of === "index");
  expect([quick.ok, of?.used]).toEqual([true, true]);
  expect(quick.totals.fromIndex + quick.totals.inIndex).toBe(BATCHES);
  // The first of each roll-up is read in any run.
  expect(quick.totals.inIndex).toBeGreaterThanOrEqual(3);
  const full = await verify({ quick: false });
  expect([full.totals.fromIndex, full.totals.inIndex]).toEqual([0, BATCHES]);
  const without = await verify({ quick: true, index: false });
  expect(without.evidence.find((e) => e.of === "index")).toMatchObject({ used: false });
  expect([await listed(), said]).toEqual([whole, []]);
});

test("one that is cut short, no zstd, empty, or far too large", async () => {
  const [path = ""] = await rollUpPaths();
  const good = await vault.read(path);
  const cannot = /cannot be read/;
  await expectNamed(() => vault.put(path, good.subarray(0, good.length - 3)), cannot);
  await expectNamed(() => vault.put(path, "no roll-up"), cannot);
  await expectNamed(() => vault.put(path, ""), cannot);
  await expectNamed(() => vault.put(path, Buffer.alloc((1 << 20) + 1)), cannot);
  // A few bytes that unfold to 40 MiB without a line.
  const bomb = Buffer.concat(
    compressed(
      Array.from({ length: 40 }, () => Buffer.alloc(1 << 20)),
      3,
    ),
  );
  expect(bomb.length).toBeLessThan(1 << 20);
  await expectNamed(() => vault.put(path, bomb), cannot);
  await expectNamed(async () => {
    const lines = [Buffer.from('{"start":0,"end":10}\n'), ...(await linesOf(path))];
    await vault.put(path, encodeRollUp(lines));
  }, cannot);
});

test("a forged line, lines that are missing, and lines of batches that never were", async () => {
  const [, second = "", third = ""] = await rollUpPaths();
  const lines = await linesOf(second);
  const differs = /another manifest than is stored/;
  // Of another length, or the first of its roll-up: the stored manifest is read.
  await expectNamed(async () => {
    const good = parseManifest(lines[1] as Buffer);
    const lie = encodeManifest(makeManifest({ ...good, leaderEpoch: 1_000 }, good.prevLink));
    await vault.put(second, encodeRollUp(lines.with(1, Buffer.from(lie))));
  }, differs);
  await expectNamed(async () => {
    const lie = (lines[0] as Buffer).toString("utf8").replace('"revision":0', '"revision":4');
    await vault.put(second, encodeRollUp(lines.with(0, Buffer.from(lie))));
  }, differs);
  await expectNamed(
    async () => vault.put(second, encodeRollUp(lines.slice(0, 2))),
    /other offsets or times than its name/,
  );
  await expectNamed(async () => {
    await vault.put(second, encodeRollUp([...lines, ...(await linesOf(third))]));
  }, /cannot be read: its lines are not in order, or beyond its range/);
  // A forged chain that goes on behind the archive's end looks as if its end had been removed.
  await expectNamed(async () => {
    const last = parseManifest((await linesOf(third))[2] as Buffer);
    const seal = { ...last.seal, path: last.seal.path.replace("00080.", "00090.") };
    const batchId = last.batchId.replace(/80$/, "90");
    const holes = last.holes.map((h) => ({ ...h, from: h.from + 10n, to: h.to + 10n }));
    const range = { start: 90n, end: 100n, batchId, holes };
    const next = makeManifest({ ...last, ...range, seal }, last.link);
    const path = rollUpPath(SCOPE, nameOf([next], 0));
    await vault.put(path, encodeRollUp([Buffer.from(encodeManifest(next))]));
  }, /has batches of \[90, 100\) that are not there/);
});

test("a line that contradicts the chain is found although its manifest is not read", async () => {
  const [, second = ""] = await rollUpPaths();
  await vault.tampered(async () => {
    const lines = await linesOf(second);
    const lie = (lines[1] as Buffer).toString("utf8").replace('"records":9', '"records":8');
    await vault.put(second, encodeRollUp(lines.with(1, Buffer.from(lie))));
    const found = problems(await verify({ quick: true }));
    expect(found.some((p) => /^(link-wrong|index-differs)/.test(p))).toBe(true);
    expect(problems(await verify({ quick: false }))).toEqual([
      expect.stringMatching(/^index-differs .*another manifest than is stored/),
    ]);
  });
});

test("names: a range over everything, narrower times, numbers that are no offsets", async () => {
  const [first = ""] = await rollUpPaths();
  const good = await vault.read(first);
  const belies = /other offsets or times than its name/;
  const late = ({ maxTimestamp }: Times): boolean => (maxTimestamp ?? -1n) >= 1_700_000_000_025n;
  const begin = async (): Promise<bigint> => {
    said = [];
    const say = ({ text }: { readonly text: string }): unknown => said.push(text);
    return startBy({ sink: vault.sink, scope: SCOPE, say }, late, never);
  };
  expect([await begin(), said]).toEqual([20n, []]);
  const forged = (name: string): Promise<void> => vault.put(`${FOLDER}/${name}`, good);
  const wide = `${"0".padStart(20, "0")}-${"9".padEnd(18, "9").padStart(20, "0")}.n-n.999999.ndjson.zst`;
  await expectNamed(() => forged(wide), belies);
  await vault.tampered(async () => {
    await forged(wide);
    // Its times count together with those of the edition that is right, and where it ends is nothing.
    expect(await begin()).toBeLessThanOrEqual(20n);
    expect(await listed(1_700_000_000_025n)).toEqual(whole.slice(2));
  });
  // Another edition of the same range that says less than the first does.
  const narrow = first.slice(first.lastIndexOf("/") + 1).replace(/\.\d+-\d+\.0\./, ".5-6.1.");
  await expectNamed(() => forged(narrow), belies);
  await vault.tampered(async () => {
    await forged(narrow);
    expect(await begin()).toBe(20n);
  });
  // And instead of it: the manifest where it ends contradicts what it says.
  await vault.tampered(async () => {
    await vault.put(first, undefined);
    await forged(narrow);
    expect([await begin(), said]).toEqual([
      0n,
      [expect.stringContaining("is not as what is stored")],
    ]);
    expect(await listed(1_700_000_000_025n)).toEqual(whole.slice(2));
  });
  await vault.tampered(async () => {
    await forged(`${"9".repeat(20)}-${"9".repeat(20)}.n-n.0.ndjson.zst`);
    await forged("00000000000000000000.keys");
    expect([(await verify({ quick: true })).ok, await listed()]).toEqual([true, whole]);
  });
});

test("a stale one is mended by --rebuild", async () => {
  const at = manifestPath({ ...SCOPE, start: 80n });
  await vault.tampered(async () => {
    const old = parseManifest(await vault.read(at));
    await vault.put(at, encodeManifest(makeManifest({ ...old, leaderEpoch: 12 }, old.prevLink)));
    expect(problems(await verify({ quick: false }))).toEqual([
      expect.stringMatching(/^index-differs .*another manifest/),
    ]);
    expect(await roll()).toBe(0);
    expect(await roll(true)).toBe(1);
    expect((await verify({ quick: false })).ok).toBe(true);
    expect((await verify({ quick: true })).ok).toBe(true);
  });
});
