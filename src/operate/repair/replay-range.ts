import { ArchiverError } from "../../core/errors.ts";
import { type Scope, scopeText } from "../../core/scope.ts";
import { manifestsFrom } from "../archived-manifests.ts";
import type { Arguments } from "../arguments.ts";
import { scopeFilter } from "../choose-scopes.ts";
import { keyOf } from "../kafka-view.ts";
import type { Bound } from "../offset-bound.ts";
import type { RepairContext, RepairKafka } from "./context.ts";
import { nextStart } from "./survey.ts";

const PAST = (1n << 63n) - 1n;

export interface ReplayRange {
  readonly scope: Scope;
  readonly from: bigint;
  /** Exclusive, at most the committed offset. */
  readonly to: bigint;
}

/**
 * The partitions of the live topic and what of them is meant; left out: from the archive's first batch, to
 * the committed offset. @throws ArchiverError usage where the range reaches beyond that; nothing-in-scope
 */
export async function replayRange(
  repair: RepairContext,
  kafka: RepairKafka,
  args: Arguments,
): Promise<readonly ReplayRange[]> {
  const ranges: ReplayRange[] = [];
  const bounds = args.range();
  const starts = await resolved(repair, kafka, bounds.from);
  const ends = await resolved(repair, kafka, bounds.to);
  for (const scope of await scopesOf(repair, kafka, args)) {
    const settled = kafka.settled(scope);
    const name = scopeText(scope);
    const wanted = { from: await starts(scope), to: await ends(scope) };
    const limit = settled === "not-live" ? await headOf(repair, scope) : settled;
    if (limit === null) {
      throw new ArchiverError(
        "usage",
        `${name}: nothing is committed yet, so nothing can be replayed`,
      );
    }
    if (wanted.to !== undefined && wanted.to > limit && "offset" in (bounds.to ?? {})) {
      const text = `--to ${wanted.to} is beyond the committed offset ${limit} of ${name}: from there on the daemon archives`;
      throw new ArchiverError("usage", text);
    }
    if (wanted.from !== undefined && wanted.from >= limit && "offset" in (bounds.from ?? {})) {
      const text = `--from ${wanted.from} is not below the committed offset ${limit} of ${name}`;
      throw new ArchiverError("usage", text);
    }
    const first = wanted.from ?? (await nextStart(repair, repair.sinks, scope, -1n));
    const from = first ?? (await earliest(kafka, scope));
    const to = wanted.to === undefined || wanted.to > limit ? limit : wanted.to;
    if (from < to) ranges.push({ scope, from, to });
  }
  if (ranges.length > 0) return ranges;
  throw new ArchiverError("nothing-in-scope", "no archived offset lies in that range");
}

/** An offset as it is; a time as the first record at or after it, in the archive or in Kafka. */
async function resolved(
  repair: RepairContext,
  kafka: RepairKafka,
  bound: Bound | undefined,
): Promise<(scope: Scope) => Promise<bigint | undefined>> {
  if (bound === undefined) return () => Promise.resolve(undefined);
  if ("offset" in bound) return () => Promise.resolve(bound.offset);
  const inKafka = await kafka.topics.offsets(bound.timeMs);
  return async (scope) => {
    const found = inKafka.get(keyOf(scope)) ?? -1n;
    const archived = await archivedAt(repair, scope, bound.timeMs);
    if (found < 0n) return archived ?? PAST;
    return archived !== null && archived < found ? archived : found;
  };
}

/**
 * Where the first archived record of that time or later is, as far as whole batches can tell: at the batch's
 * first offset when none of its records is earlier, else behind it.
 */
async function archivedAt(
  { primary, signal }: RepairContext,
  scope: Scope,
  timeMs: bigint,
): Promise<bigint | null> {
  for await (const m of manifestsFrom({ sink: primary.sink, scope }, 0n, signal)) {
    if (m.maxTimestamp === null || m.minTimestamp === null || m.maxTimestamp < timeMs) continue;
    return m.minTimestamp >= timeMs ? m.start : m.start + 1n;
  }
  return null;
}

async function earliest(kafka: RepairKafka, scope: Scope): Promise<bigint> {
  return (await kafka.topics.offsets("earliest")).get(keyOf(scope)) ?? 0n;
}

/** Of an older incarnation or branch: nobody archives it any more, and it ends with its last batch. */
async function headOf(repair: RepairContext, scope: Scope): Promise<bigint | null> {
  let head: bigint | null = null;
  for (const { sink } of repair.sinks) {
    const last = await sink.floor(scope, PAST, repair.signal);
    if (last !== undefined && (head === null || last.end > head)) head = last.end;
  }
  return head;
}

async function scopesOf(
  repair: RepairContext,
  kafka: RepairKafka,
  args: Arguments,
): Promise<readonly Scope[]> {
  const { topic = "", partition, topicId, branch } = scopeFilter(args);
  const live = kafka.topics.catalogue.get(topic);
  const id = topicId ?? live?.topicId;
  if (id === undefined) {
    throw new ArchiverError("nothing-in-scope", `Kafka has no topic ${topic}; name its --topic-id`);
  }
  const newest = new Map<number, number>();
  if (live !== undefined && live.topicId === id) {
    for (const p of live.partitions) newest.set(p.partition, 0);
  }
  for (const { sink } of repair.sinks) {
    for await (const s of sink.scopes(repair.signal)) {
      if (s.topic !== topic || s.topicId !== id) continue;
      newest.set(s.partition, Math.max(newest.get(s.partition) ?? 0, s.branch));
    }
  }
  const found = [...newest]
    .filter(([p]) => partition === undefined || p === partition)
    .map(([p, b]) => ({ topic, topicId: id, partition: p, branch: branch ?? b }))
    .sort((a, b) => a.partition - b.partition);
  if (found.length > 0) return found;
  throw new ArchiverError("nothing-in-scope", `topic ${topic} has no partition ${partition}`);
}
