import { mkdir, rm, symlink, truncate, writeFile } from "node:fs/promises";
import path from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { dataPath, manifestPath } from "../../src/core/layout.ts";
import { parseManifest } from "../../src/core/manifest.ts";
import { foreignOpener } from "../../src/operate/verify/foreign-opener.ts";
import { NEVER } from "../../src/operate/verify/expiry.ts";
import { EVERY_FILE } from "../../src/operate/verify/sampling.ts";
import { runVerify } from "../../src/operate/verify/run-verify.ts";
import { drop, never, newSink, SampleChain, type SampleSink, SCOPE } from "./sample-archive.ts";

/** An archive made by somebody who wants whoever looks at it to hang, to swell or to read elsewhere. */
const KIND = { format: "segment", encrypted: false } as const;
let files: SampleSink;
const manifest = (start: bigint): string => path.join(files.dir, manifestPath({ ...SCOPE, start }));
const data = (start: bigint): string =>
  path.join(
    files.dir,
    dataPath({ ...SCOPE, start }, { format: "segment", codec: "zstd", encrypted: false }),
  );

beforeEach(async () => {
  files = await newSink("files");
  const chain = new SampleChain([files]);
  for (const start of [0n, 10n, 20n]) await chain.add(KIND, start);
});
afterEach(() => drop(files));

async function problems(): Promise<readonly string[]> {
  const report = await runVerify(
    {
      ...{ tool: "bulk-archiver 0.0.0", sinks: [files], filter: {}, seeds: new Map() },
      ...{ publicKeys: new Map(), heads: undefined, open: foreignOpener([]), quick: false },
      ...{ deep: true, across: false, topics: undefined, sampling: EVERY_FILE, expiry: NEVER },
      ...{ wall: () => 0, index: true },
      progress: { total: () => undefined, done: () => undefined, compared: () => undefined },
    },
    never,
  );
  const found = report.sinks.flatMap((s) => [
    ...(s.problems ?? []),
    ...s.partitions.flatMap((p) => p.problems),
  ]);
  return found.map(({ code, start, text }) => `${code}@${start ?? ""} ${text}`);
}

test("a manifest larger than any, which is not read; the others are", async () => {
  await truncate(manifest(10n), 5 * 2 ** 30);
  expect(await problems()).toEqual([
    expect.stringMatching(/^manifest-form@10 cannot be read: .*5368709120 bytes, at most/),
  ]);
});

test("manifests that are small and would be large: nested a million deep, a million values", async () => {
  await writeFile(manifest(10n), `${"[".repeat(1_000_000)}${"]".repeat(1_000_000)}\n`);
  await writeFile(manifest(20n), `{"holes":[${"1,".repeat(1_000_000)}1]}\n`);
  expect(await problems()).toEqual([
    "manifest-form@10 is nested more than 8 deep",
    "manifest-form@20 has more than 500000 values",
  ]);
  for (const start of [10n, 20n])
    await expect(files.sink.floor(SCOPE, start, never)).rejects.toMatchObject({
      code: "manifest-invalid",
    });
});

test("paths that lead elsewhere are named and never opened", async () => {
  const text = JSON.stringify(parseManifest(await readText(10n)), plain);
  for (const away of ["../../../../../../etc/passwd", "/etc/passwd", "data/../archive.json"]) {
    const lie = text.replace(/"path":"[^"]+"/, `"path":"${away}"`);
    await writeFile(manifest(10n), `${lie}\n`);
    const found = await problems();
    expect(found).toContainEqual(`path-rule@10 names ${away}, the rule gives ${ruled(10n)}`);
    expect(found).toContainEqual(expect.stringMatching(/^manifest-without-data@10 /));
    expect(found.filter((p) => !p.includes("@10 "))).toEqual([]);
    await expect(files.sink.floor(SCOPE, 10n, never)).rejects.toMatchObject({
      code: "manifest-invalid",
    });
  }
});

test("links: to files elsewhere, to nothing, and to folders above that never end", async () => {
  const elsewhere = path.join(files.dir, "secret");
  await writeFile(elsewhere, "not for others\n");
  await writeLink(elsewhere, manifest(10n));
  await writeLink(path.join(files.dir, "nothing"), data(20n));
  for (const name of ["up", "again", "and-again"]) {
    await symlink("../../../../../..", path.join(path.dirname(manifest(0n)), name));
    await symlink("..", path.join(path.dirname(data(0n)), name));
    await mkdir(path.join(files.dir, "index"), { recursive: true });
    await symlink("..", path.join(files.dir, "index", name));
  }
  const found = await problems();
  expect(found).toEqual([
    expect.stringMatching(/^manifest-form@10 is not JSON/),
    expect.stringMatching(/^manifest-without-data@20 /),
  ]);
});

test("archive.json that is too large, or is none", async () => {
  await writeFile(path.join(files.dir, "archive.json"), `${"[".repeat(5_000)}`);
  expect(await problems()).toEqual([expect.stringMatching(/^identity-invalid@ /)]);
  await truncate(path.join(files.dir, "archive.json"), 5 * 2 ** 30);
  expect(await problems()).toEqual([expect.stringMatching(/^identity-invalid@ .*bytes, at most/)]);
});

const plain = (_key: string, v: unknown): unknown => (typeof v === "bigint" ? Number(v) : v);
const ruled = (start: bigint): string => path.relative(files.dir, data(start));

async function readText(start: bigint): Promise<Uint8Array> {
  const bytes = await files.sink.manifest({ ...SCOPE, start }, never);
  if (bytes === undefined) throw new Error("it was published");
  return bytes;
}

async function writeLink(to: string, at: string): Promise<void> {
  await rm(at);
  await symlink(to, at);
}
