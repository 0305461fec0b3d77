import { expect, test } from "vitest";
import {
  amended,
  amendedForms,
  amendmentMacOk,
  encodeAmendment,
  makeAmendment,
  parseAmendment,
} from "../../src/core/amendment.ts";
import type { Manifest } from "../../src/core/description.ts";
import { makeManifest } from "../../src/core/manifest.ts";
import { sample } from "./manifest-samples.ts";

const macKey = Buffer.alloc(32, 7);
const plain = sample();
const encrypted = makeManifest(
  {
    ...plain,
    content: { algorithm: "blake3", tag: "11".repeat(32) },
    seal: {
      ...plain.seal,
      path: `${plain.seal.path}.age`,
      encryption: "age",
      keyId: "k",
      recipients: ["age1old"],
    },
  },
  "22".repeat(32),
  macKey,
);
const file = (n: number): { size: number; digest: string; recipients: readonly string[] } => ({
  ...{ size: 100 + n, digest: `${n}${n}`.repeat(32), recipients: [`age1new${n}`] },
});
const first = makeAmendment(encrypted, [], file(3), { macKey });
const second = makeAmendment(encrypted, [first], file(4), { macKey });

test("has one text, which is read back, and no other spelling of it", () => {
  const text = encodeAmendment(second);
  expect(parseAmendment(Buffer.from(text))).toEqual(second);
  for (const wrong of [
    text.slice(0, -1),
    text.replace('"version":1', '"version": 1'),
    text.replace('"number":2', '"number":2,"number":2'),
    text.replace('"size":104', '"size":1e2'),
    text.replace('"recipients":["age1new4"]', '"recipients":[]'),
  ]) {
    expect(wrong).not.toBe(text);
    expect(() => parseAmendment(Buffer.from(wrong))).toThrow(/^amendment/);
  }
});

test("supersedes the file and nothing else, in order", () => {
  const now = amended(encrypted, [first, second]) as Manifest;
  expect(now).toEqual({ ...encrypted, seal: { ...encrypted.seal, ...file(4) } });
  const forms = amendedForms(encrypted, [first, second]) as readonly Manifest[];
  expect(forms.map((f) => f.seal.digest)).toEqual([
    file(4).digest,
    file(3).digest,
    encrypted.seal.digest,
  ]);
});

test("counts only for its batch, behind what it replaces, and for an encrypted one", () => {
  expect(amended(encrypted, [second])).toMatch(/does not follow/);
  expect(amended(encrypted, [first, first])).toMatch(/does not follow/);
  expect(amended({ ...encrypted, batchId: "other" }, [first])).toMatch(/of another batch/);
  expect(amended({ ...encrypted, link: "00".repeat(32) }, [first])).toMatch(/of another batch/);
  const clear = { ...encrypted, seal: { ...encrypted.seal, encryption: "none" as const } };
  expect(amended(clear, [first])).toMatch(/is not encrypted/);
});

test("carries a MAC that is no manifest's", () => {
  expect(amendmentMacOk(first, macKey)).toBe(true);
  expect(amendmentMacOk({ ...first, size: 1 }, macKey)).toBe(false);
  expect(amendmentMacOk(first, Buffer.alloc(32, 8))).toBe(false);
  const { mac: _mac, ...unsigned } = first;
  expect(amendmentMacOk(unsigned, macKey)).toBe(false);
});
