import type { Description } from "../core/description.ts";
import type { SealRecipe } from "./recipe.ts";

/** Levels that a file may have been compressed with, when the configured one makes other bytes. */
const OTHER_LEVELS = [3, 1, 6, 9, 19, 2, 4, 5, 7, 8];
const USUAL_LEVEL = { none: 0, zstd: 3, gzip: 6 } as const;

/**
 * How a file that is not encrypted may have been made, whatever is configured now: its description says
 * neither the level nor whether the producer's compression was kept. The likeliest first.
 */
export function* likelyRecipes(
  { format, seal: { codec }, recordsDigest }: Description,
  configured: SealRecipe,
): Generator<SealRecipe> {
  const base: SealRecipe = {
    ...configured,
    ...{ format, codec, encryption: null, withRecordsDigest: recordsDigest !== undefined },
    level: codec === configured.codec ? configured.level : USUAL_LEVEL[codec],
  };
  yield base;
  if (codec === "none") return;
  yield { ...base, recompress: base.recompress === "always" ? "never" : "always" };
  for (const level of OTHER_LEVELS) {
    if (level !== base.level && (codec !== "gzip" || level <= 9)) yield { ...base, level };
  }
}
