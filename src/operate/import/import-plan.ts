import { ArchiverError } from "../../core/errors.ts";
import { type Scope, scopeText } from "../../core/scope.ts";
import type { TopicPartition } from "../../kafka/requests/offsets.ts";
import type { Sink } from "../../sdk/sink.ts";
import { keyOf, type PipelineView } from "../kafka-view.ts";
import type { Bound } from "../offset-bound.ts";

const LAST_OFFSET = (1n << 63n) - 1n;

/** What one partition's import is about: offsets [from, to). */
export interface ImportedRange extends TopicPartition {
  readonly topicId: string;
  readonly from: bigint;
  readonly to: bigint;
  /** Nothing is committed yet: the group has to be told where to begin. */
  readonly fresh: boolean;
}

export interface PlanOptions {
  readonly view: PipelineView;
  readonly sinks: readonly { readonly name: string; readonly sink: Sink }[];
  readonly from: Bound | undefined;
  readonly to: Bound | undefined;
}

/**
 * Where each partition begins and ends. What is archived already is gone on from; what does not fit to it is
 * refused before anything is written. @throws ArchiverError usage
 */
export async function importPlan(
  o: PlanOptions,
  signal: AbortSignal,
): Promise<readonly ImportedRange[]> {
  const { view } = o;
  const [committed, first, last] = [
    await view.committed(),
    await view.offsets("earliest"),
    await view.offsets("latest"),
  ];
  const [from, to] = [await offsetsOf(view, o.from), await offsetsOf(view, o.to)];
  const ranges: ImportedRange[] = [];
  for (const place of view.partitions) {
    const key = keyOf(place);
    const [begin, end] = [first.get(key), last.get(key)];
    if (begin === undefined || end === undefined) {
      throw new ArchiverError("kafka-refused", `${key} has no leader now`);
    }
    const topicId = view.catalogue.get(place.topic)?.topicId ?? "_";
    const heads = await headsOf(o, { ...place, topicId }, signal);
    const wanted = from === undefined ? undefined : within(from.get(key) ?? end, begin, end);
    const at = position({ key, heads, committed: committed.get(key)?.offset ?? null, wanted });
    const stop = to === undefined ? end : within(to.get(key) ?? end, begin, end);
    const range = { from: at ?? wanted ?? begin, to: stop };
    if (range.from < begin && range.from < stop) {
      const text = `${key}: offset ${range.from} is due, and Kafka begins at ${begin}`;
      throw new ArchiverError("offset-out-of-range", text);
    }
    ranges.push({ ...place, topicId, ...range, fresh: at === null });
  }
  return ranges;
}

interface Known {
  readonly key: string;
  /** End of what each sink holds; null: nothing. */
  readonly heads: readonly { readonly name: string; readonly end: bigint | null }[];
  readonly committed: bigint | null;
  /** By --from. */
  readonly wanted: bigint | undefined;
}

/** Where the daemon would go on; null where there is nothing yet. @throws ArchiverError usage */
function position({ key, heads, committed, wanted }: Known): bigint | null {
  const ends = heads.flatMap(({ end }) => (end === null ? [] : [end]));
  if (ends.length === 0) {
    if (committed === null || wanted === undefined || committed === wanted) return committed;
    throw refused(key, `its group has committed ${committed}, and --from begins at ${wanted}`);
  }
  const [least, most] = [minimum(ends), ends.reduce((a, b) => (a > b ? a : b))];
  if (committed !== null && committed > most) {
    throw refused(key, `its group has committed ${committed}, and the archive ends at ${most}`);
  }
  const at = committed !== null && committed < least ? committed : least;
  if (wanted !== undefined && wanted > at) {
    throw refused(key, `the archive ends at ${at}: from ${wanted} on it would have a gap`);
  }
  return at;
}

const refused = (key: string, text: string): ArchiverError =>
  new ArchiverError("usage", `${key}: ${text}`);

async function headsOf(
  { sinks }: PlanOptions,
  place: Omit<Scope, "branch">,
  signal: AbortSignal,
): Promise<Known["heads"]> {
  const heads: { name: string; end: bigint | null }[] = [];
  for (const { name, sink } of sinks) {
    let branch = 0;
    for await (const scope of sink.scopes(signal)) {
      const same = scopeText({ ...scope, branch: 0 }) === scopeText({ ...place, branch: 0 });
      if (same && scope.branch > branch) branch = scope.branch;
    }
    const last = await sink.floor({ ...place, branch }, LAST_OFFSET, signal);
    heads.push({ name, end: last?.end ?? null });
  }
  return heads;
}

/** By partition; missing where no record is that late. */
async function offsetsOf(
  view: PipelineView,
  bound: Bound | undefined,
): Promise<ReadonlyMap<string, bigint> | undefined> {
  if (bound === undefined) return undefined;
  if ("offset" in bound) return new Map(view.partitions.map((p) => [keyOf(p), bound.offset]));
  const found = await view.offsets(bound.timeMs);
  return new Map([...found].filter(([, offset]) => offset >= 0n));
}

const minimum = (values: readonly bigint[]): bigint => values.reduce((a, b) => (a < b ? a : b));
const within = (value: bigint, least: bigint, most: bigint): bigint =>
  value < least ? least : value > most ? most : value;
