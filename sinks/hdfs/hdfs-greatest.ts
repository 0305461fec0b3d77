import { offsetName } from "../../src/core/layout.ts";
import { SinkError } from "../../src/sdk/sink-error.ts";
import type { Page } from "./webhdfs.ts";

/** Names begin with an offset of 20 digits, so a place between two can be computed. */
const OFFSET = /^\d{20}/;
/** Then it goes on page by page; halving 10^9 offsets takes 30. */
const MAX_GUESSES = 40;

/**
 * The greatest accepted name ≤ `upTo` in a folder of many thousands, in a few pages instead of all:
 * a page says how many names remain behind it, and so about where the last ones are. Undefined when
 * `pageAfter` answers that there is no folder.
 */
export async function greatestName(
  pageAfter: (startAfter: string) => Promise<Page | undefined>,
  upTo: string,
  accepts: (name: string) => boolean,
): Promise<{ readonly name: string | undefined } | undefined> {
  let best: string | undefined;
  /** The last name seen that is not too great. */
  let low = "";
  /** Nothing wanted is behind this offset. */
  let high = OFFSET.test(upTo) ? offsetOf(upTo) : undefined;
  let after = "";
  for (let guesses = 0; ; guesses++) {
    const page = await pageAfter(after);
    if (page === undefined) return undefined;
    const names = page.entries.map((e) => e.pathSuffix);
    const wanted = names.filter((name) => name <= upTo);
    const last = wanted.at(-1);
    let next: bigint | undefined;
    if (last === undefined) {
      if (after === low) return { name: best };
      high = offsetOf(after);
      next = between(low, high);
    } else {
      best = wanted.findLast(accepts) ?? best;
      if (wanted.length < names.length || page.remaining === 0) return { name: best };
      if (last <= low) {
        throw new SinkError("sink-permanent", "LISTSTATUS_BATCH does not go on after a name");
      }
      low = last;
      next = guess(wanted[0] ?? low, low, page, high);
    }
    after = next === undefined || guesses >= MAX_GUESSES ? low : offsetName(next);
    if (after < low) after = low;
  }
}

const offsetOf = (name: string): bigint => BigInt(name.slice(0, 20));

/** Half way; undefined when they are too close for that, or not made of offsets. */
function between(low: string, high: bigint | undefined): bigint | undefined {
  if (high === undefined || !OFFSET.test(low)) return undefined;
  const middle = (offsetOf(low) + high) / 2n;
  return middle > offsetOf(low) ? middle : undefined;
}

/** About where the last page begins, if names went on as close as on this one. */
function guess(
  first: string,
  last: string,
  page: Page,
  high: bigint | undefined,
): bigint | undefined {
  if (high === undefined || !OFFSET.test(first) || !OFFSET.test(last)) return undefined;
  const length = BigInt(page.entries.length);
  const width = offsetOf(last) - offsetOf(first);
  const behind = BigInt(page.remaining) - length / 2n;
  // One page more is left: the next one is it.
  if (behind <= length / 2n || length < 2n) return undefined;
  const at = offsetOf(last) + (width * behind) / (length - 1n);
  return at < high ? at : between(last, high);
}
