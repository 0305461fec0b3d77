import { ArchiverError } from "../core/errors.ts";
import { encodePlans } from "../core/plan-codec.ts";
import type { Clock } from "../core/ports.ts";
import { type Scope, scopeText } from "../core/scope.ts";
import type { Log } from "../kafka/client/options.ts";
import type { Fetcher } from "../kafka/fetcher.ts";
import type { Lease } from "../kafka/lease.ts";
import type { TopicCatalogue } from "../kafka/topics.ts";
import type { OffsetStore } from "../pipeline/ports.ts";
import { beginBranch } from "./begin-branch.ts";
import { branchesOf } from "./branches.ts";
import type { OpenedSink } from "./open-sinks.ts";
import type { OperatorDesk } from "./operator-desk.ts";
import type { Partitions } from "./partitions.ts";

export interface BeginningPorts {
  readonly partitions: Partitions;
  readonly sinks: readonly OpenedSink[];
  readonly catalogue: TopicCatalogue;
  readonly fetcher: Fetcher;
  readonly offsets: OffsetStore;
  readonly desk: Pick<OperatorDesk, "read" | "holdsBack">;
  readonly clock: Clock;
  readonly log: Log;
  /** The lease that counts now. */
  readonly lease: () => Lease | null;
  readonly onBranch: (text: string) => void;
  readonly signal: AbortSignal;
}

const RETRY_MS = 1_000;

/** Begins the tasks of partitions that came with a lease. Tried until it succeeds or the lease is another. */
export function beginPartitions(p: BeginningPorts, lease: Lease | null): Promise<void> {
  if (lease === null) return Promise.resolve();
  // What a new generation interrupted is done under its lease.
  for (const { scope, task } of p.partitions) {
    if (task.state.stop?.code === "log-changed") void branchPartition(p, scope);
  }
  const came = lease.partitions.filter((at) => !p.partitions.has(at.topic, at.partition));
  if (came.length === 0) return Promise.resolve();
  return persist(p, lease, "the primary could not be asked for branches", async () => {
    // An operator's pause holds for whoever owns the partition.
    await p.desk.read(p.signal);
    const free = came.filter((at) => !p.desk.holdsBack(at));
    const scopes = await branchesOf(free, p.sinks[0]?.sink, p.catalogue, p.signal);
    if (p.lease() !== lease) return;
    for (const scope of scopes) {
      const { topic, partition } = scope;
      if (p.desk.holdsBack(scope) || p.partitions.has(topic, partition)) continue;
      p.partitions.begin(scope, lease);
    }
    p.fetcher.wake();
  });
}

/** Of each member's partitions: the committed offset at which a task was begun again in its branch. */
const again = new WeakMap<Partitions, Map<string, bigint>>();

/**
 * A partition whose log was cut short goes on in another branch. Where nothing that is archived was lost
 * it begins again in its own: what was cut off was only at hand. When that brings it no further it stays
 * stopped, as it does where it cannot be told.
 */
export async function branchPartition(p: BeginningPorts, scope: Scope): Promise<void> {
  const lease = p.lease();
  const [primary] = p.sinks;
  if (lease === null || primary === undefined) return;
  const ports = { primary: primary.sink, fetcher: p.fetcher, offsets: p.offsets };
  const committed = p.partitions.committed(scope) ?? 0n;
  await persist(p, lease, `${scopeText(scope)}: the next branch could not be begun`, async () => {
    // Offsets of another topic of this name say nothing about this one: it stays stopped.
    if (!(await p.catalogue.isStill(scope, p.signal))) return;
    const next = await beginBranch(ports, { scope, committed }, lease, p.signal);
    if (p.lease() !== lease) return;
    if (next === null) {
      const begun = begunAgain(p.partitions);
      if (begun.get(scopeText(scope)) === committed) return;
      await withoutPlans(p, scope, lease);
      // Not before: what a coordinator refused for now is done when it is asked again.
      begun.set(scopeText(scope), committed);
      p.partitions.end(scope.topic, scope.partition);
      p.partitions.begin(scope, lease);
      p.fetcher.wake();
      return;
    }
    p.partitions.end(scope.topic, scope.partition);
    p.partitions.begin(next.scope, lease);
    p.fetcher.wake();
    p.onBranch(
      `${scopeText(scope)}: the log was cut short; offsets ${next.from} to ${next.archivedTo} as archived are no ` +
        `longer in Kafka, and branch ${next.scope.branch} goes on from offset ${next.from}`,
    );
  });
}

/** What was planned may lie beyond the log's end, and would be waited for. */
async function withoutPlans(p: BeginningPorts, scope: Scope, lease: Lease): Promise<void> {
  const offset = p.partitions.committed(scope);
  if (offset === null) return;
  const { topic, partition } = scope;
  const metadata = encodePlans({ plans: [], chain: null, behind: [] });
  await p.offsets.commit(lease, { topic, partition, offset, metadata }, p.signal);
}

function begunAgain(partitions: Partitions): Map<string, bigint> {
  const known = again.get(partitions) ?? new Map<string, bigint>();
  again.set(partitions, known);
  return known;
}

/** Never rejects: what passes is tried again while the lease counts, what does not is said. */
async function persist(
  { clock, log, signal, ...p }: BeginningPorts,
  lease: Lease,
  trouble: string,
  work: () => Promise<void>,
): Promise<void> {
  while (!signal.aborted && p.lease() === lease) {
    try {
      await work();
      return;
    } catch (error) {
      if (signal.aborted) return;
      log.warn({ error: String(error) }, `${trouble}; again soon`);
      // The group says who goes on.
      if (error instanceof ArchiverError && error.code === "fenced") return;
      await clock.sleep(RETRY_MS);
    }
  }
}
