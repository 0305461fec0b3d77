import fc from "fast-check";
import { expect, test } from "vitest";
import { greatestPath } from "../../../sinks/s3/s3-greatest.ts";
import type { ListedObject, Page } from "../../../sinks/s3/s3-listing.ts";

const FOLDER = "manifests/t/i/0/0/00000000000";
const nameOf = (offset: number): string => `${String(offset).padStart(20, "0")}.json`;
const accepts = (name: string): boolean => /^\d{20}\.json$/.test(name);

const object = (path: string): ListedObject => ({
  ...{ path, size: 1, etag: "", versionId: undefined, modifiedMs: 0 },
});

/** A listing in pages of a size, as a store gives it, and how many pages were asked for. */
function listing(
  names: readonly string[],
  size: number,
): { from: (after: string) => AsyncGenerator<Page>; asked: () => number } {
  const paths = names.map((name) => `${FOLDER}/${name}`).sort();
  let asked = 0;
  const from = async function* (after: string): AsyncGenerator<Page> {
    let rest = paths.slice(firstAfter(paths, after));
    do {
      asked += 1;
      const objects = rest.slice(0, size).map(object);
      rest = rest.slice(size);
      yield await Promise.resolve({ objects, folders: [], more: rest.length > 0 });
    } while (rest.length > 0);
  };
  return { from, asked: () => asked };
}

function firstAfter(paths: readonly string[], after: string): number {
  let [low, high] = [0, paths.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((paths[middle] ?? "") <= after) low = middle + 1;
    else high = middle;
  }
  return low;
}

test("finds what a listing from the start finds, whatever the names and pages", async () => {
  const names = fc.uniqueArray(fc.nat({ max: 4_000 }), { maxLength: 80 });
  const strays = fc.uniqueArray(fc.constantFrom("00000000000000000007.amend-1.json", "x", "z.tmp"));
  const upTo = fc.nat({ max: 4_500 });
  await fc.assert(
    fc.asyncProperty(
      names,
      strays,
      upTo,
      fc.integer({ min: 1, max: 9 }),
      async (n, s, to, size) => {
        const all = [...n.map(nameOf), ...s];
        const expected = n.filter((offset) => offset <= to).sort((a, b) => b - a)[0];
        const limit = `${FOLDER}/${nameOf(to)}`;
        const found = await greatestPath(listing(all, size).from, FOLDER, limit, accepts);
        expect(found).toBe(expected === undefined ? undefined : `${FOLDER}/${nameOf(expected)}`);
      },
    ),
    { numRuns: 2_000 },
  );
});

test("asks few pages of a folder with very many names", async () => {
  const every = 997;
  const names = Array.from({ length: 300_000 }, (_, i) => nameOf(i * every));
  for (const to of [0, 12_345, 150_000_000, 299_999 * every, 999_999_999]) {
    const { from, asked } = listing(names, 1000);
    const expected = Math.min(Math.floor(to / every), names.length - 1) * every;
    const found = await greatestPath(from, FOLDER, `${FOLDER}/${nameOf(to)}`, accepts);
    expect(found).toBe(`${FOLDER}/${nameOf(expected)}`);
    expect(asked()).toBeLessThanOrEqual(25);
  }
});
