import { z } from "zod";
import type { Description } from "../core/description.ts";
import { ArchiverError } from "../core/errors.ts";
import { parseManifest } from "../core/manifest.ts";
import { batchId, type Scope } from "../core/scope.ts";
import type { Listed, Sink } from "../sdk/sink.ts";
import { indexedBatches } from "./index/look-up.ts";
import type { Bound } from "./offset-bound.ts";

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

export interface ListRange {
  readonly from: Bound | undefined;
  /** Exclusive. */
  readonly to: Bound | undefined;
}

/**
 * The batches of one scope that hold offsets of the range, in order. A time picks whole batches by their
 * timestamps: no file is opened.
 */
export async function* listedBatches(
  named: { readonly name: string; readonly sink: Sink },
  scope: Scope,
  { from, to }: ListRange,
  signal: AbortSignal,
): AsyncGenerator<ListedBatch> {
  const { name, sink } = named;
  const first = await firstStart(sink, scope, from, signal);
  let begun = false;
  const wanted = (r: Ending): boolean => begun || isIn(r, from);
  const indexed = indexedBatches({ sink, scope, from: first, wanted }, signal);
  for (;;) {
    const found = await indexed.next();
    if (found.done === true) {
      yield* listedByThemselves(named, scope, { from, to, first: found.value, begun }, signal);
      return;
    }
    const { start, end, records, minTimestamp, maxTimestamp, seal } = found.value;
    begun ||= isIn(found.value, from);
    if (!begun) continue;
    if (to !== undefined && isPast(found.value, to)) return;
    const { path, size } = seal;
    const times = { minTimestamp, maxTimestamp };
    yield { sink: name, ...scope, start, end, records, path, size, ...times, state: "whole" };
  }
}

/** What is in no roll-up: a look at each. */
async function* listedByThemselves(
  { name, sink }: { readonly name: string; readonly sink: Sink },
  scope: Scope,
  { from, to, first, ...rest }: ListRange & { readonly first: bigint; readonly begun: boolean },
  signal: AbortSignal,
): AsyncGenerator<ListedBatch> {
  let { begun } = rest;
  for await (const listed of sink.list(scope, first, signal)) {
    const batch = await describe(sink, scope, listed, signal);
    if (batch === undefined) continue;
    const { description: d } = batch;
    begun ||= isIn(d, from);
    if (!begun) continue;
    if (to !== undefined && isPast(d, to)) return;
    const { start, end, records, minTimestamp, maxTimestamp } = d;
    const times = { minTimestamp, maxTimestamp };
    const { path, size } = d.seal;
    yield { sink: name, ...scope, start, end, records, path, size, ...times, state: batch.state };
  }
}

/** Where to begin listing: the batch that holds the offset, or the beginning. */
async function firstStart(
  sink: Sink,
  scope: Scope,
  from: Bound | undefined,
  signal: AbortSignal,
): Promise<bigint> {
  if (from === undefined || !("offset" in from)) return 0n;
  const floor = await sink.floor(scope, from.offset, signal);
  return floor !== undefined && floor.end > from.offset ? floor.start : from.offset;
}

type Ending = Pick<Description, "end" | "maxTimestamp">;

const isIn = (d: Ending, from: Bound | undefined): boolean => {
  if (from === undefined) return true;
  return "offset" in from ? d.end > from.offset : (d.maxTimestamp ?? -1n) >= from.timeMs;
};

const isPast = (d: Pick<Description, "start" | "minTimestamp">, to: Bound): boolean =>
  "offset" in to ? d.start >= to.offset : (d.minTimestamp ?? -1n) >= to.timeMs;

async function describe(
  sink: Sink,
  scope: Scope,
  listed: Listed,
  signal: AbortSignal,
): Promise<{ description: Description; state: ListedBatch["state"] } | undefined> {
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
