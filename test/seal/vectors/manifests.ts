import { goodVectors } from "./good.ts";
import { encodeManifest } from "../../../src/core/manifest.ts";

export interface BrokenManifest {
  readonly name: string;
  readonly text: string | Buffer;
  readonly why: string;
}

type Edit = (text: string) => string | Buffer;

/** A text that is in the manifest exactly once, replaced. */
const put =
  (from: string | RegExp, to: string): Edit =>
  (text) => {
    const changed = text.replace(from, to);
    if (changed === text) throw new Error(`there is no ${String(from)} in the manifest`);
    return changed;
  };

/** The last of them: of the others the first that is wrong is enough to refuse it. */
const EDITS: Readonly<Record<string, readonly [edit: Edit, why: string]>> = {
  empty: [() => "", "nothing at all"],
  "not-json": [(t) => t.slice(0, -3), "ends too early"],
  null: [() => "null\n", "no object"],
  list: [() => "[]\n", "a list"],
  "not-utf-8": [
    (t) =>
      Buffer.concat([Buffer.from(t.slice(0, 30)), Buffer.from([0xff]), Buffer.from(t.slice(31))]),
    "a byte that is not UTF-8",
  ],
  "byte-order-mark": [(t) => `\uFEFF${t}`, "a byte order mark"],
  "no-newline": [(t) => t.slice(0, -1), "no newline at the end"],
  "two-newlines": [(t) => `${t}\n`, "two newlines at the end"],
  spaces: [put('"version":1,', '"version": 1,'), "a space between key and value"],
  order: [
    put(/"aborted":(\d+),"control":(\d+)/, '"control":$2,"aborted":$1'),
    "keys in another order",
  ],
  "unknown-key": [put('"version":1,', '"version":1,"host":"a",'), "a key that there is not"],
  "key-twice": [put('"version":1,', '"version":1,"version":1,'), "a key twice"],
  "key-missing": [put(/"leaderEpoch":-?\d+,/, ""), "a key is missing"],
  "version-2": [put('"version":1,', '"version":2,'), "another version"],
  "number-fraction": [put(/"revision":0/, '"revision":0.0'), "an integer with a fraction"],
  "number-exponent": [put(/"revision":0/, '"revision":0e0'), "an integer with an exponent"],
  "number-zeros": [put(/"partition":0/, '"partition":00'), "an integer with a leading zero"],
  "number-minus-zero": [put(/"partition":0/, '"partition":-0'), "minus zero"],
  "number-text": [put(/"start":(\d+)/, '"start":"$1"'), "an integer as a text"],
  "number-beyond-64-bits": [
    put(/"maxTimestamp":\d+/, '"maxTimestamp":9223372036854775808'),
    "an integer of more than 64 bits",
  ],
  "start-negative": [put(/"start":\d+/, '"start":-1'), "an offset below zero"],
  "end-before-start": [put(/"end":\d+/, '"end":1'), "an end before the start"],
  "end-beyond": [put(/"end":(\d+)/, '"end":9$1'), "counts that are not those of the range"],
  "records-more": [put(/"records":(\d+)/, '"records":1$1'), "more records than offsets"],
  "batch-id": [put(/"batchId":"vectors\//, '"batchId":"other/'), "a batch id of another batch"],
  "topic-dots": [put(/"topic":"vectors"/, '"topic":".."'), "a topic that no topic can be called"],
  "topic-escaped": [
    put(/"topic":"vectors"/, '"topic":"\\u0076ectors"'),
    "a text in another spelling",
  ],
  "path-elsewhere": [
    put(/"path":"data\//, '"path":"data/../data/'),
    "a path that is not the batch's",
  ],
  "path-other-suffix": [put(/\.log\.zst"/, '.log"'), "a path whose suffix is another codec's"],
  "digest-upper-case": [
    put(/"digest":"([0-9a-f]{64})"/, `"digest":"${"AB".repeat(32)}"`),
    "hex in capital letters",
  ],
  "digest-short": [put(/"digest":"([0-9a-f]{62})../, '"digest":"$1'), "a digest that is too short"],
  "digest-algorithm": [
    put('"algorithm":"blake3"', '"algorithm":"sha256"'),
    "an algorithm that there is not",
  ],
  "recipients-in-clear": [
    put('"recipients":[]', '"recipients":["age1x"]'),
    "recipients without encryption",
  ],
  "encrypted-to-nobody": [
    put('"encryption":"none"', '"encryption":"age"'),
    "encryption without recipients",
  ],
  "hole-reversed": [
    put('"from":291,"to":293', '"from":293,"to":291'),
    "a hole that ends before it begins",
  ],
  "hole-outside": [
    put('"from":293,"to":294', '"from":993,"to":994'),
    "a hole outside of the batch",
  ],
  "hole-overlap": [put('"from":293,"to":294', '"from":292,"to":293'), "holes that overlap"],
  "hole-reason": [put('"reason":"control"', '"reason":"lost"'), "a reason that there is not"],
  "hole-count": [
    put('"reason":"control"', '"reason":"aborted"'),
    "holes that are not what the counts say",
  ],
  "one-timestamp": [
    put(/"minTimestamp":\d+/, '"minTimestamp":null'),
    "a greatest timestamp and no least",
  ],
  link: [put(/"link":"(?:.)(?:.)/, '"link":"00'), "a link that does not follow from the fields"],
  "prev-link": [
    put(/"prevLink":"(?:.)(?:.)/, '"prevLink":"00'),
    "another link before it: its own does not follow",
  ],
};

/** Every one of them is refused by itself; the manifest was of `segment-holes`. */
export function brokenManifests(): BrokenManifest[] {
  const found = goodVectors().find((v) => v.name === "segment-holes");
  if (found === undefined) throw new Error("there is no vector segment-holes");
  const text = encodeManifest(found.manifest);
  return Object.entries(EDITS).map(([name, [edit, why]]) => ({ name, text: edit(text), why }));
}
