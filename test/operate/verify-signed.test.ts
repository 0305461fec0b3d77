import { generateKeyPairSync } from "node:crypto";
import { readFile, rm, writeFile } from "node:fs/promises";
import path from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { encodeHead } from "../../src/core/head.ts";
import { dataPath, manifestPath } from "../../src/core/layout.ts";
import { encodeManifest, makeManifest, parseManifest } from "../../src/core/manifest.ts";
import { type Signer, signerOf } from "../../src/core/signature.ts";
import { NEVER } from "../../src/operate/verify/expiry.ts";
import { foreignOpener } from "../../src/operate/verify/foreign-opener.ts";
import { publicKeys } from "../../src/operate/verify/foreign-signatures.ts";
import { type Heads, headsOfText } from "../../src/operate/verify/heads.ts";
import type { VerifyReport } from "../../src/operate/verify/report.ts";
import { runVerify, type VerifyRequest } from "../../src/operate/verify/run-verify.ts";
import { EVERY_FILE } from "../../src/operate/verify/sampling.ts";
import {
  drop,
  IDENTITY,
  never,
  newSink,
  SampleChain,
  sampleRecords,
  type SampleSink,
  SCOPE,
  sealed,
} from "./sample-archive.ts";

/** What somebody with every right in the sink, and without the signing key, can do unseen: nothing. */
const KIND = { format: "segment", encrypted: false } as const;
const STARTS = [0n, 10n, 20n, 30n, 40n];

interface KeyPair {
  readonly signer: Signer;
  readonly publicPem: string;
}

function keyPair(): KeyPair {
  const { privateKey, publicKey } = generateKeyPairSync("ed25519");
  const pem = privateKey.export({ type: "pkcs8", format: "pem" }).toString();
  const publicPem = publicKey.export({ type: "spki", format: "pem" }).toString();
  return { signer: signerOf(pem, "test"), publicPem };
}

