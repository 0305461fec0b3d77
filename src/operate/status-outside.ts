import type { Config, PipelineConfig } from "../config/config.ts";
import type { Manifest } from "../core/description.ts";
import { ArchiverError } from "../core/errors.ts";
import type { OperatorRequest } from "../core/operator-requests.ts";
import { decodePlans } from "../core/plan-codec.ts";
import type { Scope } from "../core/scope.ts";
import type { CommittedOffset } from "../kafka/requests/offsets.ts";
import type { PartitionStatus, SinkStatus } from "../observe/status-report.ts";
import type { Sink } from "../sdk/sink.ts";
import { keyOf, type PipelineView } from "./kafka-view.ts";
import type { TriedSink } from "./open-sinks.ts";

const LAST_OFFSET = (1n << 63n) - 1n;
/** Partitions that sinks are asked about at once; a sink's own limit holds as well. */
const AT_ONCE = 32;

/** A sink with what became of asking it. */
export interface AskedSink {
  readonly tried: TriedSink;
  /** The first error; it is not asked again. */
  error: ArchiverError | null;
  behind: bigint;
}

export const askedSinks = (tried: readonly TriedSink[]): AskedSink[] =>
  tried.map((t) => ({ tried: t, error: t.error, behind: 0n }));

/** One pipeline as Kafka and the sinks show it, without any daemon. */
export async function pipelineStatus(
  view: PipelineView,
  asked: readonly AskedSink[],
  signal: AbortSignal,
): Promise<PartitionStatus[]> {
  const { pipeline } = view;
  const [committed, ends] = [await view.committed(), await view.offsets("latest")];
  const orders = await view.orders();
  const mine = asked.filter((a) => pipeline.sinks.some((s) => s.name === a.tried.config.name));
  const primary = primaryOf(mine);
  const branches = await newestBranches(primary, signal);
  const partitions: PartitionStatus[] = [];
  for (let i = 0; i < view.partitions.length; i += AT_ONCE) {
    const some = view.partitions.slice(i, i + AT_ONCE).map(async ({ topic, partition }) => {
      const topicId = view.catalogue.get(topic)?.topicId ?? "_";
      const branch = branches.get(`${topic}/${topicId}/${partition}`) ?? 0;
      const scope = { topic, topicId, partition, branch };
      const key = keyOf(scope);
      const last = await lastBatches(mine, primary, scope, signal);
      const end = ends.get(key) ?? null;
      const waiting = end === null ? "the partition has no leader now" : ordered(orders.get(key));
      return { ...partitionStatus(pipeline, scope, committed.get(key), end, last), waiting };
    });
    partitions.push(...(await Promise.all(some)));
  }
  return partitions;
}

/** What stands until somebody takes it back; a pause that ends by itself may be of one that has died. */
function ordered(requests: readonly OperatorRequest[] = []): string | null {
  const paused = requests.find((r) => r.do === "pause" && r.ttlMs === null);
  if (paused !== undefined) return `paused by ${paused.by}`;
  const skip = requests.find((r) => r.do === "skip");
  return skip === undefined ? null : `asked to skip to ${skip.to} by ${skip.by}`;
}

/** The sink that decides: the first that creates atomically; the first one while none was opened. */
const primaryOf = (asked: readonly AskedSink[]): AskedSink | undefined =>
  asked.find(({ tried }) => tried.sink?.capabilities.createOnly === "atomic") ?? asked[0];

async function newestBranches(
  primary: AskedSink | undefined,
  signal: AbortSignal,
): Promise<ReadonlyMap<string, number>> {
  const newest = new Map<string, number>();
  if (primary === undefined) return newest;
  await ask(primary, signal, async (sink) => {
    for await (const { topic, topicId, partition, branch } of sink.scopes(signal)) {
      const key = `${topic}/${topicId}/${partition}`;
      newest.set(key, Math.max(newest.get(key) ?? 0, branch));
    }
  });
  return newest;
}

/** Asks every sink for its newest batch, counts how far each is behind, answers the primary's. */
async function lastBatches(
  asked: readonly AskedSink[],
  primary: AskedSink | undefined,
  scope: Scope,
  signal: AbortSignal,
): Promise<Manifest | undefined> {
  const newest = await Promise.all(
    asked.map((a) => ask(a, signal, (sink) => sink.floor(scope, LAST_OFFSET, signal))),
  );
  const at = primary === undefined ? -1 : asked.indexOf(primary);
  const head = newest[at]?.end ?? 0n;
  asked.forEach((a, i) => {
    const end = newest[i]?.end ?? 0n;
    const first = end === 0n ? (newest[at]?.start ?? 0n) : end;
    if (head > end) a.behind += head - first;
  });
  return newest[at];
}

/** A sink that fails once is away: its state says so, and nothing else is asked of it. */
async function ask<T>(
  asked: AskedSink,
  signal: AbortSignal,
  work: (sink: Sink) => Promise<T>,
): Promise<T | undefined> {
  const { sink } = asked.tried;
  if (sink === null || asked.error !== null) return undefined;
  try {
    return await work(sink);
  } catch (error) {
    signal.throwIfAborted();
    if (!(error instanceof ArchiverError)) throw error;
    asked.error ??= error;
    return undefined;
  }
}

function partitionStatus(
  pipeline: PipelineConfig,
  scope: Scope,
  committed: CommittedOffset | undefined,
  end: bigint | null,
  last: Manifest | undefined,
): PartitionStatus {
  const offset = committed?.offset ?? null;
  const plans = offset === null || committed === undefined ? null : decodePlans(committed.metadata);
  const lag = offset === null || end === null ? null : end > offset ? end - offset : 0n;
  return {
    group: pipeline.group,
    ...scope,
    state: "unknown",
    committed: offset,
    end,
    lag,
    pendingPlans:
      plans === null || "invalid" in plans
        ? []
        : plans.plans.map(({ start, end: to }) => ({ start, end: to })),
    lastBatch: last === undefined ? null : lastBatch(last),
    waiting: null,
    oldestUnconfirmedMs: null,
    inFlight: 0,
  };
}

const lastBatch = (m: Manifest): PartitionStatus["lastBatch"] => ({
  start: m.start,
  end: m.end,
  records: m.records,
  path: m.seal.path,
  size: m.seal.size,
  maxTimestamp: m.maxTimestamp,
});

export function sinkStatus(config: Config, asked: readonly AskedSink[]): SinkStatus[] {
  const primaries = config.pipelines.map((p) =>
    primaryOf(asked.filter((a) => p.sinks.some((s) => s.name === a.tried.config.name))),
  );
  return asked.map((a) => ({
    name: a.tried.config.name,
    kind: a.tried.config.kind,
    primary: primaries.includes(a),
    state:
      a.error === null ? "ok" : a.error.code === "sink-unauthorized" ? "parked" : "unreachable",
    since: null,
    lastError: a.error?.message ?? null,
    next: a.error?.next ?? null,
    behind: a.error === null ? a.behind : null,
  }));
}
