import { assert } from "../../src/core/assert.ts";
import { offsetName } from "../../src/core/layout.ts";
import type { ListedObject, Page } from "./s3-listing.ts";

/** Halvings of 20 digits, and as many pages that were full. */
const MAX_STEPS = 160;

/**
 * The greatest path ≤ `upTo` directly below a folder whose names begin with an offset of 20 digits.
 * S3 lists upwards only, a thousand at a time; so this looks where the end should be instead of
 * reading every page: about ten requests for a million names.
 *
 * @param from opens the listing behind a path.
 */
export async function greatestPath(
  from: (after: string) => AsyncGenerator<Page>,
  folder: string,
  upTo: string,
  accepts: (name: string) => boolean,
): Promise<string | undefined> {
  const wanted = ({ path }: ListedObject): boolean =>
    path <= upTo && path.lastIndexOf("/") === folder.length && accepts(nameOf(path));
  const at = (offset: bigint): string => `${folder}/${offsetName(offset)}`;
  let page = await firstPage(from(`${folder}/`));
  let best = page.objects.findLast(wanted)?.path;
  let [low, high] = [offsetOf(page.objects.at(-1)?.path), (offsetOf(upTo) ?? 0n) + 1n];
  if (reaches(page, upTo) || low === undefined) return best;
  // What is sought is at `low` or above, and nothing accepted is at `high` or above.
  for (let step = 0; low + 1n < high; step++) {
    assert(step < MAX_STEPS, `${folder}: its names are not in order`);
    // At first near the end, where a log's newest batch is, then halving.
    const span: bigint = high - low;
    const back: bigint = step < 3 ? span >> BigInt(10 - 3 * step) : span / 2n;
    const middle: bigint = high - (back > 0n ? back : 1n);
    page = await firstPage(from(at(middle)));
    const found = page.objects.findLast(wanted)?.path;
    best = found ?? best;
    const last = offsetOf(page.objects.at(-1)?.path);
    if (reaches(page, upTo) || last === undefined) {
      if (found !== undefined) return found;
      high = middle;
    } else if (found !== undefined && last > low) low = last;
    else {
      // A page of names that do not count says nothing of what lies behind them.
      const behind = await lastOf(from(at(middle)), upTo, wanted);
      if (behind !== undefined) return behind;
      high = middle;
    }
  }
  return (await lastOf(from(at(low)), upTo, wanted)) ?? best;
}

/** Whether the page shows everything up to `upTo`. */
const reaches = (page: Page, upTo: string): boolean =>
  !page.more || (page.objects.at(-1)?.path ?? "") > upTo;

const nameOf = (path: string): string => path.slice(path.lastIndexOf("/") + 1);

function offsetOf(path: string | undefined): bigint | undefined {
  const digits = path === undefined ? undefined : /^\d{20}/.exec(nameOf(path))?.[0];
  return digits === undefined ? undefined : BigInt(digits);
}

async function firstPage(source: AsyncGenerator<Page>): Promise<Page> {
  // An empty page may stand before others.
  for await (const page of source) if (page.objects.length > 0 || !page.more) return page;
  return { objects: [], folders: [], more: false };
}

async function lastOf(
  source: AsyncGenerator<Page>,
  upTo: string,
  wanted: (object: ListedObject) => boolean,
): Promise<string | undefined> {
  let best: string | undefined;
  for await (const page of source) {
    best = page.objects.findLast(wanted)?.path ?? best;
    if (reaches(page, upTo)) break;
  }
  return best;
}
