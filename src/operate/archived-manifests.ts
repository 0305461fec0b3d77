import type { Manifest } from "../core/description.ts";
import { ArchiverError } from "../core/errors.ts";
import { parseManifest } from "../core/manifest.ts";
import type { ArchivedRecord } from "../core/record.ts";
import { scopeText, type Scope } from "../core/scope.ts";
import type { Sink } from "../sdk/sink.ts";
import type { Expired } from "./expired.ts";
import { type Say, startBy, type Times } from "./index/look-up.ts";
import type { Bound } from "./offset-bound.ts";
import { inOrder } from "./repair/in-order.ts";
import { OffsetRanges } from "./restore/offset-ranges.ts";

/** Opens one batch: its records in order, in groups; those outside of `wanted` may be left out. */
export type ReadBatch = (
  manifest: Manifest,
  signal: AbortSignal,
  wanted?: { readonly from: bigint; readonly to: bigint },
) => AsyncIterable<readonly ArchivedRecord[]>;

/** Manifests read before their turn: a few, because a range is often of one batch. */
const AHEAD = 8;

export interface ArchivedScope {
  readonly sink: Sink;
  readonly scope: Scope;
  readonly read: ReadBatch;
  /** What is wrong with an index that a look-up then does without. */
  readonly say?: Say | undefined;
  /** Of what `sink` leaves out. */
  readonly expired?: Expired | undefined;
}

/**
 * A time as Kafka resolves it: the first record, in offset order, whose timestamp is not before it.
 * Undefined: no bound, or nothing archived is that late.
 */
export async function offsetOf(
  options: ArchivedScope,
  bound: Bound | undefined,
  signal: AbortSignal,
): Promise<bigint | undefined> {
  if (bound === undefined) return undefined;
  if ("offset" in bound) return bound.offset;
  const { timeMs } = bound;
  const { sink, scope, say = () => undefined } = options;
  const late = ({ maxTimestamp }: Times): boolean => (maxTimestamp ?? -1n) >= timeMs;
  const from = await startBy({ sink, scope, say }, late, signal);
  for await (const manifest of manifestsFrom(options, from, signal)) {
    if (!late(manifest)) continue;
    for await (const records of options.read(manifest, signal)) {
      const first = records.find(({ timestamp }) => timestamp >= timeMs);
      if (first !== undefined) return first.offset;
    }
  }
  return undefined;
}

/** @throws ArchiverError verification-failed */
export function refuseGap(
  { scope, expired }: Pick<ArchivedScope, "scope" | "expired">,
  end: bigint | undefined,
  start: bigint,
): void {
  if (end === undefined || start <= end) return;
  const range = { from: end, to: start };
  const [gap] = OffsetRanges.of(expired?.within(scope, range) ?? []).missing(range);
  if (gap === undefined) return;
  const where = `${scopeText(scope)}: offsets [${gap.from}, ${gap.to}) are in no batch`;
  throw new ArchiverError(
    "verification-failed",
    `${where}; go on with --from ${start}, and run verify`,
  );
}

/**
 * From the batch at or before `offset` on; one that lies wholly inside those before it is left out.
 */
export async function* manifestsFrom(
  { sink, scope }: Pick<ArchivedScope, "sink" | "scope">,
  offset: bigint,
  signal: AbortSignal,
): AsyncGenerator<Manifest> {
  const first = await sink.floor(scope, offset, signal);
  let end: bigint | undefined;
  const listing = sink.list(scope, first?.start ?? 0n, signal);
  const manifests = inOrder(listing, AHEAD, async ({ start, manifest }) => {
    if (manifest === undefined) return undefined;
    const bytes = await sink.manifest({ ...scope, start }, signal);
    return bytes === undefined ? undefined : parseManifest(bytes);
  });
  for await (const parsed of manifests) {
    if (parsed === undefined || (end !== undefined && parsed.end <= end)) continue;
    end = parsed.end;
    yield parsed;
  }
}

/**
 * Of every batch from `offset` on that one of the sinks has, as the first of them has it. What only others have, it
 * has lost, or was restored to before it.
 */
export async function* manifestsOfAll(
  sinks: readonly Sink[],
  scope: Scope,
  offset: bigint,
  signal: AbortSignal,
): AsyncGenerator<Manifest> {
  let end = -1n;
  const starts = startsOfAll(sinks, scope, offset, signal);
  const read = ({ start, sink }: Start) => sink.manifest({ ...scope, start }, signal);
  for await (const bytes of inOrder(starts, AHEAD, read)) {
    const manifest = bytes === undefined ? undefined : parseManifest(bytes);
    if (manifest === undefined || manifest.end <= end) continue;
    end = manifest.end;
    yield manifest;
  }
}

interface Start {
  readonly start: bigint;
  /** The first of the sinks that has its manifest. */
  readonly sink: Sink;
}

/** Their listings side by side, each start once. */
async function* startsOfAll(
  sinks: readonly Sink[],
  scope: Scope,
  offset: bigint,
  signal: AbortSignal,
): AsyncGenerator<Start> {
  const listings = sinks.map((sink) => startsIn(sink, scope, offset, signal));
  try {
    const heads = await Promise.all(listings.map((listing) => listing.next()));
    for (;;) {
      const found = heads.flatMap(({ done, value }) => (done === true ? [] : [value]));
      const [any] = found;
      if (any === undefined) return;
      const next = found.reduce((a, b) => (b.start < a.start ? b : a), any);
      yield next;
      for (const [i, listing] of listings.entries())
        if (heads[i]?.value?.start === next.start) heads[i] = await listing.next();
    }
  } finally {
    for (const listing of listings) await listing.return(undefined);
  }
}

async function* startsIn(
  sink: Sink,
  scope: Scope,
  offset: bigint,
  signal: AbortSignal,
): AsyncGenerator<Start, undefined> {
  let last = -1n;
  for await (const { start, manifest } of sink.list(scope, offset, signal)) {
    if (manifest === undefined || start === last) continue;
    last = start;
    yield { start, sink };
  }
}
