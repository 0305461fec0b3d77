import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { ReconcileReport, RewrapReport } from "../../src/operate/repair/report.ts";
import { configDir } from "../config/load.ts";
import { ageKey, encryptionIn, opens } from "./age-keys.ts";
import {
  batchesOf,
  contentOf,
  namesOf,
  quarantined,
  replacedSince,
  remove,
} from "./archive-damage.ts";
import { cli } from "./cli-process.ts";
import { LiveArchive } from "./live-archive.ts";

/** Encrypted files that others are to read from now on; read here by the `age` tool as well. */
const dir = configDir();
const [files, copy] = [join(dir, "files"), join(dir, "copy")];
let archive: LiveArchive;
const [a, b] = [ageKey(dir, "a"), ageKey(dir, "b")];

const rewrap = (...argv: readonly string[]): Promise<RewrapReport & { code: number }> =>
  archive.reported("rewrap", ...argv);

const sum = (r: RewrapReport, of: "rewrapped" | "there" | "batches"): number =>
  r.partitions.reduce((n, p) => n + p[of], 0);
const texts = (r: RewrapReport): string[] =>
  r.partitions.flatMap((p) => p.problems.map((q) => q.text));

const verify = (identity: string): Promise<string> => archive.verified("--identity", identity);

beforeAll(async () => {
  const encryption = encryptionIn(dir, a.recipient);
  const given = { word: "rewrap", partitions: 1, rounds: 6, dir };
  archive = await LiveArchive.begin({ ...given, ...encryption });
}, 120_000);

afterAll(() => archive.close());

test("new recipients by headers alone, the same in every sink, beside the daemon", async () => {
  const before = batchesOf(files).map((x) => ({ ...x, bytes: readFileSync(x.data) }));
  const change = ["--identity", a.file, "--add", b.recipient, "--remove", a.recipient];
  const dry = await rewrap(...change, "--dry-run");
  expect([dry.code, sum(dry, "rewrapped")]).toEqual([0, before.length]);
  expect(before.every((x) => readFileSync(x.data).equals(x.bytes))).toBe(true);
  const report = await rewrap(...change);
  expect([texts(report), report.code, sum(report, "rewrapped")]).toEqual([[], 0, before.length]);
  for (const x of before) {
    expect([opens(a, x.data), opens(b, x.data)]).toEqual([false, true]);
    // What follows the header is what it was, to the last byte.
    const tail = (bytes: Buffer): Buffer => bytes.subarray(bytes.indexOf("\n--- ") + 49);
    expect(tail(readFileSync(x.data)).equals(tail(x.bytes))).toBe(true);
  }
  expect(contentOf(copy)).toEqual(contentOf(files));
  expect([quarantined(files), quarantined(copy)]).toEqual([[], []]);
  expect(await verify(b.file)).toBe("ok");
  await archive.more(300);
  const cat = await archive.run("cat", "--to", "100", "--identity", b.file);
  expect([cat.code, cat.stderr, cat.stdout.split("\n").length]).toEqual([0, "", 101]);
});

test("killed at any point and run again it comes to the same", async () => {
  // The newest batches are of the configuration's recipient, the others of the second.
  const both = ["--identity", join(dir, "both"), "--add", a.recipient, "--add", b.recipient];
  writeFileSync(join(dir, "both"), readFileSync(a.file, "utf8") + readFileSync(b.file, "utf8"));
  // Once between amendments and files, once between two files.
  const amended = (): number => namesOf(files).filter((path) => path.includes(".amend-2")).length;
  for (const from of [() => () => amended() > 2, () => replacedSince(copy)]) {
    await archive.killed(from(), archive.argv("rewrap", ...both));
  }
  const report = await rewrap(...both);
  expect([texts(report), report.code]).toEqual([[], 0]);
  const again = await rewrap(...both);
  expect([again.code, sum(again, "rewrapped"), sum(again, "there")]).toEqual([
    0,
    0,
    batchesOf(files).length,
  ]);
  expect(contentOf(copy)).toEqual(contentOf(files));
  expect([quarantined(files), quarantined(copy)]).toEqual([[], []]);
  for (const x of batchesOf(files)) {
    expect([opens(a, x.data), opens(b, x.data)]).toEqual([true, true]);
  }
  expect(await verify(a.file)).toBe("ok");
});

test("a rewrapped batch is copied by reconcile, with its amendments", async () => {
  const before = contentOf(copy);
  const [first] = batchesOf(copy);
  if (first === undefined) throw new Error("the archive is empty");
  remove(first.data, first.manifest);
  const between = ["--source", "files", "--target", "copy"];
  const report = await archive.reported<ReconcileReport>("reconcile", ...between);
  expect([report.code, report.ok]).toEqual([0, true]);
  expect(contentOf(copy)).toEqual(before);
});

test("a file that got its first header back has its amendments in every sink", async () => {
  const both = ["--identity", join(dir, "both")];
  const back = await rewrap(...both, "--remove", b.recipient);
  expect([texts(back), back.code]).toEqual([[], 0]);
  const before = contentOf(copy);
  const [first] = batchesOf(copy);
  if (first === undefined) throw new Error("the archive is empty");
  const beside = first.manifest.replace(".json", ".amend-");
  const lost = namesOf(copy).filter((path) => path.startsWith(beside));
  expect(lost.length).toBeGreaterThan(1);
  remove(...lost);
  expect(await verify(a.file)).toContain("across-amendments");
  const between = ["--source", "files", "--target", "copy"];
  const report = await archive.reported<ReconcileReport>("reconcile", ...between);
  expect([report.code, report.ok]).toEqual([0, true]);
  expect(contentOf(copy)).toEqual(before);
  expect(await verify(a.file)).toBe("ok");
  expect((await rewrap(...both, "--add", b.recipient)).code).toBe(0);
});

test("a daemon copies rewrapped batches to a sink that lost everything", async () => {
  await archive.drain();
  const before = contentOf(files);
  rmSync(copy, { recursive: true, force: true });
  await archive.again();
  await archive.more(300);
  const now = contentOf(copy);
  for (const [path, digest] of before) expect([path, now.get(path)]).toEqual([path, digest]);
  expect(now).toEqual(contentOf(files));
});

test("replay copies encrypted batches, and makes none that would be others", async () => {
  const before = contentOf(files);
  const [first, second] = batchesOf(files);
  if (first === undefined || second === undefined) throw new Error("too few batches");
  remove(first.data);
  const argv = archive.argv("replay", "--topic", archive.name, "--json");
  const made = await cli(argv);
  expect([made.code, made.stderr]).toEqual([0, ""]);
  expect(contentOf(files)).toEqual(before);
  const into = [...argv, "--into", "again"];
  const fresh = [await cli(into), await cli(into)];
  expect(fresh.map((f) => [f.code, f.stderr])).toEqual([
    [0, ""],
    [0, ""],
  ]);
  expect(fresh[1]?.stdout).toContain('"made": 0');
  const inCopy = batchesOf(copy)[1];
  remove(second.data, inCopy?.data ?? "");
  const lost = await cli(argv);
  expect([lost.code, lost.stdout]).toEqual([
    3,
    expect.stringContaining("the salt of its plan is gone"),
  ]);
});

test("who cannot open a file changes nothing", async () => {
  const stranger = ageKey(dir, "stranger");
  const before = contentOf(files);
  const argv = ["--identity", stranger.file, "--add", stranger.recipient];
  const { code, stderr } = await archive.run("rewrap", ...argv);
  expect([code, stderr]).toEqual([2, expect.stringContaining("none of the identities given")]);
  expect(contentOf(files)).toEqual(before);
});
