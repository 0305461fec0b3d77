import { generateKeyPairSync } from "node:crypto";
import { mkdir, readFile, rm, writeFile } from "node:fs/promises";
import path from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { encodeAmendment, makeAmendment } from "../../src/core/amendment.ts";
import type { Manifest } from "../../src/core/description.ts";
import { manifestPath } from "../../src/core/layout.ts";
import { parseManifest } from "../../src/core/manifest.ts";
import { signerOf } from "../../src/core/signature.ts";
import { NEVER } from "../../src/operate/verify/expiry.ts";
import { seedKeys } from "../../src/operate/verify/foreign-keys.ts";
import { publicKeys } from "../../src/operate/verify/foreign-signatures.ts";
import { EVERY_FILE } from "../../src/operate/verify/sampling.ts";
import { verifyArchive } from "../../src/operate/verify/verify-archive.ts";
import { manifestMacKey } from "../../src/seal/keys.ts";
import {
  drop,
  never,
  newSink,
  SampleChain,
  type SampleSink,
  SCOPE,
  SEED,
} from "./sample-archive.ts";

/** An amendment says that another file stands for a batch now: so it has to be vouched for as the manifest. */
const macKey = manifestMacKey(SEED.secret);
const pair = generateKeyPairSync("ed25519");
const signer = signerOf(pair.privateKey.export({ type: "pkcs8", format: "pem" }).toString(), "k");
const keys = publicKeys(pair.publicKey.export({ type: "spki", format: "pem" }).toString(), "k");
const seeds = seedKeys(`${SEED.keyId}:${SEED.secret.toString("hex")}`);
const KIND = { format: "segment", encrypted: true } as const;

describe("amendments beside a manifest", () => {
  let a: SampleSink;
  let manifest: Manifest;
  beforeEach(async () => {
    a = await newSink("files");
    const chain = new SampleChain([a], macKey, signer);
    for (const start of [0n, 10n]) await chain.add(KIND, start);
    const stored = path.join(a.dir, manifestPath({ ...SCOPE, start: 10n }));
    manifest = parseManifest(await readFile(stored));
  });
  afterEach(() => drop(a));

  const found = async (): Promise<readonly string[]> => {
    const verdict = await verifyArchive(
      {
        ...{ sinks: [a], filter: {}, seeds, publicKeys: keys, heads: undefined, deep: undefined },
        ...{ sampling: EVERY_FILE, expiry: NEVER, across: false, tailWaitMs: 0 },
        index: { use: "beside", seed: "" },
        progress: { total: () => undefined, done: () => undefined },
      },
      never,
    );
    const problems = verdict.sinks.flatMap((s) => s.partitions.flatMap((p) => p.problems));
    return problems.map(({ code, start, text }) => `${code}@${start} ${text}`);
  };
  const place = path.dirname(manifestPath({ ...SCOPE, start: 10n }));
  const file = `${"10".padStart(20, "0")}.amend-1.json`;
  const put = async (text: string): Promise<void> => {
    await mkdir(path.join(a.dir, place), { recursive: true });
    await writeFile(path.join(a.dir, place, file), text);
  };
  const other = { size: 5, digest: "ab".repeat(32), recipients: ["age1other"] };

  it("count with the keys of their manifest; the file may still be the one before", async () => {
    const amendment = makeAmendment(manifest, [], other, { macKey, signer });
    await a.sink.amend?.(manifest, amendment, never);
    expect(await readFile(path.join(a.dir, place, file), "utf8")).toBe(encodeAmendment(amendment));
    expect(await found()).toEqual([]);
    const data = path.join(a.dir, manifest.seal.path);
    await rm(data);
    await writeFile(data, "12345");
    expect((await found())[0]).toMatch(/^sealed-digest@10 /);
  });

  it.each([
    ["without a MAC", { signer }, /carries no MAC of a configured seed/],
    ["with another seed's MAC", { signer, macKey: Buffer.alloc(32, 1) }, /carries no MAC/],
    ["without a signature", { macKey }, /is not signed by any of the public keys/],
  ])("%s count for nothing, whatever file they bring", async (_what, own, expected) => {
    await put(encodeAmendment(makeAmendment(manifest, [], other, own)));
    const data = path.join(a.dir, manifest.seal.path);
    await rm(data);
    await writeFile(data, "12345");
    const problems = await found();
    expect(problems[0]).toMatch(/^amendment-invalid@10 amendment 1 /);
    expect(problems[0]).toMatch(expected);
    expect(problems[1]).toMatch(/^size@10 /);
  });

  it("of another batch, out of order or in another form are named", async () => {
    const good = makeAmendment(manifest, [], other, { macKey, signer });
    const texts = [
      [encodeAmendment({ ...good, link: "cd".repeat(32) }), /is of another batch/],
      [encodeAmendment({ ...good, number: 2 }), /does not follow/],
      [encodeAmendment({ ...good, replaces: "cd".repeat(32) }), /does not follow/],
      [encodeAmendment({ ...good, size: 6 }), /carries no MAC/],
      [encodeAmendment(good).replace('{"version"', '{ "version"'), /is none by its form/],
    ] as const;
    for (const [text, expected] of texts) {
      await put(text);
      expect((await found())[0], text).toMatch(expected);
    }
  });
});
