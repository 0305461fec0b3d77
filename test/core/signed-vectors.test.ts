import { createPublicKey } from "node:crypto";
import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { genesisLink } from "../../src/core/chain.ts";
import { encodeHead } from "../../src/core/head.ts";
import { encodeManifest, macOk, makeManifest, parseManifest } from "../../src/core/manifest.ts";
import { encodePruned } from "../../src/core/pruned.ts";
import { keyIdOf, signatureOk, signerOf } from "../../src/core/signature.ts";
import { manifestMacKey } from "../../src/seal/keys.ts";
import { sample } from "./manifest-samples.ts";

/** Golden files of docs/format-manifest.md: whoever signs or checks in another language tries these. */
const file = (name: string): string =>
  readFileSync(new URL(`../vectors/signed/${name}`, import.meta.url), "utf8");

const signer = signerOf(file("signing"), "signing");
const publicKey = createPublicKey(file("signing.pub"));
const macKey = manifestMacKey(Buffer.from(file("seed").trim(), "hex"));
const description = sample();
const { archiveId, clusterId, topic, topicId, partition, branch } = description;
const manifest = makeManifest(description, genesisLink(archiveId, description), macKey, signer);
const chain = { version: 1 as const, archiveId, clusterId, topic, topicId, partition, branch };
const at = { ...chain, end: manifest.end, link: manifest.link };

test("a key is named after its public half", () => {
  expect(signer.keyId).toBe(keyIdOf(publicKey));
  expect(signer.keyId).toBe(manifest.signature?.keyId);
});

test.each([
  ["manifest.json", encodeManifest(manifest)],
  ["head.json", encodeHead(at, signer)],
  ["pruned.json", encodePruned({ ...at, retentionMs: 34_560_000_000 }, { signer, macKey })],
])("%s is made again, byte for byte", (name, text) => {
  expect(text).toBe(file(name));
});

test("signature and MAC of the stored manifest hold, and of no changed one", () => {
  const stored = parseManifest(Buffer.from(file("manifest.json")));
  const text = file("manifest.json").replace(/,"signature":.*/, "}");
  const { signature } = stored;
  if (signature === undefined) throw new Error("the vector is signed");
  expect(macOk(stored, macKey)).toBe(true);
  expect(signatureOk("manifest", text, signature, publicKey)).toBe(true);
  expect(signatureOk("head", text, signature, publicKey)).toBe(false);
  expect(signatureOk("manifest", text.replace("logs", "logz"), signature, publicKey)).toBe(false);
  expect(macOk({ ...stored, signature: { ...signature, keyId: "other" } }, macKey)).toBe(false);
});
