import type { Case } from "./broken.ts";
import { brokenFrom, type BrokenVector, cut, flip, grown } from "./broken.ts";
import { ageCases, unusualAge } from "./broken-age.ts";
import { brokenRecords } from "./broken-records.ts";
import { codecCases } from "./broken-zstd.ts";
import type { GoodVector } from "./good.ts";

/** The manifest is of the good file: whoever compares size and digest needs nothing else. */
const storedCases: Readonly<Record<string, Case>> = {
  "stored-empty": { base: "segment-none", change: cut(0), why: "an empty file" },
  "stored-cut": {
    base: "segment-zstd-kept",
    change: cut(-1),
    why: "a byte less than the manifest says",
  },
  "stored-grown": {
    base: "segment-zstd-kept",
    change: grown("\0"),
    why: "a byte more than the manifest says",
  },
  "stored-flipped": {
    base: "segment-none-age-1",
    change: flip(-1),
    why: "another digest than the manifest's",
  },
};

export function brokenVectors(good: readonly GoodVector[]): BrokenVector[] {
  const small = good.find((g) => g.name === "segment-none-age-1");
  if (small === undefined) throw new Error("there is no vector segment-none-age-1");
  return [
    ...brokenFrom(good, storedCases, false),
    ...brokenFrom(good, { ...ageCases, ...unusualAge(small.raw) }, true),
    ...brokenFrom(good, codecCases, true),
    ...brokenRecords(good),
  ];
}
