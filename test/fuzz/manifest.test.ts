import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import fc from "fast-check";
import { expect, test } from "vitest";
import {
  descriptionOf,
  encodeDescription,
  encodeManifest,
  parseDescription,
  parseManifest,
} from "../../src/core/manifest.ts";
import { readManifest } from "../../src/operate/verify/own-manifest.ts";
import { encodeIdentity, parseIdentity } from "../../src/sdk/identity.ts";
import type { GoodEntry } from "../seal/vectors/files.ts";
import { attempt, mutated, mutations, runs, textMutation } from "./mutation.ts";

/** Manifests, descriptions and archive.json: refused, or exactly what was written. */
const root = new URL("../vectors/sealed/", import.meta.url);
const file = (path: string): Buffer => readFileSync(fileURLToPath(new URL(path, root)));
const good = JSON.parse(file("good.json").toString()) as readonly GoodEntry[];
const texts = good.map((g) => file(g.manifest));

const WORDS = [
  ...['"', ",", ":", "{", "}", "[", "]", "null", "true", "0", "-1", "1e3", "-0", "00", " ", "\n"],
  ...["9223372036854775807", "9223372036854775808", "\\u0041", "__proto__", '"start":', "\u0000"],
  ...['"mac":', '"holes":[]', '"holes":[{}]', '"keyId":"a",', "undefined", "NaN", ""],
];

const changed = fc
  .tuple(fc.constantFrom(...texts), fc.oneof(mutations, textMutation(WORDS)))
  .map(([text, how]) =>
    typeof how === "function" ? Buffer.from(how(text.toString())) : mutated(text, how),
  );

test("a manifest: refused by both readers, or by neither; and then it is what it says", () => {
  fc.assert(
    fc.property(changed, (bytes) => {
      const m = attempt(() => parseManifest(bytes));
      const place = m ?? parseManifest(texts[0] ?? Buffer.alloc(0));
      const second = readManifest(bytes, place);
      if (m === undefined) {
        expect(second.complaints).not.toEqual([]);
        return;
      }
      expect(Buffer.from(encodeManifest(m)).equals(bytes)).toBe(true);
      expect(second.complaints).toEqual([]);
    }),
    runs(1_500),
  );
});

test("a description", () => {
  const descriptions = texts.map((t) => encodeDescription(descriptionOf(parseManifest(t))));
  fc.assert(
    fc.property(fc.constantFrom(...descriptions), textMutation(WORDS), (text, change) => {
      const bytes = Buffer.from(change(text));
      const d = attempt(() => parseDescription(bytes));
      if (d !== undefined) expect(Buffer.from(encodeDescription(d)).equals(bytes)).toBe(true);
    }),
    runs(800),
  );
});

test("archive.json", () => {
  const archive = file("archive/archive.json");
  const how = fc.oneof(mutations, textMutation(WORDS));
  fc.assert(
    fc.property(how, (change) => {
      const bytes =
        typeof change === "function"
          ? Buffer.from(change(archive.toString()))
          : mutated(archive, change);
      const found = attempt(() => parseIdentity(bytes));
      if (found === undefined) return;
      expect(parseIdentity(Buffer.from(encodeIdentity(found)))).toEqual(found);
    }),
    runs(800),
  );
});

test("any JSON is a manifest, a description or an archive.json, or refused", () => {
  fc.assert(
    fc.property(fc.json(), (text) => {
      const bytes = Buffer.from(text);
      for (const parse of [parseManifest, parseDescription, parseIdentity]) {
        expect(attempt(() => parse(bytes))).toBeUndefined();
      }
    }),
    runs(500),
  );
});

test("nested without end: an error", () => {
  for (const depth of [1_000, 200_000]) {
    const bytes = Buffer.from("[".repeat(depth) + "]".repeat(depth));
    for (const parse of [parseManifest, parseDescription, parseIdentity]) {
      expect(attempt(() => parse(bytes))).toBeUndefined();
    }
    const place = parseManifest(texts[0] ?? Buffer.alloc(0));
    expect(readManifest(bytes, place).complaints).not.toEqual([]);
  }
});
