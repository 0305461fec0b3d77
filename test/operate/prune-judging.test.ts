import { readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { Manifest } from "../../src/core/description.ts";
import { parseManifest } from "../../src/core/manifest.ts";
import { findOld, type OldBatches } from "../../src/operate/prune/find-old.ts";
import { batchesOf } from "./archive-damage.ts";
import {
  drop,
  never,
  newSink,
  SampleChain,
  sampleRecords,
  type SampleSink,
  sealed,
  SCOPE,
} from "./sample-archive.ts";

/** Which batches are old enough to go; their times are days before now. */
const NOW = 1_800_000_000_000n;
const DAY_MS = 86_400_000n;
const AGES = [9n, 8n, 1n, 7n, 1n, 0n];
const kind = { format: "segment", encrypted: false } as const;
let archive: SampleSink;

const look = (said = 0n): Promise<OldBatches> => {
  const times = { before: NOW - 5n * DAY_MS, now: NOW };
  return findOld({ sink: archive.sink, scope: SCOPE, upTo: 1_000n, said, ...times }, never);
};
const starts = ({ old }: OldBatches): bigint[] => old.map((m) => m.start);

function manifestAt(i: number): Manifest {
  const found = batchesOf(archive.dir)[i];
  if (found === undefined) throw new Error(`no batch ${i}`);
  return parseManifest(readFileSync(found.manifest));
}

const loseData = (i: number): void => rmSync(join(archive.dir, manifestAt(i).seal.path));

beforeAll(async () => {
  archive = await newSink("files");
  const chain = new SampleChain([archive]);
  for (const [i, days] of AGES.entries()) {
    const start = BigInt(i) * 10n;
    const records = sampleRecords(start).map((r) => ({ ...r, timestamp: NOW - days * DAY_MS }));
    await chain.publish(sealed(kind, start, records));
  }
});
afterAll(() => drop(archive));

test("old ones go; one behind a young one is as young as that, and the newest stays", async () => {
  const found = await look();
  expect([starts(found), found.keptBatches]).toEqual([[0n, 10n], 6]);
  expect(found.prefix).toEqual({ end: 20n, link: manifestAt(1).link });
});

test("data that was lost before its time makes nothing old, and no prefix covers its loss", async () => {
  loseData(2);
  const found = await look();
  expect([starts(found), found.prefix?.end, found.keptBatches]).toEqual([[0n, 10n], 20n, 5]);
  loseData(0);
  expect([starts(await look()), (await look()).prefix?.end]).toEqual([[10n], 20n]);
  loseData(1);
  expect([starts(await look()), (await look()).prefix]).toEqual([[], null]);
});

test("what a run before has said is not read again, and changes nothing", async () => {
  const found = await look(20n);
  expect([starts(found), found.prefix]).toEqual([[], null]);
});

test("a batch without records, as skip makes it, keeps nothing behind it from going", async () => {
  const other = await newSink("skipped");
  const chain = new SampleChain([other]);
  for (const [i, days] of [9n, null, 8n, 0n].entries()) {
    const start = BigInt(i) * 10n;
    const all = days === null ? [] : sampleRecords(start);
    const records = all.map((r) => ({ ...r, timestamp: NOW - (days ?? 0n) * DAY_MS }));
    await chain.publish(sealed(kind, start, records));
  }
  const times = { before: NOW - 5n * DAY_MS, now: NOW };
  const o = { sink: other.sink, scope: SCOPE, upTo: 1_000n, said: 0n, ...times };
  const found = await findOld(o, never);
  expect([starts(found), found.prefix?.end]).toEqual([[0n, 20n], 30n]);
  await drop(other);
});
