import { spawnSync } from "node:child_process";
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { gunzipSync } from "node:zlib";
import { afterAll, describe, expect, test } from "vitest";
import type { Manifest } from "../../src/core/description.ts";
import { blake3Hex } from "../../src/core/digest.ts";
import { macOk, parseManifest } from "../../src/core/manifest.ts";
import { deepCheck } from "../../src/operate/verify/deep-check.ts";
import { parseIdentities } from "../../src/operate/verify/foreign-age.ts";
import { seedKeys } from "../../src/operate/verify/foreign-keys.ts";
import { foreignOpener } from "../../src/operate/verify/foreign-opener.ts";
import { macMatches, readManifest } from "../../src/operate/verify/own-manifest.ts";
import { Tally } from "../../src/operate/verify/tally.ts";
import { loadIdentities, loadSeeds, manifestMacKey } from "../../src/seal/keys.ts";
import { recordLine } from "../../src/seal/ndjson.ts";
import { openContent, readRecords } from "../../src/seal/unseal.ts";
import { cli } from "../operate/cli-process.ts";
import {
  type BrokenEntry,
  type GoodEntry,
  type ManifestEntry,
  varies,
  vectorFiles,
} from "./vectors/files.ts";

/** The files of test/vectors/sealed, by every reader there is: ours, verify's, age's and zstd's. */
const root = fileURLToPath(new URL("../vectors/sealed/", import.meta.url));
const dir = mkdtempSync(join(tmpdir(), "archiver-vectors-"));
afterAll(() => rmSync(dir, { recursive: true, force: true }));

const file = (path: string): Buffer => readFileSync(join(root, path));
const listOf = <T>(path: string): readonly T[] => JSON.parse(file(path).toString()) as readonly T[];
const good = listOf<GoodEntry>("good.json");
const broken = listOf<BrokenEntry>("broken.json");
const manifests = listOf<ManifestEntry>("manifests.json");
const [seed] = await loadSeeds(join(root, "seed"));
const macKey = manifestMacKey(seed?.secret ?? Buffer.alloc(0));

async function* one(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}

interface Read {
  readonly content: string;
  readonly lines: string;
}

async function read(m: Manifest, bytes: Uint8Array, identities: readonly Buffer[]): Promise<Read> {
  const pieces: Uint8Array[] = [];
  for await (const p of openContent(m, one(bytes), { identities })) pieces.push(p);
  const content = Buffer.concat(pieces);
  let lines = "";
  for await (const records of readRecords(m, one(content))) {
    lines += records.map((r) => recordLine(m, r)).join("");
  }
  return { content: blake3Hex(content), lines };
}

const identitiesOf = async (names: readonly string[]): Promise<readonly Buffer[]> =>
  (await Promise.all(names.map((n) => loadIdentities(join(root, n))))).flat();

/** Problems that verify's own readers find in a file, as texts. */
async function problems(m: Manifest, bytes: Uint8Array, names: readonly string[]): Promise<string> {
  const identities = names.flatMap((n) => parseIdentities(file(n).toString()));
  const tally = new Tally(m);
  const check = deepCheck(foreignOpener(identities), seedKeys(file("seed").toString()));
  const { signal } = new AbortController();
  await check(m, bytes, tally, signal);
  return tally
    .report()
    .problems.map((p) => `${p.code}: ${p.text}`)
    .join("; ");
}

const run = (program: string, args: readonly string[], input: Buffer) =>
  spawnSync(program, args, { input, maxBuffer: 1 << 28 });

test("the files are what the maker makes; what depends on the machine's zlib is left out", () => {
  const made = vectorFiles();
  const found = readdirSync(root, { recursive: true, withFileTypes: true })
    .filter((e) => e.isFile())
    .map((e) => relative(root, join(e.parentPath, e.name)));
  expect(found.sort()).toEqual([...made.keys()].sort());
  const others = [...made]
    .filter(([path, bytes]) => !file(path).equals(bytes))
    .map(([path]) => path);
  expect(others.filter((path) => !varies(path, good))).toEqual([]);
});