describe("an archive whose manifests are signed", () => {
  const own = keyPair();
  const other = keyPair();
  const keys = publicKeys(own.publicPem, "test");
  let a: SampleSink;
  let heads: string[];
  const data = (start: bigint): string =>
    path.join(
      a.dir,
      dataPath({ ...SCOPE, start }, { format: "segment", codec: "zstd", encrypted: false }),
    );
  const manifest = (start: bigint): string => path.join(a.dir, manifestPath({ ...SCOPE, start }));

  beforeEach(async () => {
    a = await newSink("files");
    heads = [];
    const chain = new SampleChain([a], undefined, own.signer);
    for (const start of STARTS) {
      await chain.add(KIND, start);
      heads.push(headAt(start + 10n, chain.link, own.signer));
    }
  });
  afterEach(() => drop(a));

  const headAt = (end: bigint, link: string, signer: Signer): string => {
    const { archiveId, clusterId } = IDENTITY;
    return encodeHead({ version: 1, archiveId, clusterId, ...SCOPE, end, link }, signer);
  };

  const verify = (over: Partial<VerifyRequest> = {}): Promise<VerifyReport> =>
    runVerify(
      {
        tool: "bulk-archiver 0.0.0",
        sinks: [a],
        filter: {},
        seeds: new Map(),
        publicKeys: keys,
        heads: undefined,
        open: foreignOpener([]),
        quick: false,
        index: true,
        deep: false,
        across: false,
        topics: undefined,
        sampling: EVERY_FILE,
        expiry: NEVER,
        wall: () => 0,
        tailWaitMs: 0,
        progress: { total: () => undefined, done: () => undefined, compared: () => undefined },
        ...over,
      },
      never,
    );
  const problems = (report: VerifyReport): string[] =>
    report.sinks.flatMap((sink) => [
      ...(sink.problems ?? []).map(({ code }) => code),
      ...sink.partitions.flatMap((p) =>
        p.problems.map(({ code, start }) => (start === undefined ? code : `${code}@${start}`)),
      ),
    ]);
  const headsAre = (...lines: string[]): Heads => headsOfText(lines.join(""), "heads", keys);
  const found = async (over: Partial<VerifyRequest> = {}): Promise<string[]> =>
    problems(await verify(over));

  it("is whole, and the report says by whose word", async () => {
    const report = await verify({ heads: headsAre(...heads) });
    expect(problems(report)).toEqual([]);
    expect(report.totals).toMatchObject({ batches: 5, signatures: 5, heads: 5, macs: 0 });
    const used = report.evidence.filter((e) => e.used).map((e) => e.of);
    expect(used).toEqual(["chain", "signature", "head"]);
  });

  it("a manifest rebuilt without the key, its chain and its file made to fit", async () => {
    const chain = new SampleChain([], undefined, other.signer);
    ({ link: chain.link } = parseManifest(await readFile(manifest(20n))));
    for (const start of [30n, 40n]) {
      const others = sampleRecords(start).map((r) => ({ ...r, value: Buffer.from("other") }));
      const file = sealed(KIND, start, start === 30n ? others : sampleRecords(start));
      const forged = makeManifest(file.description, chain.link, undefined, other.signer);
      chain.link = forged.link;
      await writeFile(data(start), file.bytes);
      await writeFile(manifest(start), encodeManifest(forged));
    }
    // By itself the archive is flawless.
    expect(await found({ publicKeys: new Map(), deep: true })).toEqual([]);
    expect(await found()).toEqual(["signature-wrong@30", "signature-wrong@40"]);
    expect(await found({ publicKeys: new Map(), heads: headsAre(...heads) })).toEqual([
      "head-differs@30",
      "head-differs@40",
    ]);
    const both = publicKeys(own.publicPem + other.publicPem, "test");
    expect(await found({ publicKeys: both })).toEqual([]);
  });

  it("how a file is stored is signed as well: another file that opens to the same", async () => {
    const good = parseManifest(await readFile(manifest(20n)));
    const { signature: _signature, ...unsigned } = good;
    const file = sealed(KIND, 20n, sampleRecords(20n));
    const bytes = Buffer.concat([file.bytes, Buffer.alloc(0)]);
    const seal = { ...good.seal, size: bytes.length + 1 };
    await writeFile(data(20n), Buffer.concat([bytes, Buffer.from([0])]));
    const text = encodeManifest({ ...unsigned, seal, signature: good.signature! });
    await writeFile(manifest(20n), text);
    expect(await found({ quick: true })).toEqual(["signature-wrong@20"]);
  });

  it("a signature taken away, from one and from all", async () => {
    const strip = async (start: bigint): Promise<void> => {
      const { signature: _signature, ...rest } = parseManifest(await readFile(manifest(start)));
      await writeFile(manifest(start), encodeManifest(rest));
    };
    await strip(30n);
    expect(await found()).toEqual(["signature-missing@30"]);
    for (const start of STARTS) await strip(start);
    expect(await found()).toEqual(["signature-missing@0"]);
    expect(await found({ requireSignatures: false })).toEqual([]);
  });

  it("batches from before signing began, which later links vouch for", async () => {
    const young = await newSink("files");
    const chain = new SampleChain([young]);
    await chain.add(KIND, 0n);
    const signed = new SampleChain([young], undefined, own.signer);
    signed.link = chain.link;
    await signed.add(KIND, 10n);
    const report = await verify({ sinks: [young] });
    expect(problems(report)).toEqual([]);
    expect(report.evidence.find(({ of }) => of === "signature")?.text).toMatch(/^1 of 2 .*vouch/);
    await drop(young);
  });

  it("a removed tail, which nothing else in this sink shows", async () => {
    for (const start of [30n, 40n]) await Promise.all([rm(data(start)), rm(manifest(start))]);
    expect(await found({ deep: true })).toEqual([]);
    expect(await found({ heads: headsAre(...heads) })).toEqual(["head-missing", "head-missing"]);
    expect(await found({ heads: headsAre(heads[2]!) })).toEqual([]);
  });

  it("a whole chain removed, while another partition's is there", async () => {
    const link = "ab".repeat(32);
    const head = { ...IDENTITY, ...SCOPE, partition: 1, end: 10n, link };
    const lost = encodeHead(head, own.signer);
    expect(await found({ heads: headsAre(heads[4]!, lost) })).toEqual(["head-missing"]);
    const filter = { partition: 0 };
    expect(await found({ heads: headsAre(heads[4]!, lost), filter })).toEqual([]);
  });

  it("heads that somebody changed, made up or cut short are no evidence", () => {
    const bad = [
      heads[4]!.replace('"end":50', '"end":20'),
      headAt(50n, "cd".repeat(32), other.signer),
      heads[4]!.slice(0, 200),
      `${heads[4]!.replace(',"link"', ',"more":1,"link"')}`,
    ];
    for (const line of bad)
      expect(() => headsAre(line), line).toThrowError(
        expect.objectContaining({ code: "verification-failed" }),
      );
    expect(() => headsAre("")).toThrowError(expect.objectContaining({ code: "usage" }));
    expect(headsOfText(bad[0]!, "heads", new Map())).toMatchObject({ signed: false });
  });

  it("keys that are none of ours are refused", () => {
    const rsa = generateKeyPairSync("rsa", { modulusLength: 2048 });
    const pem = rsa.publicKey.export({ type: "spki", format: "pem" }).toString();
    for (const text of ["", "nothing", pem, own.publicPem.replace("MCow", "MCox")])
      expect(() => publicKeys(text, "k"), text).toThrowError(
        expect.objectContaining({ code: "key-invalid" }),
      );
    const secret = rsa.privateKey.export({ type: "pkcs8", format: "pem" }).toString();
    expect(() => signerOf(secret, "k")).toThrowError(/type rsa, expected ed25519/);
    expect(() => signerOf("nothing", "k")).toThrowError(/no private key/);
  });
});
