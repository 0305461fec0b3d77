import { execFileSync } from "node:child_process";
import { readFile, rm, writeFile } from "node:fs/promises";
import path from "node:path";
import { PassThrough } from "node:stream";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { manifestPath } from "../../src/core/layout.ts";
import { runCli } from "../../src/operate/cli.ts";
import { commands } from "../../src/operate/commands.ts";
import { manifestMacKey } from "../../src/seal/keys.ts";
import { encodeIdentity } from "../../src/seal/x25519.ts";
import { mismatches, type Schema } from "./json-schema.ts";
import {
  content,
  drop,
  IDENTITY_KEY,
  IDENTITY_TEXT,
  newSink,
  SampleChain,
  sampleRecords,
  type SampleSink,
  SCOPE,
  SEED,
} from "./sample-archive.ts";

/** The commands as they are called, on an encrypted archive in two folders. */
describe.each(["segment", "ndjson"] as const)("verify and cat of %s files", (format) => {
  let a: SampleSink;
  let b: SampleSink;
  let config: string;
  let identity: string;

  beforeEach(async () => {
    [a, b] = [await newSink("files"), await newSink("copy")];
    const chain = new SampleChain([a, b], manifestMacKey(SEED.secret));
    for (const start of [0n, 10n, 20n]) await chain.add({ format, encrypted: true }, start);
    config = path.join(a.dir, "tmp", "config.yaml");
    identity = path.join(a.dir, "tmp", "identity");
    const seed = path.join(a.dir, "tmp", "seed");
    await writeFile(identity, IDENTITY_TEXT);
    await writeFile(seed, `${SEED.keyId}:${SEED.secret.toString("hex")}\n`);
    await writeFile(
      config,
      [
        'kafka: { brokers: ["127.0.0.1:1"] }',
        "group: archiver",
        "topics: [logs]",
        `encryption: { recipients: [${IDENTITY_KEY.recipient}], seedFile: ${seed} }`,
        "sinks:",
        `  - { name: files, kind: fs, path: ${a.dir} }`,
        `  - { name: copy, kind: fs, path: ${b.dir} }`,
      ].join("\n"),
    );
  });
  afterEach(() => drop(a, b));

  async function run(...argv: string[]): Promise<{ code: number; stdout: string; stderr: string }> {
    const texts = { stdout: "", stderr: "" };
    const pipe = (name: keyof typeof texts): PassThrough =>
      new PassThrough().on("data", (chunk: Buffer) => (texts[name] += chunk.toString()));
    const { signal } = new AbortController();
    const streams = { stdout: pipe("stdout"), stderr: pipe("stderr") };
    const code = await runCli([...argv, "--config", config], commands, {
      ...streams,
      env: {},
      signal,
    });
    await new Promise((resolve) => setImmediate(resolve));
    return { code, ...texts };
  }

  it("needs no identity without --deep, and names the recipients with it", async () => {
    const shallow = await run("verify");
    expect(shallow.stdout).toContain("No problem found");
    expect(shallow.code).toBe(0);
    const deep = await run("verify", "--deep");
    expect(deep.code).toBe(2);
    expect(deep.stderr).toContain(IDENTITY_KEY.recipient);
    const cat = await run("cat");
    expect(cat).toMatchObject({ code: 2, stdout: "" });
    expect(cat.stderr).toContain(IDENTITY_KEY.recipient);
  });

  it("cat names who can open a file, also beside an identity that cannot, and to --seek", async () => {
    const another = path.join(a.dir, "tmp", "another");
    await writeFile(another, `${encodeIdentity(Buffer.alloc(32, 3))}\n`);
    for (const seek of [[], ["--seek", "--from", "3", "--to", "5"]]) {
      const without = await run("cat", ...seek);
      expect(without).toMatchObject({ code: 2, stdout: "" });
      expect(without.stderr).toContain(`is encrypted to ${IDENTITY_KEY.recipient}`);
      const wrong = await run("cat", ...seek, "--identity", another);
      expect(wrong).toMatchObject({ code: 2, stdout: "" });
      expect(wrong.stderr).toContain(
        `is encrypted to ${IDENTITY_KEY.recipient}; none of the 1 identities given opens it`,
      );
      const right = await run("cat", ...seek, "--identity", identity);
      expect(right.code).toBe(0);
      const lines = right.stdout.trimEnd().split("\n");
      const offsets = lines.map((line) => (JSON.parse(line) as { offset: number }).offset);
      expect(offsets.slice(0, 4)).toEqual(seek.length === 0 ? [0, 1, 2, 4] : [4]);
    }
  });

  it("prints one document that follows its schema, and exits 3 for a difference", async () => {
    const schema = JSON.parse(await readFile("docs/schema/verify.schema.json", "utf8")) as Schema;
    const good = await run("verify", "--deep", "--identity", identity, "--across-sinks", "--json");
    expect(good.code).toBe(0);
    const document = JSON.parse(good.stdout) as {
      ok: boolean;
      sinks: { name: string }[];
      scope: object;
    };
    expect(mismatches(schema, document)).toEqual([]);
    expect(document.ok).toBe(true);
    expect(document.sinks.map((s) => s.name)).toEqual(["files", "copy"]);
    expect(document.scope).toEqual({
      quick: false,
      deep: true,
      samplePercent: 100,
      macsChecked: true,
    });
    await rm(path.join(b.dir, manifestPath({ ...SCOPE, start: 10n })));
    const bad = await run("verify", "--sink", "copy", "--json");
    expect(bad.code).toBe(3);
    expect(mismatches(schema, JSON.parse(bad.stdout))).toEqual([]);
    expect(bad.stdout).toContain('"data-without-manifest"');
    expect((await run("verify", "--sink", "files")).code).toBe(0);
  });

  it("exits 2 for nothing in scope and misuse, 4 when Kafka does not answer", async () => {
    expect((await run("verify", "--topic", "other")).code).toBe(2);
    expect((await run("verify", "--across-sinks", "--sink", "files")).code).toBe(2);
    expect((await run("verify", "--sample", "0%")).code).toBe(2);
    expect((await run("cat", "--partition", "3", "--identity", identity)).code).toBe(2);
    expect((await run("cat", "--from", "yesterday", "--identity", identity)).code).toBe(2);
    expect((await run("verify", "--against-kafka", "--identity", identity)).code).toBe(4);
  });

  it("prints exactly the lines of the ndjson format, whatever the files are", async () => {
    const all = await run("cat", "--identity", identity);
    const expected = [0n, 10n, 20n].map((start) =>
      content("ndjson", sampleRecords(start)).toString(),
    );
    expect(all).toMatchObject({ code: 0, stderr: "" });
    expect(all.stdout).toBe(expected.join(""));
    const some = await run(
      "cat",
      "--identity",
      identity,
      "--sink",
      "copy",
      "--from",
      "8",
      "--to",
      "11",
    );
    const offsets = some.stdout
      .trim()
      .split("\n")
      .map((line) => (JSON.parse(line) as { offset: number }).offset);
    expect(offsets).toEqual([8, 9, 10]);
  });

  it("prints nothing of a damaged file, and ends quietly when its reader leaves", async () => {
    const command = `"$0" src/main.ts cat --config "$1" --identity "$2" | head -c 100`;
    const args = ["-o", "pipefail", "-c", command, process.execPath, config, identity];
    expect(execFileSync("bash", args, { encoding: "utf8" })).toHaveLength(100);
    const file = execFileSync("find", [path.join(a.dir, "data"), "-name", "*10.*"], {
      encoding: "utf8",
    }).trim();
    const bytes = await readFile(file);
    bytes[bytes.length - 20] = (bytes[bytes.length - 20] ?? 0) ^ 1;
    await writeFile(file, bytes);
    const cat = await run("cat", "--identity", identity);
    expect(cat.code).toBe(3);
    expect(cat.stdout).toBe(content("ndjson", sampleRecords(0n)).toString());
  });
});
