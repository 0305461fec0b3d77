import { expect, test } from "vitest";
import { greatestName } from "../../../sinks/hdfs/hdfs-greatest.ts";
import type { Page } from "../../../sinks/hdfs/webhdfs.ts";
import { offsetName } from "../../../src/core/layout.ts";
import { newPath } from "./hdfs-place.ts";
import { testHdfs } from "./server.ts";
import { webHdfs } from "./store.ts";

const hdfs = testHdfs();
const never = new AbortController().signal;
const FILES = 450;
const json = (name: string): boolean => name.endsWith(".json");

/** Dense at first, then gaps of all sizes, as batches of a topic with quiet hours have. */
const starts = Array.from({ length: FILES }, (_, i) =>
  BigInt(i < 200 ? i * 3 : 600 + (i - 200) ** 3),
);

test("the greatest name below any offset is found on a real folder, in few pages", async () => {
  const web = webHdfs(hdfs().url);
  const path = newPath();
  await web.mkdirs(path, undefined, never);
  const empty = { fsync: false, replication: 1, blockSize: undefined, permission: undefined };
  const make = async (name: string): Promise<void> =>
    web.create(`${path}/${name}`, new Uint8Array(), empty, never);
  const names = starts.map((start) => `${offsetName(start)}.json`);
  const queue = [...names, `${offsetName(starts.at(-1) ?? 0n)}.jsonx`];
  await Promise.all(
    Array.from({ length: 8 }, async () => {
      for (let name = queue.pop(); name !== undefined; name = queue.pop()) await make(name);
    }),
  );
  let pages = 0;
  const pageAfter = (after: string): Promise<Page | undefined> => {
    pages += 1;
    return web.page(path, after, never);
  };
  const probes = starts.filter((_, i) => i % 37 === 0).flatMap((s) => [s - 1n, s, s + 1n]);
  for (const probe of [...probes, 599n, 600n, 5_000_000n, 999_999_999n]) {
    const upTo = `${offsetName(probe < 0n ? 0n : probe)}.json`;
    const found = await greatestName(pageAfter, upTo, json);
    expect(found, upTo).toEqual({ name: names.findLast((name) => name <= upTo) });
  }
  pages = 0;
  await greatestName(pageAfter, `${offsetName(999_999_999n)}.json`, json);
  expect(pages).toBeLessThan(5);
  const none = await greatestName((a) => web.page(`${path}/none`, a, never), names[0] ?? "", json);
  expect(none).toBeUndefined();
  web.nodes.close();
}, 240_000);

test("a folder of a hundred thousand names takes a dozen pages, wherever the answer lies", async () => {
  const [limit, count] = [1000, 100_000];
  const nameAt = (i: number): string => `${offsetName(BigInt(i) ** 2n / 13n)}.json`;
  let pages = 0;
  const pageAfter = (after: string): Promise<Page> => {
    pages += 1;
    let [low, high] = [0, count];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (nameAt(middle) <= after) low = middle + 1;
      else high = middle;
    }
    const length = Math.min(limit, count - low);
    const entry = { type: "FILE", length: 0, modificationTime: 0, blockSize: 0, replication: 0 };
    const entries = Array.from({ length }, (_, i) => ({
      ...entry,
      type: "FILE" as const,
      pathSuffix: nameAt(low + i),
    }));
    return Promise.resolve({ entries, remaining: count - low - length });
  };
  for (const at of [0, 1, 999, 1_000, 1_001, 31_007, 50_000, 99_000, 99_998, 99_999]) {
    pages = 0;
    expect(await greatestName(pageAfter, nameAt(at), json)).toEqual({ name: nameAt(at) });
    expect(pages, `${at}`).toBeLessThan(25);
  }
});
