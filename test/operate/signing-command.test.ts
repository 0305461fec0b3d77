import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PassThrough } from "node:stream";
import { afterAll, beforeAll, expect, test } from "vitest";
import { encodeHead } from "../../src/core/head.ts";
import { manifestPath } from "../../src/core/layout.ts";
import { signerOf } from "../../src/core/signature.ts";
import { builtInSinks } from "../../sinks/index.ts";
import { loadConfig } from "../../src/config/load.ts";
import { checkProof } from "../../src/operate/check-proof.ts";
import { runCli } from "../../src/operate/cli.ts";
import { commands } from "../../src/operate/commands.ts";
import { mismatches, type Schema } from "./json-schema.ts";
import { drop, IDENTITY, newSink, SampleChain, type SampleSink, SCOPE } from "./sample-archive.ts";

/** Signing from the key to the auditor, as it is called; openssl as the second opinion. */
const dir = mkdtempSync(join(tmpdir(), "signing-"));
const config = join(dir, "config.yaml");
const secret = join(dir, "keys", "signing");
const shared = join(dir, "keys", "signing.pub");
const heads = join(dir, "heads");
let sink: SampleSink;

async function run(...argv: string[]): Promise<{ code: number; stdout: string; stderr: string }> {
  const texts = { stdout: "", stderr: "" };
  const pipe = (name: keyof typeof texts): PassThrough =>
    new PassThrough().on("data", (chunk: Buffer) => (texts[name] += chunk.toString()));
  const { signal } = new AbortController();
  const streams = { stdout: pipe("stdout"), stderr: pipe("stderr") };
  const code = await runCli(argv, commands, { ...streams, env: {}, signal });
  await new Promise((resolve) => setImmediate(resolve));
  return { code, ...texts };
}

const configured = (more: string): void =>
  writeFileSync(
    config,
    `kafka: { brokers: ["127.0.0.1:1"] }\ngroup: archiver\ntopics: [logs]\n${more}\nsinks:\n  - { name: files, kind: fs, path: ${sink.dir} }\n`,
  );

beforeAll(async () => {
  const made = await run("keygen", "--signing", "--out", join(dir, "keys"), "--json");
  expect(made.code).toBe(0);
  const schema = JSON.parse(readFileSync("docs/schema/keygen.schema.json", "utf8")) as Schema;
  expect(mismatches(schema, JSON.parse(made.stdout))).toEqual([]);
  sink = await newSink("files");
  const signer = signerOf(readFileSync(secret, "utf8"), "signing");
  expect(JSON.parse(made.stdout)).toMatchObject({ keyId: signer.keyId });
  const chain = new SampleChain([sink], undefined, signer);
  for (const start of [0n, 10n]) await chain.add({ format: "segment", encrypted: false }, start);
  const { archiveId, clusterId } = IDENTITY;
  const head = { version: 1 as const, archiveId, clusterId, ...SCOPE, end: 20n, link: chain.link };
  writeFileSync(heads, encodeHead(head, signer));
});
afterAll(async () => {
  await drop(sink);
  rmSync(dir, { recursive: true });
});

test("the key is private, its public half is not, and neither is ever overwritten", async () => {
  expect(statSync(secret).mode & 0o777).toBe(0o600);
  const again = await run("keygen", "--signing", "--out", join(dir, "keys"));
  expect(again.code).toBe(2);
  expect(readFileSync(shared, "utf8")).toContain("BEGIN PUBLIC KEY");
});

test("check names the key, and says what is wrong with it or with the place of heads", async () => {
  const findings = async (more: string): Promise<string[]> => {
    configured(more);
    const { sinks, pipelines } = await loadConfig(config, { env: {}, kinds: builtInSinks });
    expect(sinks).toHaveLength(1);
    const found = await checkProof(pipelines[0]!);
    return found.map(({ level, code }) => `${level} ${code}`);
  };
  expect(await findings(`signing: { keyFile: ${secret} }`)).toEqual(["ok signing"]);
  const beside = `signing: { keyFile: ${secret} }\nheads: { sink: files }`;
  expect(await findings(beside)).toEqual(["ok signing", "warning heads-beside-data"]);
  expect(await findings(`signing: { keyFile: ${shared} }`)).toEqual(["error key-invalid"]);
  const open = join(dir, "open");
  writeFileSync(open, readFileSync(secret), { mode: 0o644 });
  expect(await findings(`signing: { keyFile: ${open} }`)).toEqual([
    "ok signing",
    "warning signing-mode",
  ]);
});

test("openssl checks a manifest's signature by docs/format-manifest.md alone", () => {
  const stored = readFileSync(join(sink.dir, manifestPath({ ...SCOPE, start: 10n })), "utf8");
  const value = /"signature":\{"algorithm":"ed25519","keyId":"[^"]+","value":"([0-9a-f]+)"\}/;
  writeFileSync(join(dir, "value"), Buffer.from(value.exec(stored)?.[1] ?? "", "hex"));
  const message = join(dir, "message");
  const openssl = (text: string): string => {
    writeFileSync(message, text);
    const how = ["pkeyutl", "-verify", "-pubin", "-inkey", shared, "-rawin", "-in", message];
    return execFileSync("openssl", [...how, "-sigfile", join(dir, "value")], { encoding: "utf8" });
  };
  const signed = `bulk-archiver manifest 1\n${stored.replace(/,"signature":.*/, "}")}`;
  expect(openssl(signed)).toContain("Verified Successfully");
  expect(() => openssl(signed.replace('"records":9', '"records":8'))).toThrow();
});

test("verify takes the configured key, or the one it is told, and the heads", async () => {
  configured(`signing: { keyFile: ${secret} }`);
  const own = await run("verify", "--config", config, "--head", heads);
  expect(own).toMatchObject({ code: 0 });
  expect(own.stdout).toContain("evidence signature: 2 of 2 manifests are signed");
  expect(own.stdout).toMatch(/evidence head: 1 heads of .*heads, signed, were found/);
  configured("");
  const auditor = ["verify", "--quick", "--config", config];
  expect((await run(...auditor)).stdout).toContain(
    "not used: index, mac, signature, head, sinks, kafka",
  );
  expect((await run(...auditor, "--public-key", shared)).code).toBe(0);
  await run("keygen", "--signing", "--out", join(dir, "other"));
  const other = await run(...auditor, "--public-key", join(dir, "other", "signing.pub"));
  expect(other.code).toBe(3);
  expect(other.stdout).toContain("signature-wrong");
  const forged = await run(
    ...[...auditor, "--public-key", join(dir, "other", "signing.pub"), "--head", heads],
  );
  expect(forged.code).toBe(3);
  expect(forged.stderr).toContain("line 1: its signature");
  expect((await run(...auditor, "--deep")).code).toBe(2);
  expect((await run("verify", "--config", config, "--sample-seed", "x")).code).toBe(2);
  expect((await run(...auditor, "--head", join(dir, "none"))).code).toBe(2);
});
