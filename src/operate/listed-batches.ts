import { z } from "zod";
import type { Description } from "../core/description.ts";
import { ArchiverError } from "../core/errors.ts";
import { parseManifest } from "../core/manifest.ts";
import { batchId, type Scope } from "../core/scope.ts";
import type { Listed, Sink } from "../sdk/sink.ts";
import { type Say, startBy } from "./index/look-up.ts";
import { parseLine } from "./index/roll-up.ts";
import { rollUps } from "./index/roll-ups.ts";
import { type RolledUp, RollUpReader, shownAs } from "./index/rolled-up.ts";
import type { Bound } from "./offset-bound.ts";
import { inOrder } from "./repair/in-order.ts";

const offset = z.bigint().nonnegative();

const listedBatch = z.strictObject({
  sink: z.string(),
  topic: z.string(),
  topicId: z.string().describe("base64url; `_` where the broker has none"),
  partition: z.int().nonnegative(),
  branch: z.int().nonnegative(),
  start: offset,
  end: offset.describe("Exclusive: the first offset of the next batch"),
  records: offset,
  path: z.string().describe("Of the stored file, below the sink's prefix"),
  size: z.int().nonnegative().describe("Bytes of the stored file"),
  minTimestamp: z
    .bigint()
    .nullable()
    .describe("Milliseconds since the epoch; null: no record has one"),
  maxTimestamp: z.bigint().nullable(),
  state: z
    .enum(["whole", "pending"])
    .describe("`pending`: data is there and its manifest is not yet"),
});

/** What `list --json` prints. */
export const listReport = z.array(listedBatch);

export type ListedBatch = z.output<typeof listedBatch>;

/** Manifests read before their turn: a store far away answers one as slowly as many. */
const AHEAD = 16;

export interface ListRange {
  readonly from: Bound | undefined;
  /** Exclusive. */
  readonly to: Bound | undefined;
}

export interface ListedSink {
  readonly name: string;
  readonly sink: Sink;
  /** What is wrong with the index, which is not used then. */
  readonly say: Say;
}

/**
 * The batches of one scope that hold offsets of the range, in order. A time picks whole batches by their
 * timestamps: no file is opened. What the sink lists counts; a roll-up only saves reading a manifest.
 */
export async function* listedBatches(
  named: ListedSink,
  scope: Scope,
  { from, to }: ListRange,
  signal: AbortSignal,
): AsyncGenerator<ListedBatch> {
  const { name, sink } = named;
  const first = await firstStart(named, scope, from, signal);
  const index = await readerFrom(named, scope, first, signal);
  let begun = false;
  const listing = besideIndex(sink.list(scope, first, signal), index, signal);
  const batches = inOrder(
    listing,
    AHEAD,
    async ({ listed, line }) =>
      fromLine(listed, line) ?? (await describe(sink, scope, listed, signal)),
  );
  for await (const batch of batches) {
    if (batch === undefined) continue;
    const { description: d, state } = batch;
    begun ||= isIn(d, from);
    if (!begun) continue;
    if (to !== undefined && isPast(d, to)) return;
    const { start, end, records, minTimestamp, maxTimestamp } = d;
    const { path, size } = d.seal;
    const times = { minTimestamp, maxTimestamp };
    yield { sink: name, ...scope, start, end, records, path, size, ...times, state };
  }
  await index?.finish(signal);
}

async function* besideIndex(
  listing: AsyncIterable<Listed>,
  index: RollUpReader | undefined,
  signal: AbortSignal,
): AsyncGenerator<{ readonly listed: Listed; readonly line: RolledUp | undefined }> {
  for await (const listed of listing) yield { listed, line: await index?.at(listed.start, signal) };
}

/** Before the listing begins, which then has what they have. */
async function readerFrom(
  { sink, say }: ListedSink,
  scope: Scope,
  first: bigint,
  signal: AbortSignal,
): Promise<RollUpReader | undefined> {
  if (sink.documents === undefined) return undefined;
  const names = (await rollUps(sink, scope, signal)).filter(({ end }) => end > first);
  return new RollUpReader(sink.documents, names, say);
}

interface Batch {
  readonly description: Pick<
    Description,
    "start" | "end" | "records" | "minTimestamp" | "maxTimestamp"
  > & { readonly seal: Pick<Description["seal"], "path" | "size"> };
  readonly state: ListedBatch["state"];
}

function fromLine({ start, manifest }: Listed, line: RolledUp | undefined): Batch | undefined {
  if (line === undefined || shownAs(manifest, line.bytes) === "no") return undefined;
  const description = parseLine(line.bytes);
  return description.start === start ? { description, state: "whole" } : undefined;
}

/** Where to begin listing: the batch that holds the offset or may have the time, or the beginning. */
async function firstStart(
  { sink, say }: ListedSink,
  scope: Scope,
  from: Bound | undefined,
  signal: AbortSignal,
): Promise<bigint> {
  if (from === undefined) return 0n;
  if (!("offset" in from)) return startBy({ sink, scope, say }, (d) => isLate(d, from), signal);
  const floor = await sink.floor(scope, from.offset, signal);
  return floor !== undefined && floor.end > from.offset ? floor.start : from.offset;
}

type Ending = Pick<Description, "end" | "maxTimestamp">;

const isIn = (d: Ending, from: Bound | undefined): boolean => {
  if (from === undefined) return true;
  return "offset" in from ? d.end > from.offset : isLate(d, from);
};

const isLate = (
  { maxTimestamp }: Pick<Ending, "maxTimestamp">,
  { timeMs }: { readonly timeMs: bigint },
): boolean => (maxTimestamp ?? -1n) >= timeMs;

const isPast = (d: Pick<Description, "start" | "minTimestamp">, to: Bound): boolean =>
  "offset" in to ? d.start >= to.offset : (d.minTimestamp ?? -1n) >= to.timeMs;

async function describe(
  sink: Sink,
  scope: Scope,
  listed: Listed,
  signal: AbortSignal,
): Promise<Batch | undefined> {
  const key = { ...scope, start: listed.start };
  if (listed.manifest !== undefined) {
    const bytes = await sink.manifest(key, signal);
    if (bytes !== undefined) return { description: parseManifest(bytes), state: "whole" };
  }
  const found = await sink.stat(key, "cheap", signal);
  if (found.is === "whole") return { description: found.manifest, state: "whole" };
  if (found.is === "data") return { description: found.description, state: "pending" };
  // Between the listing and the look it may have been set aside.
  if (found.is === "absent") return undefined;
  throw new ArchiverError("manifest-invalid", `${batchId(key)}: ${found.reason}`);
}