describe("good files", () => {
  test.each(good)("$name", async ({ name, data, manifest, identities, content, lines }) => {
    const text = file(manifest);
    const m = parseManifest(text);
    expect(macOk(m, macKey)).toBe(true);
    const second = readManifest(text, m);
    expect(second.complaints).toEqual([]);
    expect(
      macMatches(text, m, seedKeys(file("seed").toString()).get("vectors")?.mac ?? macKey),
    ).toBe(true);
    const bytes = file(data);
    // Each of the recipients opens it alone.
    for (const names of identities.length === 0 ? [[]] : identities.map((i) => [i])) {
      const got = await read(m, bytes, await identitiesOf(names));
      expect([got.content, blake3Hex(Buffer.from(got.lines))]).toEqual([content, lines]);
      expect(await problems(m, bytes, names)).toBe("");
      if (got.lines.length < 16_384)
        expect(got.lines).toBe(file(`expected/${name}.ndjson`).toString());
    }
    if (identities.length === 0) return;
    const stranger = await identitiesOf(["identity-3"]);
    await expect(read(m, bytes, stranger)).rejects.toMatchObject({ code: "identity-needed" });
  });

  test.each(good)("$name by the age, zstd and gzip programs", ({ data, identities, content }) => {
    let bytes = file(data);
    for (const i of identities.slice(-1)) {
      const age = run("age", ["-d", "-i", join(root, i)], bytes);
      expect(age.stderr.toString()).toBe("");
      bytes = age.stdout;
    }
    if (data.includes(".zst")) bytes = run("zstd", ["-dc"], bytes).stdout;
    if (data.includes(".gz")) bytes = run("gzip", ["-dc"], bytes).stdout;
    expect(blake3Hex(bytes)).toBe(content);
  });

  test("together they are an archive: verify --deep finds nothing, cat gives every record", async () => {
    cpSync(join(root, "archive"), join(dir, "archive"), { recursive: true });
    const config = join(dir, "config.yaml");
    const recipient = /age1\w+/.exec(file("identity-1").toString())?.[0] ?? "";
    writeFileSync(
      config,
      [
        'kafka: { brokers: ["127.0.0.1:1"] }',
        "group: vectors",
        "topics: [vectors]",
        `encryption: { recipients: [${recipient}], seedFile: ${join(root, "seed")} }`,
        "sinks: [{ name: files, kind: fs, path: ./archive }]",
        "",
      ].join("\n"),
    );
    const identity = join(dir, "identity");
    writeFileSync(identity, Buffer.concat([file("identity-1"), file("identity-2")]));
    const args = ["--config", config, "--identity", identity];
    const verify = await cli(["verify", "--deep", "--json", ...args]);
    expect([verify.code, verify.stderr]).toEqual([0, ""]);
    const cat = await cli(["cat", "--topic", "vectors", ...args]);
    expect(cat.code).toBe(0);
    let at = 0;
    for (const { name, manifest, lines } of good) {
      const count = Number(parseManifest(file(manifest)).records);
      let end = at;
      for (let i = 0; i < count; i++) end = cat.stdout.indexOf("\n", end) + 1;
      expect([name, blake3Hex(Buffer.from(cat.stdout.slice(at, end)))]).toEqual([name, lines]);
      at = end;
    }
    expect(at).toBe(cat.stdout.length);
  });
});

test("the digest over records is verify's own, and another one is named", async () => {
  const digested = good.filter((g) => parseManifest(file(g.manifest)).recordsDigest !== undefined);
  expect(digested.length).toBeGreaterThan(10);
  for (const { manifest, data, identities } of digested) {
    const m = { ...parseManifest(file(manifest)), recordsDigest: "0".repeat(64) };
    const said = await problems(m, file(data), identities);
    expect(said).toMatch(/^records-digest: the records have [0-9a-f]{64}, the manifest says 0+$/);
  }
});

describe("broken files", () => {
  test("there is one of each kind", () => {
    const kinds = new Set(broken.map((b) => b.name.replace(/-.*/, "")));
    expect([...kinds].sort((a, b) => (a < b ? -1 : 1))).toEqual([
      "age",
      "content",
      "gzip",
      "ndjson",
      "segment",
      "stored",
      "zstd",
    ]);
    expect(broken.length).toBeGreaterThan(100);
  });

  test.each(broken)("$name: $why", async ({ name, code, identities }) => {
    const m = parseManifest(file(`broken/${name}.json`));
    expect(macOk(m, macKey)).toBe(true);
    const bytes = file(`broken/${name}.bin`);
    const got = await read(m, bytes, await identitiesOf(identities)).then(
      () => null,
      (e: unknown) => (e as { code?: unknown }).code,
    );
    expect(got).toBe(code);
    // Size and digest of a stored file are checked before it is opened.
    if (name.startsWith("stored-")) return;
    const said = await problems(m, bytes, identities).catch((e: unknown) => String(e));
    if (code === null) expect(said).toBe("");
    else expect(said).not.toBe("");
  });

  /** What only our manifest knows, or what age leaves open. */
  const openedByAge = new Set(["age-content-tag", "age-header-long"]);

  test.each(broken.filter((b) => b.name.startsWith("age-")))(
    "$name by the age program",
    ({ name, code, identities }) => {
      const args = identities.flatMap((i) => ["-i", join(root, i)]);
      const { status } = run("age", ["-d", ...args], file(`broken/${name}.bin`));
      expect(status === 0).toBe(code === null || openedByAge.has(name));
    },
  );
});

describe("broken manifests", () => {
  const base = parseManifest(file(good.find((g) => g.name === "segment-holes")?.manifest ?? ""));

  test.each(manifests)("$name: $why", ({ name }) => {
    const text = file(`manifests/${name}.json`);
    expect(() => parseManifest(text)).toThrowError(
      expect.objectContaining({ code: "manifest-invalid" }) as Error,
    );
    expect(readManifest(text, base).complaints).not.toEqual([]);
  });

  test("the chain: a manifest whose MAC is another's is not vouched for", () => {
    const [a, b] = good.slice(0, 2).map((g) => parseManifest(file(g.manifest)));
    expect(a?.link).toBe(b?.prevLink);
    expect(a !== undefined && b?.mac !== undefined && macOk({ ...a, mac: b.mac }, macKey)).toBe(
      false,
    );
  });
});

test("gzip's files hold what the maker's hold, whatever zlib wrote them", () => {
  const made = vectorFiles();
  const plain = good.filter((g) => g.data.endsWith(".gz")).map((g) => g.data);
  expect(plain.length).toBe(2);
  for (const path of plain) {
    const bytes = made.get(path) ?? Buffer.alloc(0);
    expect(gunzipSync(bytes).equals(gunzipSync(file(path)))).toBe(true);
  }
});
